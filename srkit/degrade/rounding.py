"""Rounding to what an item's type can store, and which steps a type allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from srkit.degrade.drawing import changed
from srkit.degrade.step import Factors, Margin, number_parameter
from srkit.domain import Degradation, Step
from srkit.errors import InputError, RecipeError
from srkit.grid import Role
from srkit.image import Encoding


@dataclass(frozen=True, slots=True)
class Rounding:
    """Values rounded (half to even) to ``slope * integer + intercept`` and clipped to ``low`` .. ``high`` integers.

    Without `slope` the item's own type decides, and integers keep what they can hold; floats pass as they are.
    The noise-free form changes nothing: what rounds is no filter.
    """

    slope: float | None = None
    intercept: float = 0.0
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if self.slope is not None:
            number_parameter(abs(self.slope), "slope of step 'rounding'")

    @property
    def usual_axes(self) -> tuple[Role, ...]:
        """None: it keeps the size."""
        return ()

    def margin(self, factors: Factors) -> Margin:
        """Return 0 for every axis."""
        return (0,) * len(factors)

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the rounded values. Raises RecipeError where nobody has said how they are stored."""
        del factors
        if generator is None:
            return values
        if self.slope is None:
            raise RecipeError("step 'rounding' does not know how samples are stored; give it a slope, such as 1")
        stored = ((values.double() - self.intercept) / self.slope).round().clamp(self.low, self.high)
        return (stored * self.slope + self.intercept).to(values.dtype)


def as_stored(degradation: Degradation, encoding: Encoding) -> Degradation:
    """Return the steps with ``rounding`` completed for the type of an item.

    Raises InputError where a step wants another type: JPEG has 8 bits.
    """
    return changed(degradation, lambda step: _completed(step, encoding))


def _completed(step: Step, encoding: Encoding) -> list[Step]:
    if step.name == "jpeg" and (encoding.dtype != np.uint8 or (encoding.slope, encoding.intercept) != (1.0, 0.0)):
        raise InputError(
            f"is stored as {encoding.dtype}, and step 'jpeg' is for 8-bit samples; leave out the one or the other"
        )
    if step.name != "rounding" or step.parameters.get("slope") is not None:
        return [step]
    if encoding.dtype.kind == "f":
        return []
    low, high = encoding.limits
    own = {"slope": encoding.slope, "intercept": encoding.intercept, "low": low, "high": high}
    return [Step("rounding", {**own, **step.parameters})]
