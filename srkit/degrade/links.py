"""Lays steps on an image: which factors each takes, and how far the whole sees."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import torch
from torch import Tensor

from srkit.degrade.blur import Blur
from srkit.degrade.drawing import ONE_OF, alternatives, corners
from srkit.degrade.filters import FILTERS
from srkit.degrade.function import FunctionStep
from srkit.degrade.jpeg import Jpeg
from srkit.degrade.kspace import KSpace
from srkit.degrade.noise import NOISES
from srkit.degrade.resize import Resize
from srkit.degrade.rounding import Rounding
from srkit.degrade.step import DegradationStep, Factors
from srkit.domain import Step
from srkit.errors import RecipeError, nearest_known
from srkit.grid import Role

STEPS: Mapping[str, Callable[..., DegradationStep | Resize]] = {
    **FILTERS,
    "kspace": KSpace,
    **NOISES,
    "blur": Blur,
    "resize": Resize,
    "jpeg": Jpeg,
    "rounding": Rounding,
}
Needs = tuple[float | None, ...]
Zoom = tuple[float, ...]
"""Samples per HR sample, per axis."""


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of a network: their roles, their factors, and the grid axis of each."""

    roles: tuple[Role, ...]
    scale: Factors
    grid: tuple[int, ...]


class Link(Protocol):
    """A step, or several of which one is taken, at its place in a chain."""

    def reach(self, zoom: Zoom) -> tuple[Needs, Zoom]:
        """Return the HR samples that it needs at most beyond a window, and the least zoom it ends with."""
        ...

    def apply(self, values: Tensor, hr_size: Sequence[int], generator: torch.Generator | None) -> Tensor:
        """Return the degraded values; `hr_size` is that of the image before the first step, per axis."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A step that downscales by whole `factors`, or keeps the size; `built` once for each bound of its ranges."""

    built: tuple[DegradationStep, ...]
    factors: Factors

    def reach(self, zoom: Zoom) -> tuple[Needs, Zoom]:
        """Return the widest need of all bounds."""
        margins = [step.margin(self.factors) for step in self.built]
        needs = tuple(_largest(column) for column in zip(*margins, strict=True))
        seen = tuple(None if n is None else n / z for n, z in zip(needs, zoom, strict=True))
        return seen, tuple(z / f for z, f in zip(zoom, self.factors, strict=True))

    def apply(self, values: Tensor, hr_size: Sequence[int], generator: torch.Generator | None) -> Tensor:
        """Return the step's result."""
        del hr_size
        return self.built[0].apply(values, self.factors, generator)


@dataclass(frozen=True, slots=True)
class Resizing:
    """A resize to any number of samples."""

    built: tuple[Resize, ...]
    axes: Axes

    def reach(self, zoom: Zoom) -> tuple[Needs, Zoom]:
        """Return its reach, and the least zoom of all bounds."""
        margin = self.built[0].margin(self.axes.scale)
        after = [self._zoom(step, zoom) for step in self.built]
        needs = tuple(float(n or 0) / z for n, z in zip(margin, zoom, strict=True))
        return needs, tuple(min(column) for column in zip(*after, strict=True))

    def apply(self, values: Tensor, hr_size: Sequence[int], generator: torch.Generator | None) -> Tensor:
        """Return the values resized."""
        del generator  # nothing random here
        zoom = self._zoom(self.built[0], (1.0,) * len(hr_size))
        rows, columns = (max(1, round(n * z)) for n, z in list(zip(hr_size, zoom, strict=True))[-2:])
        return self.built[0].resized(values, (rows, columns))

    def _zoom(self, step: Resize, before: Zoom) -> Zoom:
        own = zip(before, self.axes.roles, self.axes.scale, strict=True)
        return tuple(step.zoom(s) if role in step.usual_axes else z for z, role, s in own)


@dataclass(frozen=True, slots=True)
class Choice:
    """Chains of which one is taken."""

    chains: tuple[tuple[Link, ...], ...]

    def reach(self, zoom: Zoom) -> tuple[Needs, Zoom]:
        """Return the widest need of all chains, and the least zoom."""
        found = [chain_reach(chain, zoom) for chain in self.chains]
        needs = tuple(_largest(column) for column in zip(*(need for need, _ in found), strict=True))
        return needs, tuple(min(column) for column in zip(*(after for _, after in found), strict=True))

    def apply(self, values: Tensor, hr_size: Sequence[int], generator: torch.Generator | None) -> Tensor:
        """Raise ValueError: what is drawn is drawn before."""
        raise ValueError("a choice that nobody has settled")


def chain_reach(chain: Sequence[Link], zoom: Zoom) -> tuple[Needs, Zoom]:
    """Return the HR samples that a chain needs beyond a window per axis (None: all), and the least zoom at its end."""
    needs: list[float | None] = [0.0] * len(zoom)
    for link in chain:
        own, zoom = link.reach(zoom)
        needs = [None if a is None or b is None else a + b for a, b in zip(needs, own, strict=True)]
    return tuple(needs), zoom


