"""Finds the recipe of a run: file, domain's defaults and overrides together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from srkit import plugins as verbs
from srkit.config import OriginalRecipe, Recipe, trace_recipe
from srkit.errors import RecipeError, nearest_known
from srkit.plugins import Plugins


def resolve_recipe(
    plugins: Plugins, path: Path | None = None, *, domain: str | None = None, overrides: Sequence[str] = ()
) -> Recipe:
    """Return the recipe at `path` (None: the default) for `domain`, with `overrides` such as ``data.batch=4``.

    Raises RecipeError, and UnknownDomainError where no plugin owns the domain.
    """
    return resolve_origins(plugins, path, domain=domain, overrides=overrides).recipe


def resolve_origins(
    plugins: Plugins, path: Path | None = None, *, domain: str | None = None, overrides: Sequence[str] = ()
) -> OriginalRecipe:
    """Return what `resolve_recipe` does, with the origin of every value; raises the same."""
    defaults = {name: found.training for name, found in verbs.domains(plugins).items()}
    original = trace_recipe(path, domain=domain, domain_defaults=defaults, overrides=overrides)
    recipe = original.recipe
    known = [option.name for option in verbs.domain_named(plugins, recipe.domain).options]
    for name in recipe.options:
        if name not in known:
            hint = nearest_known(name, known)
            raise RecipeError(f"recipe: domain {recipe.domain!r} has no option {name!r}{hint}")
    return original
