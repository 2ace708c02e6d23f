"""Recipes: all that defines a training run, as frozen values read from YAML."""

from srkit.config.explanation import explained
from srkit.config.loading import OriginalRecipe, load_recipe, trace_recipe
from srkit.config.recipe import LossSection, OptimizerSection, PhaseSection, Recipe
from srkit.config.schema import recipe_schema

__all__ = [
    "LossSection",
    "OptimizerSection",
    "OriginalRecipe",
    "PhaseSection",
    "Recipe",
    "explained",
    "load_recipe",
    "recipe_schema",
    "trace_recipe",
]
