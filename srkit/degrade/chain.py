"""Steps in order: from a recipe's list, over a batch, and how much of the image they need around a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from srkit.degrade.decibel import decibels_of, power_of
from srkit.degrade.drawing import ONE_OF, alternatives, as_step, is_open, settled
from srkit.degrade.links import Axes, built, chain_reach, linked, samples
from srkit.degrade.noise import NOISES
from srkit.degrade.step import Factors, Margin
from srkit.domain import Degradation, Step
from srkit.errors import RecipeError
from srkit.grid import Role

USUAL_ROLES: Mapping[int, tuple[Role, ...]] = {2: ("row", "column"), 3: ("slice", "row", "column")}


def parse(spec: Sequence[Mapping[str, Any]]) -> Degradation:
    """Return the degradation of a recipe's list: mappings with a ``name``, the rest being its parameters.

    Raises RecipeError, with the nearest known name, for steps and parameters that do not exist or have no sense.
    """
    if isinstance(spec, (str, Mapping)) or not isinstance(spec, Sequence):
        raise RecipeError(f"degradation {spec!r} is not a list of steps")
    return Degradation(tuple(_checked(as_step(entry)) for entry in spec))


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
        Source of all randomness; None for the noise-free form. What is a range or a choice is drawn first, once for
        the batch, as `settled` does it.
    roles
        What the spatial axes are; ``row, column`` or ``slice, row, column`` if not given.
    grid_axes
        Grid axis of each network axis, for steps of plugins; the network's own order if not given.

    Raises RecipeError where the steps do not fit the image or do not downscale by all of `scale`.
    """
    steps = settled(degradation, generator).steps
    size = tuple(hr.shape[2:])
    values = power_of(hr) if degradation.decibel else hr
    for link in linked(steps, _axes(scale, roles, grid_axes)):
        values = link.apply(values, size, generator)
    return decibels_of(values) if degradation.decibel else values


def margin(
    degradation: Degradation,
    scale: Factors,
    *,
    roles: Sequence[Role] | None = None,
    grid_axes: tuple[int, ...] | None = None,
) -> Margin:
    """Return the HR samples that LR needs beyond its window, per network axis; None for the whole axis.

    Numbers are multiples of `scale`, so that a window that starts on an LR sample still does with its margin:
    the LR of the wider window has ``margin / scale`` samples to crop on each side. Whatever is drawn, they suffice.
    """
    chain = linked(degradation.steps, _axes(scale, roles, grid_axes))
    needs, _ = chain_reach(chain, (1.0,) * len(scale))
    return samples(needs, scale)


def is_random(degradation: Degradation) -> bool:
    """Tell whether the same HR may give another LR the next time."""
    return any(step.function is not None or step.name in NOISES or is_open(step) for step in degradation.steps)


def noise_free(degradation: Degradation) -> Degradation:
    """Return what `apply` does without a generator: nothing drawn, the middle of ranges, and no step of noise."""
    steps = settled(degradation, None).steps
    return replace(degradation, steps=tuple(s for s in steps if s.name not in NOISES and not s.random))


def _checked(step: Step) -> Step:
    if step.name == ONE_OF:
        for option in alternatives(step):
            for inner in option:
                _checked(inner)
    else:
        built(step)
    return step


def _axes(scale: Factors, roles: Sequence[Role] | None, grid_axes: tuple[int, ...] | None) -> Axes:
    return Axes(
        tuple(roles) if roles is not None else USUAL_ROLES[len(scale)],
        tuple(scale),
        grid_axes if grid_axes is not None else tuple(range(len(scale))),
    )
