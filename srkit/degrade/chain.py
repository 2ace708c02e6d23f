"""Steps in order: from a recipe's list, over a batch, and how much of the image they need around a window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from srkit.degrade.filters import FILTERS
from srkit.degrade.function import FunctionStep
from srkit.degrade.kspace import KSpace
from srkit.degrade.noise import GaussianNoise, PoissonGaussian, Rician
from srkit.degrade.step import DegradationStep, Factors, Margin
from srkit.domain import Degradation, Step
from srkit.errors import RecipeError, nearest_known
from srkit.grid import Role

STEPS: Mapping[str, Callable[..., DegradationStep]] = {
    **FILTERS,
    "kspace": KSpace,
    "rician": Rician,
    "gaussian_noise": GaussianNoise,
    "poisson_gaussian": PoissonGaussian,
}
USUAL_ROLES: Mapping[int, tuple[Role, ...]] = {2: ("row", "column"), 3: ("slice", "row", "column")}


@dataclass(frozen=True, slots=True)
class _Link:
    """A step, and the factors by which it downscales each axis."""

    step: DegradationStep
    factors: Factors


def parse(spec: Sequence[Mapping[str, Any]]) -> Degradation:
    """Return the degradation of a recipe's list: mappings with a ``name``, the rest being its parameters.

    Raises RecipeError, with the nearest known name, for steps and parameters that do not exist or have no sense.
    """
    if isinstance(spec, (str, Mapping)) or not isinstance(spec, Sequence):
        raise RecipeError(f"degradation {spec!r} is not a list of steps")
    return Degradation(tuple(_parsed(entry) for entry in spec))


def apply(
    hr: Tensor,
    degradation: Degradation,
    scale: Factors,
    generator: torch.Generator | None = None,
    *,
    roles: Sequence[Role] | None = None,
    grid_axes: tuple[int, ...] | None = None,
) -> Tensor:
    """Return LR ``(N, C, *(spatial / scale))`` of `hr` ``(N, C, *spatial)``, both in stored units.

    Parameters
    ----------
    scale
        Factor per spatial axis, in network axis order; the sizes are multiples of it.
    generator
        Source of all randomness; None for the noise-free form.
    roles
        What the spatial axes are; ``row, column`` or ``slice, row, column`` if not given.
    grid_axes
        Grid axis of each network axis, for steps of plugins; the network's own order if not given.

    Raises RecipeError where the steps do not fit the image or do not downscale by all of `scale`.
    """
    for link in _links(degradation, scale, roles, grid_axes):
        hr = link.step.apply(hr, link.factors, generator)
    return hr


def margin(
    degradation: Degradation,
    scale: Factors,
    *,
    roles: Sequence[Role] | None = None,
    grid_axes: tuple[int, ...] | None = None,
) -> Margin:
    """Return the HR samples that LR needs beyond its window, per network axis; None for the whole axis.

    Numbers are multiples of `scale`, so that a window that starts on an LR sample still does with its margin:
    the LR of the wider window has ``margin / scale`` samples to crop on each side.
    """
    needs: list[int | None] = [0] * len(scale)
    for link in reversed(_links(degradation, scale, roles, grid_axes)):
        own = link.step.margin(link.factors)
        needs = [
            None if need is None or extra is None else need * factor + extra
            for need, extra, factor in zip(needs, own, link.factors, strict=True)
        ]
    return tuple(None if n is None else -(-n // s) * s for n, s in zip(needs, scale, strict=True))


def _parsed(entry: object) -> Step:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise RecipeError(f"degradation step {entry!r} is not a mapping with a name, such as {{name: bicubic}}")
    step = Step(entry["name"], {key: value for key, value in entry.items() if key != "name"})
    _built(step)
    return step


def _built(step: Step) -> DegradationStep:
    if step.name not in STEPS:
        hint = nearest_known(step.name, STEPS)
        raise RecipeError(f"no degradation step {step.name!r} (known: {', '.join(STEPS)}){hint}")
    factory = STEPS[step.name]
    known = [field.name for field in fields(factory)]  # type: ignore[arg-type]  # every step is a dataclass
    for key in step.parameters:
        if key not in known:
            raise RecipeError(f"degradation step {step.name!r} has no parameter {key!r}{nearest_known(key, known)}")
    try:
        return factory(**step.parameters)
    except TypeError as error:  # a parameter without a default is missing
        raise RecipeError(f"degradation step {step.name!r} is incomplete: {error}") from error


def _links(
    degradation: Degradation, scale: Factors, roles: Sequence[Role] | None, grid_axes: tuple[int, ...] | None
) -> list[_Link]:
    axes = tuple(roles) if roles is not None else USUAL_ROLES[len(scale)]
    order = grid_axes if grid_axes is not None else tuple(range(len(scale)))
    rest = list(scale)
    links = []
    for step in degradation.steps:
        built = FunctionStep(step, order) if step.function is not None else _built(step)
        factors = tuple(f if role in built.usual_axes else 1 for f, role in zip(rest, axes, strict=True))
        rest = [r // f for r, f in zip(rest, factors, strict=True)]
        links.append(_Link(built, factors))
    return _with_rest(links, tuple(rest), axes)


def _with_rest(links: list[_Link], rest: Factors, axes: Sequence[Role]) -> list[_Link]:
    """Give the factors that no step of ours takes to the first step of a plugin, which must then downscale."""
    if max(rest) == 1:
        return links
    for place, link in enumerate(links):
        if isinstance(link.step, FunctionStep):
            return [*links[:place], _Link(link.step, rest), *links[place + 1 :]]
    missing = ", ".join(f"{role} by {factor}" for role, factor in zip(axes, rest, strict=True) if factor > 1)
    raise RecipeError(f"the degradation does not downscale {missing}; add a step that does, such as bicubic or profile")
