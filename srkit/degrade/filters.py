"""Downscaling steps in image space: a kernel per axis, then centred decimation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from srkit.degrade.decimation import Taps, decimate, taps
from srkit.degrade.step import (
    Factors,
    Margin,
    axes_parameter,
    choice_parameter,
    number_parameter,
    numbers_parameter,
)
from srkit.errors import RecipeError
from srkit.grid import ROLES, Role

Kernel = Callable[[float], float]
FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))  # 2.355
REACH_IN_SIGMAS = 4.0  # a Gaussian's tail beyond is 6e-5


@dataclass(frozen=True, slots=True)
class _Filter:
    """Shared arithmetic: subclasses give the taps for a factor."""

    axes: Sequence[str] | None = None

    @property
    def usual_axes(self) -> tuple[Role, ...]:
        return axes_parameter(self.axes, ROLES, type(self).__name__.lower())

    def taps(self, factor: int) -> Taps:
        raise NotImplementedError

    def margin(self, factors: Factors) -> Margin:
        """Return the HR samples beyond a window that the kernels reach."""
        return tuple(self.taps(f).margin(f) if f > 1 else 0 for f in factors)

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the values downscaled by `factors`; axes with factor 1 are left as they are."""
        del generator  # nothing random here
        for axis, factor in enumerate(factors, start=2):
            if factor > 1:
                values = decimate(values, axis, self.taps(factor), factor)
        return values


@dataclass(frozen=True, slots=True)
class Bicubic(_Filter):
    """Antialiased bicubic: Keys 1981 with a = -1/2, stretched by the factor. Equals Pillow's and torch's."""

    def __post_init__(self) -> None:
        axes_parameter(self.axes, ROLES, "bicubic")

    def taps(self, factor: int) -> Taps:
        """Return the weights for a factor."""
        return taps([lambda x: _keys(x / factor)], 2 * factor, factor)


@dataclass(frozen=True, slots=True)
class Area(_Filter):
    """Mean of the HR samples that an LR sample covers."""

    def __post_init__(self) -> None:
        axes_parameter(self.axes, ROLES, "area")

    def taps(self, factor: int) -> Taps:
        """Return the weights for a factor."""
        return taps([lambda _: 1.0], (factor - 1) / 2, factor)


@dataclass(frozen=True, slots=True)
class Gaussian(_Filter):
    """Gaussian point spread, then centred decimation.

    Parameters
    ----------
    sigma
        Standard deviation in LR samples; one number, or one per channel.
    mtf
        Instead of `sigma`: the modulation left at the LR's Nyquist frequency, in (0, 1); one number, or one per
        channel. ``sigma_hr = s sqrt(-2 ln mtf) / pi``.
    """

    sigma: float | Sequence[float] | None = None
    mtf: float | Sequence[float] | None = None

    def __post_init__(self) -> None:
        axes_parameter(self.axes, ROLES, "gaussian")
        if (self.sigma is None) == (self.mtf is None):
            raise RecipeError("step 'gaussian' needs either sigma (in LR samples) or mtf (at LR Nyquist)")
        self._sigmas()

    def _sigmas(self) -> tuple[float, ...]:
        if self.mtf is None:
            return numbers_parameter(self.sigma, "sigma of step 'gaussian'")
        shares = numbers_parameter(self.mtf, "mtf of step 'gaussian'", high=math.nextafter(1, 0))
        return tuple(math.sqrt(-2 * math.log(m)) / math.pi for m in shares)

    def taps(self, factor: int) -> Taps:
        """Return the weights for a factor."""
        sigmas = [factor * s for s in self._sigmas()]
        return taps([_gaussian(s) for s in sigmas], max(factor / 2, REACH_IN_SIGMAS * max(sigmas)), factor)


@dataclass(frozen=True, slots=True)
class Profile(_Filter):
    """Slice profile: what a thick slice sums of the tissue along its normal.

    Parameters
    ----------
    shape
        ``box`` (exact overlap with the HR samples), or ``gaussian`` whose full width at half maximum is the thickness.
    thickness
        Slice thickness in units of the LR spacing: 1 for slices that touch, below with a gap, above with overlap.
    """

    shape: Literal["box", "gaussian"] = "gaussian"
    thickness: float = 1.0

    def __post_init__(self) -> None:
        choice_parameter(self.shape, "shape of step 'profile'", ("box", "gaussian"))
        number_parameter(self.thickness, "thickness of step 'profile'")
        axes_parameter(self.axes, ("slice",), "profile")

    @property
    def usual_axes(self) -> tuple[Role, ...]:
        """The slice axis."""
        return axes_parameter(self.axes, ("slice",), "profile")

    def taps(self, factor: int) -> Taps:
        """Return the weights for a factor."""
        width = self.thickness * factor
        if self.shape == "box":
            return taps([lambda x: _overlap(x, width)], max(0.5, width / 2 + 0.5), factor)
        sigma = width / FWHM_PER_SIGMA
        return taps([_gaussian(sigma)], max(factor / 2, REACH_IN_SIGMAS * sigma), factor)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "bicubic": Bicubic,
    "area": Area,
    "gaussian": Gaussian,
    "profile": Profile,
}


def _keys(x: float) -> float:
    x = abs(x)
    if x < 1:
        return (1.5 * x - 2.5) * x * x + 1
    return ((-0.5 * x + 2.5) * x - 4) * x + 2 if x < 2 else 0.0


def _gaussian(sigma: float) -> Kernel:
    return lambda x: math.exp(-0.5 * (x / sigma) ** 2)


def _overlap(x: float, width: float) -> float:
    """Return how much of the sample at distance `x`, one wide, lies in a centred box of `width`."""
    return max(0.0, min(x + 0.5, width / 2) - max(x - 0.5, -width / 2))
