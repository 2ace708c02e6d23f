"""What a step of a degradation is, and how its parameters are checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from srkit.errors import RecipeError, nearest_known
from srkit.grid import ROLES, Role

Factors = tuple[int, ...]
Margin = tuple[int | None, ...]
FROM_ZERO = math.nextafter(0, -1)
"""As `low` of a number that may be 0."""


class DegradationStep(Protocol):
    """One step, with its parameters checked. It holds no state; randomness comes with the call."""

    @property
    def usual_axes(self) -> tuple[Role, ...]:
        """The axes along which it downscales; empty for steps that keep the size."""
        ...

    def margin(self, factors: Factors) -> Margin:
        """Return the input samples that it needs beyond a window per axis; None for the whole axis."""
        ...

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return ``(N, C, *(spatial / factors))`` of ``(N, C, *spatial)`` values in stored units.

        Without a generator the step takes its noise-free form.
        """
        ...


def axes_parameter(axes: Sequence[str] | None, usual: tuple[Role, ...], name: str) -> tuple[Role, ...]:
    """Return the roles of an ``axes`` parameter, or the usual ones. Raises RecipeError for anything else."""
    if axes is None:
        return usual
    if isinstance(axes, str):
        axes = (axes,)
    for axis in axes:
        if axis not in ROLES:
            known = ", ".join(ROLES)
            raise RecipeError(f"step {name!r}: no axis {axis!r} (known: {known}){nearest_known(str(axis), ROLES)}")
    return tuple(role for role in ROLES if role in axes)


def number_parameter(value: Any, what: str, *, low: float = 0.0, high: float = math.inf) -> float:
    """Return a finite number with ``low < value <= high``. Raises RecipeError naming `what`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low < value <= high or math.isinf(value):
        above = "of at least 0" if low == FROM_ZERO else f"above {low:g}"
        bound = f"in ({low:g}, {high:g}]" if math.isfinite(high) else above
        raise RecipeError(f"{what} is {value!r}, and must be a number {bound}")
    return float(value)


def numbers_parameter(value: Any, what: str, *, low: float = 0.0, high: float = math.inf) -> tuple[float, ...]:
    """Return one number, or one per channel, as a tuple. Raises RecipeError naming `what`."""
    many = value if isinstance(value, (list, tuple)) and value else [value]
    return tuple(number_parameter(v, what, low=low, high=high) for v in many)


def per_channel(numbers: Sequence[float], values: Tensor, what: str) -> Tensor:
    """Return `numbers` shaped to multiply ``(N, C, *spatial)``. Raises RecipeError if they do not fit its channels."""
    if len(numbers) not in (1, values.shape[1]):
        raise RecipeError(f"{what} has {len(numbers)} numbers for {values.shape[1]} channels; give one, or one each")
    column = torch.tensor(numbers, dtype=values.dtype, device=values.device)
    return column.reshape(1, -1, *([1] * (values.ndim - 2)))


def choice_parameter(value: Any, what: str, known: Sequence[str]) -> str:
    """Return `value` if it is one of `known`. Raises RecipeError with the nearest known."""
    if value not in known:
        raise RecipeError(f"{what} is {value!r} (known: {', '.join(known)}){nearest_known(str(value), known)}")
    return str(value)


def flag_parameter(value: Any, what: str) -> bool:
    """Return `value` if it is true or false. Raises RecipeError naming `what`."""
    if not isinstance(value, bool):
        raise RecipeError(f"{what} is {value!r}, and must be true or false")
    return value
