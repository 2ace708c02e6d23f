"""Makes a recipe of the core's defaults, the domain's, a file and the overrides of the command line, in this order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from srkit.config.layers import Given, marked, merged, override_layer, plain, read_layer
from srkit.config.problems import problems_of
from srkit.config.recipe import Recipe
from srkit.errors import RecipeError

CORE_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "network": {"name": "srresnet", "parameters": {"features": 32, "blocks": 4, "skip": "bicubic"}},
        "discriminator": {"name": "vgg"},
        "normalizer": {"kind": "range"},
        "losses": {"pixel": {"kind": "l1"}},
        "phases": [
            {"name": "content", "steps": 2000, "learning_rate": [[0, 5e-4], [1500, 1e-4]], "losses": {"pixel": 1.0}}
        ],
    }
)
"""What a recipe says where neither file nor domain says otherwise: a small network for a CPU, trained for fidelity."""
DomainDefaults = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, eq=False, slots=True)
class OriginalRecipe:
    """A recipe, and where each of its values comes from: `layers` is its content with every plain value marked."""

    recipe: Recipe
    layers: Mapping[str, Any]


def load_recipe(
    path: Path | None,
    *,
    domain: str | None = None,
    domain_defaults: DomainDefaults = MappingProxyType({}),
    overrides: Sequence[str] = (),
) -> Recipe:
    """Return the recipe of a YAML file, or the default one where `path` is None.

    Parameters
    ----------
    domain
        Overrides the file's domain.
    domain_defaults
        `Domain.training` of each domain by its name; that of the recipe's domain is used.
    overrides
        ``"data.batch=4"``: dotted keys with YAML values; they win over everything.

    Raises
    ------
    RecipeError
        For a file that is no YAML mapping; for unknown keys, all of them with the nearest known ones; or for a wrong
        value, with its place.
    """
    return trace_recipe(path, domain=domain, domain_defaults=domain_defaults, overrides=overrides).recipe


def trace_recipe(
    path: Path | None,
    *,
    domain: str | None = None,
    domain_defaults: DomainDefaults = MappingProxyType({}),
    overrides: Sequence[str] = (),
    beginning: tuple[str, Mapping[str, Any]] = ("", MappingProxyType({})),
) -> OriginalRecipe:
    """Return the recipe as `load_recipe` does, with the origin of every value.

    `beginning` is one layer more and its name, between the domain's defaults and the file: what a trained model says.
    """
    where = str(path) if path else "recipe"
    given = read_layer(path) if path else {}
    for text in overrides:
        given = merged(given, override_layer(text))
    if domain is not None:
        given["domain"] = Given(domain, "--domain")
    origin, content = beginning
    name = plain(given["domain"]) if "domain" in given else content.get("domain")
    if not isinstance(name, str):
        raise RecipeError(f"{where}: names no domain; add `domain: mri` or give --domain")
    base = merged(marked(CORE_DEFAULTS, "srkit"), marked(domain_defaults.get(name, {}), f"domain {name}"))
    base = merged(base, marked(content, origin))
    if "losses" in given and isinstance(given.get("phases"), list):
        base.pop("losses")  # with phases of its own, a recipe weighs losses of its own
    layers = merged(base, given)
    try:
        return OriginalRecipe(Recipe.model_validate(plain(layers)), layers)
    except ValidationError as error:
        raise RecipeError(f"{where}: {problems_of(error)}") from error