def built(step: Step) -> list[DegradationStep | Resize]:
    """Return the core's step, once for each combination of what bounds its parameters.

    Raises RecipeError, with the nearest known name, for what does not exist or has no sense.
    """
    if step.name not in STEPS:
        known = (*STEPS, ONE_OF)
        hint = nearest_known(step.name, known)
        raise RecipeError(f"no degradation step {step.name!r} (known: {', '.join(known)}){hint}")
    factory = STEPS[step.name]
    names = [field.name for field in fields(factory)]  # type: ignore[arg-type]  # every step is a dataclass
    for key in step.parameters:
        if key not in names:
            raise RecipeError(f"degradation step {step.name!r} has no parameter {key!r}{nearest_known(key, names)}")
    try:
        return [factory(**parameters) for parameters in corners(step.parameters)]
    except TypeError as error:  # a parameter without a default is missing
        raise RecipeError(f"degradation step {step.name!r} is incomplete: {error}") from error


Rest = tuple[int, ...]
"""Factor that is still to be lost per axis; 0 where a resize has left both grids."""


def linked(steps: Sequence[Step], axes: Axes) -> tuple[Link, ...]:
    """Return the chain of `steps`. Raises RecipeError where they do not downscale by all of the scale."""
    chain, rest = _chain(steps, axes, axes.scale)
    if 0 in rest:
        raise RecipeError("the degradation leaves the LR grid; end it with {name: resize}, which comes back to it")
    return _with_rest(chain, rest, axes)


def _chain(steps: Sequence[Step], axes: Axes, rest: Rest) -> tuple[tuple[Link, ...], Rest]:
    links: list[Link] = []
    for step in steps:
        link, rest = _link(step, axes, rest)
        links.append(link)
    return tuple(links), rest


def _link(step: Step, axes: Axes, rest: Rest) -> tuple[Link, Rest]:
    if step.function is not None:
        return Whole((FunctionStep(step, axes.grid),), (1,) * len(rest)), rest
    if step.name == ONE_OF:
        return _choice(step, axes, rest)
    bounds = built(step)
    resizes = tuple(bound for bound in bounds if isinstance(bound, Resize))
    if resizes:
        return Resizing(resizes, axes), _resized(resizes, axes, rest)
    whole = tuple(bound for bound in bounds if not isinstance(bound, Resize))
    taken = tuple(f if role in whole[0].usual_axes else 1 for f, role in zip(rest, axes.roles, strict=True))
    if 0 in taken:
        raise RecipeError(f"step {step.name!r} downscales by whole factors and cannot follow a resize; end with one")
    return Whole(whole, taken), tuple(r // f for r, f in zip(rest, taken, strict=True))


def _choice(step: Step, axes: Axes, rest: Rest) -> tuple[Link, Rest]:
    found = [_chain(option, axes, rest) for option in alternatives(step)]
    rests = {after for _, after in found}
    if any(len(set(column)) > 1 and 0 not in column for column in zip(*rests, strict=True)):
        raise RecipeError(f"the steps of {ONE_OF!r} downscale by different factors; let each downscale alike")
    least = tuple(min(column) for column in zip(*rests, strict=True))
    return Choice(tuple(chain for chain, _ in found)), least


def _resized(steps: Sequence[Resize], axes: Axes, rest: Rest) -> Rest:
    if axes.roles[-2:] not in (("row", "column"), ("column", "row")):
        raise RecipeError(f"step 'resize' works on rows and columns, and the axes are {', '.join(axes.roles)}")
    left = 1 if all(step.ends_on_lr for step in steps) else 0
    return tuple(left if role in steps[0].usual_axes else r for r, role in zip(rest, axes.roles, strict=True))


def _with_rest(links: tuple[Link, ...], rest: Rest, axes: Axes) -> tuple[Link, ...]:
    """Give the factors that no step of ours takes to the first step of a plugin, which must then downscale."""
    if max(rest) == 1:
        return links
    for place, link in enumerate(links):
        if isinstance(link, Whole) and isinstance(link.built[0], FunctionStep):
            return (*links[:place], Whole(link.built, rest), *links[place + 1 :])
    missing = ", ".join(f"{role} by {factor}" for role, factor in zip(axes.roles, rest, strict=True) if factor > 1)
    raise RecipeError(f"the degradation does not downscale {missing}; add a step that does, such as bicubic or profile")


def _largest(numbers: Sequence[float | None]) -> float | None:
    known = [n for n in numbers if n is not None]
    return max(known) if len(known) == len(numbers) else None


def samples(needs: Needs, scale: Factors) -> tuple[int | None, ...]:
    """Return needs as whole HR samples, multiples of `scale`."""
    # a hair less: thirds of samples add up to whole ones only nearly
    return tuple(None if n is None else math.ceil((n - 1e-6) / s) * s for n, s in zip(needs, scale, strict=True))
