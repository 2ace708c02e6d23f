"""Training: phases of weighted losses over batches, with observers that log, validate, picture and checkpoint."""

from srkit.training.recipes.resolution import resolve_origins, resolve_recipe
from srkit.training.running.run import TrainResult
from srkit.training.running.train import train

__all__ = ["TrainResult", "resolve_origins", "resolve_recipe", "train"]
