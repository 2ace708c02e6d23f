"""Finds the recipe of a run: file, domain's defaults and overrides together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from srkit import plugins as verbs
from srkit.config import OriginalRecipe, Recipe, trace_recipe
from srkit.errors import RecipeError, nearest_known
from srkit.models.file import read_info
from srkit.models.shelf import model_path
from srkit.plugins import Plugins


def resolve_recipe(
    plugins: Plugins, path: Path | None = None, *, domain: str | None = None, overrides: Sequence[str] = ()
) -> Recipe:
    """Return the recipe at `path` (None: the default) for `domain`, with `overrides` such as ``data.batch=4``.

    Raises RecipeError, and UnknownDomainError where no plugin owns the domain.
    """
    return resolve_origins(plugins, path, domain=domain, overrides=overrides).recipe


def resolve_origins(
    plugins: Plugins,
    path: Path | None = None,
    *,
    domain: str | None = None,
    overrides: Sequence[str] = (),
    model: str | Path | None = None,
) -> OriginalRecipe:
    """Return what `resolve_recipe` does, with the origin of every value; raises the same.

    `model` is the file or the name of a model to begin with: what it says of itself stands where no file does.
    """
    defaults = {name: found.training for name, found in verbs.domains(plugins).items()}
    beginning = ("", {}) if model is None else (f"model {Path(model).stem}", _said_by(plugins, str(model)))
    original = trace_recipe(path, domain=domain, domain_defaults=defaults, overrides=overrides, beginning=beginning)
    recipe = original.recipe
    known = [option.name for option in verbs.domain_named(plugins, recipe.domain).options]
    for name in recipe.options:
        if name not in known:
            hint = nearest_known(name, known)
            raise RecipeError(f"recipe: domain {recipe.domain!r} has no option {name!r}{hint}")
    return original


def _said_by(plugins: Plugins, model: str) -> dict[str, Any]:
    """Return the part of a recipe that a model file speaks of: its domain, network, axes and degradation."""
    path = model_path(plugins, model)
    info = read_info(path)
    own = info.training.get("recipe", {})
    said = {
        "domain": info.domain,
        "scale": list(info.scale.factors),
        "roles": list(info.roles),
        "network": {"name": info.network, "parameters": dict(info.parameters)},
        "degradation": [dict(step) for step in info.degradation] or None,
        "from_model": str(path.resolve()),
    }
    return {**said, **({"normalizer": own["normalizer"]} if "normalizer" in own else {})}
