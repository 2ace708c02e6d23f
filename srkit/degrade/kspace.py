"""Truncation in k-space: how a scanner makes a smaller matrix of the same field of view."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from srkit.degrade.step import Factors, Margin, axes_parameter, choice_parameter, flag_parameter, number_parameter
from srkit.grid import Role

USUAL: tuple[Role, ...] = ("row", "column")


@dataclass(frozen=True, slots=True)
class KSpace:
    """Keep the central part of the spectrum of whole axes.

    Per axis of N samples ``y = (1/s) F^-1[W(k) crop(F x) exp(2 pi i k (s - 1) / (2 N))]``. The phase ramp puts LR
    samples at ``(i + 1/2) s - 1/2``; without it they lie ``(s - 1) / 2`` HR samples off.

    Parameters
    ----------
    window
        ``none`` (Gibbs ringing), ``hamming`` or ``tukey``.
    taper
        Tukey's share of the window that falls off, in (0, 1].
    magnitude
        Return the magnitude, as a scanner does; False returns the real part, for values with a sign.
    """

    window: Literal["none", "hamming", "tukey"] = "none"
    taper: float = 0.5
    magnitude: bool = True
    axes: Sequence[str] | None = None

    def __post_init__(self) -> None:
        choice_parameter(self.window, "window of step 'kspace'", ("none", "hamming", "tukey"))
        number_parameter(self.taper, "taper of step 'kspace'", high=1.0)
        flag_parameter(self.magnitude, "magnitude of step 'kspace'")
        axes_parameter(self.axes, USUAL, "kspace")

    @property
    def usual_axes(self) -> tuple[Role, ...]:
        """Rows and columns."""
        return axes_parameter(self.axes, USUAL, "kspace")

    def margin(self, factors: Factors) -> Margin:
        """Return None for the axes that it truncates: every sample depends on all of them."""
        return tuple(None if f > 1 else 0 for f in factors)

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the values downscaled by `factors`, which divide the sizes."""
        del generator  # nothing random here
        if max(factors) == 1:
            return values
        signal = values.to(torch.promote_types(values.dtype, torch.complex64))
        for axis, factor in enumerate(factors, start=2):
            if factor > 1:
                signal = self._truncated(signal, axis, factor)
        return (signal.abs() if self.magnitude else signal.real).to(values.dtype)

    def _truncated(self, signal: Tensor, axis: int, factor: int) -> Tensor:
        length = signal.shape[axis]
        if length % factor:
            raise ValueError(f"{length} samples along axis {axis} are no multiple of {factor}; crop them first")
        size = length // factor
        first = length // 2 - size // 2
        spectrum = torch.fft.fftshift(torch.fft.fft(signal, dim=axis), dim=axis).narrow(axis, first, size)
        k = torch.arange(size, dtype=torch.float64) - size // 2
        ramp = torch.exp(1j * math.pi * k * (factor - 1) / length) * self._weights(k / size)
        shape = [1] * signal.ndim
        shape[axis] = size
        spectrum = spectrum * (ramp / factor).to(signal.dtype).to(signal.device).reshape(shape)
        result: Tensor = torch.fft.ifft(torch.fft.ifftshift(spectrum, dim=axis), dim=axis)
        return result

    def _weights(self, position: Tensor) -> Tensor:
        """Return the window at `position`, -1/2 .. 1/2 across the kept part."""
        if self.window == "none":
            return torch.ones_like(position)
        if self.window == "hamming":
            return 0.54 + 0.46 * torch.cos(2 * math.pi * position)
        inner = (1 - self.taper) / 2
        fall = ((position.abs() - inner) / (0.5 - inner)).clamp(0, 1)
        return 0.5 * (1 + torch.cos(math.pi * fall))
