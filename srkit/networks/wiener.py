"""Wiener's filter: the best linear reconstruction of HR for a degradation that is known.

For an LR image ``y = A x + n`` with a linear degradation A, an image x whose expected spectral power is S and white
noise n, no linear reconstruction has a smaller mean square error than (Wiener 1949; here with the
aliasing of the decimation)::

    X(f_j) = S(f_j) conj(H(f_j)) / (sum_i S(f_i) |H(f_i)|^2 / D + noise) Y(f)

H is the transfer function of A before its decimation by D samples, and ``f_i`` are the D frequencies of HR that
decimation folds on the frequency f of LR. What a network gains over this is what it knows of images beyond their
spectrum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from srkit.degrade import apply, parse
from srkit.domain import Degradation
from srkit.errors import RecipeError
from srkit.grid import Role
from srkit.networks.dimension import Sizes
from srkit.networks.generator import Generator
from srkit.networks.interpolation import symmetric_index
from srkit.networks.shuffle import pixel_shuffle

NOISE, EXPONENT = 3e-3, 2.5
"""Near the best on held-out MR slices and satellite scenes, whose optima are wide."""
RADIUS = {1: 64, 2: 64, 3: 12}
"""LR samples that the filter looks to each side, by the number of enlarged axes. What undoes a truncation in k-space
fades slowly: on MR slices, 12 samples in place of 64 cost half a decibel."""
BASE, IMPULSE = 1.0, 1e-3
"""A degradation is probed by a small impulse on a constant: the magnitude of a signal is linear there."""


class Wiener(Generator):
    """Reconstruct HR by one fixed filter per channel, found from a degradation; axes of factor 1 are left alone.

    Parameters
    ----------
    degradation
        The steps, as in a recipe; taken in their noise-free form. Each must be linear.
    roles
        What the axes are; ``row, column`` or ``slice, row, column`` if not given.
    noise
        Power of the noise over that of the image at the frequency of one cycle per LR sample.
    exponent
        The image's spectral power falls with this power of the frequency.

    Raises RecipeError for numbers without sense, and where the steps do not fit.
    """

    border = 0
    kernels: Tensor

    def __init__(  # noqa: PLR0913  one keyword for each key of a recipe's network section
        self,
        *,
        degradation: Sequence[Mapping[str, Any]] | Degradation,
        ndim: int = 2,
        channels: int = 1,
        scale: Sizes = 2,
        roles: Sequence[Role] | None = None,
        noise: float = NOISE,
        exponent: float = EXPONENT,
    ) -> None:
        super().__init__(ndim=ndim, channels=channels, scale=scale)
        if not (noise > 0 and math.isfinite(noise) and 0 <= exponent < 10):
            raise RecipeError(f"noise {noise!r} must be above 0, and exponent {exponent!r} from 0 to 10")
        steps = degradation if isinstance(degradation, Degradation) else parse(degradation)
        self.noise, self.exponent = float(noise), float(exponent)
        radius = RADIUS[max(1, sum(s > 1 for s in self.scale))]
        self.halo = tuple(radius if s > 1 else 0 for s in self.scale)
        self._length = tuple(3 * radius if s > 1 else 1 for s in self.scale)
        self.register_buffer("kernels", self._kernels(self._transfer(steps, roles)), persistent=False)

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR, whatever the range: the filter is linear and keeps constants."""
        for axis, (length, halo) in enumerate(zip(lr.shape[2:], self.halo or (), strict=True), start=2):
            if halo:
                lr = lr.index_select(axis, symmetric_index(-halo, length + halo, length).to(lr.device))
        return pixel_shuffle(self._filtered(lr), self.scale)

    def _filtered(self, padded: Tensor) -> Tensor:
        """Return each HR sample within an LR sample as a channel, by way of Fourier: the filters have many taps.

        In float64, where it makes no difference how an image is cut.
        """
        axes = tuple(range(-self.ndim, 0))
        sizes = [_fast_length(n) for n in padded.shape[2:]]
        kernels = torch.fft.rfftn(self.kernels, sizes, dim=axes).conj()
        kernels = kernels.reshape(self.channels, -1, *kernels.shape[2:])
        spectrum = torch.fft.rfftn(padded.double(), sizes, dim=axes)[:, :, None] * kernels
        filtered = torch.fft.irfftn(spectrum, sizes, dim=axes).flatten(1, 2)
        kept = [slice(n - 2 * halo) for n, halo in zip(padded.shape[2:], self.halo or (), strict=True)]
        result: Tensor = filtered[(..., *kept)]
        return result.to(padded.dtype)

    def _kernels(self, transfer: Tensor) -> Tensor:
        """Return the weights ``(C * prod(scale), 1, *taps)`` of each HR sample within an LR sample, float64."""
        power = self._power()
        shown = self._folds(power * transfer.abs() ** 2)
        observed = shown.sum(dim=self._fold_axes, keepdim=True) / math.prod(self.scale) + self.noise
        gain = self._unfolded(self._folds(power * transfer.conj()) / observed)
        response = torch.fft.ifftn(gain, dim=self._axes).real
        return self._phases(response)

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(range(1, self.ndim + 1))

    @property
    def _fold_axes(self) -> tuple[int, ...]:
        return tuple(1 + 2 * axis for axis in range(self.ndim))

    def _transfer(self, steps: Degradation, roles: Sequence[Role] | None) -> Tensor:
        """Return H ``(C, *frequencies)`` on HR's grid, from what an impulse at each place of an LR sample becomes.

        ``y_i = sum_m h(s i - m) x_m``: LR sample i weighs HR sample m by the kernel's value at ``s i - m``.
        """
        shape = tuple(n * s for n, s in zip(self._length, self.scale, strict=True))
        flat = torch.full((1, self.channels, *shape), BASE, dtype=torch.float64)
        before = apply(flat, steps, self.scale, roles=roles)
        kernel = torch.zeros(self.channels, *shape, dtype=torch.float64)
        for phase in _places(self.scale):
            at = [n // 2 * s + p for n, s, p in zip(self._length, self.scale, phase, strict=True)]
            hr = flat.clone()
            hr[_at(at)] += IMPULSE
            places = [(s * torch.arange(n) - m) % (n * s) for n, s, m in zip(self._length, self.scale, at, strict=True)]
            kernel[_meshed(places)] = (apply(hr, steps, self.scale, roles=roles) - before)[0] / IMPULSE
        transfer: Tensor = torch.fft.fftn(kernel, dim=self._axes)
        return transfer

    def _power(self) -> Tensor:
        """Return the expected spectral power on HR's grid, 1 at one cycle per LR sample, finite at 0."""
        square = torch.zeros(1, dtype=torch.float64)
        for axis, (n, s) in enumerate(zip(self._length, self.scale, strict=True)):
            frequency = torch.fft.fftfreq(n * s, 1 / s, dtype=torch.float64)
            view = [1] * self.ndim
            view[axis] = -1
            square = square + (frequency.reshape(view) if s > 1 else 0) ** 2
        lowest = (0.5 / max(self._length)) ** 2
        return square.clamp_min(lowest) ** (-self.exponent / 2)

    def _folds(self, spectrum: Tensor) -> Tensor:
        """Return ``(C, factor, frequency of LR, factor, ...)``: frequencies that fold on one lie along the factors."""
        split = [size for s, n in zip(self.scale, self._length, strict=True) for size in (s, n)]
        return spectrum.reshape(spectrum.shape[0], *split)

    def _unfolded(self, folds: Tensor) -> Tensor:
        return folds.reshape(folds.shape[0], *(n * s for n, s in zip(self._length, self.scale, strict=True)))

    def _phases(self, response: Tensor) -> Tensor:
        """Return the taps of each HR sample, of what an LR sample at 0 gives to all HR samples; they sum to 1."""
        taps = []
        for phase in _places(self.scale):
            places = [
                torch.tensor([(p - s * t) % (n * s) for t in range(-halo, halo + 1)])
                for p, s, n, halo in zip(phase, self.scale, self._length, self.halo or (), strict=True)
            ]
            taken = response[_meshed(places)]
            taps.append(taken / taken.sum(dim=self._axes, keepdim=True))
        stacked = torch.stack(taps, dim=1)
        return stacked.reshape(-1, 1, *stacked.shape[2:])


def _fast_length(least: int) -> int:
    """Return the next length of which 2, 3 and 5 are the only primes."""
    length = least
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


def _places(scale: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the places of HR samples within an LR sample, the last axis fastest."""
    grid = torch.cartesian_prod(*[torch.arange(s) for s in scale]).reshape(-1, len(scale))
    return [tuple(place) for place in grid.tolist()]


def _at(place: Sequence[int]) -> Any:
    """Return the index of one sample of all images and channels."""
    return (slice(None), slice(None), *place)


def _meshed(places: Sequence[Tensor]) -> Any:
    """Return the index of the places of a raster, of all channels."""
    return (slice(None), *torch.meshgrid(*places, indexing="ij"))
