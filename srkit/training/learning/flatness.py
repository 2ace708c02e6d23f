"""A collapse, noticed: a network that answers every image with one flat value."""

from __future__ import annotations

import torch
from torch import Tensor

from srkit.errors import DivergedError
from srkit.training.processes.world import World

FLAT = 1e-3  # of the spread of HR; a fresh network of random weights has far more
PATIENCE = 200


class Flatness:
    """Notices a collapse: for many steps in a row SR is one flat value while HR is not."""

    def __init__(self, patience: int = PATIENCE, world: World | None = None) -> None:
        self._patience = patience
        self._world = world or World()
        self._flat_steps = 0

    def check(self, sr: Tensor, hr: Tensor) -> None:
        """Look at a step's images. Raises DivergedError when all of the last steps were flat in some process."""
        with torch.no_grad():
            flat = bool(sr.std() < FLAT * hr.std())
        self._flat_steps = self._flat_steps + 1 if flat else 0
        if self._world.any(self._flat_steps >= self._patience):
            self._flat_steps = 0
            raise DivergedError(
                f"the network has answered every image with one flat value for {self._patience} steps; "
                "use a lower learning rate, or less weight for the adversarial loss"
            )
