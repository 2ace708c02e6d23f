"""Noise, in stored units, meant to follow the downscaling. Without a generator each step changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from srkit.degrade.step import Factors, Margin, number_parameter, numbers_parameter, per_channel
from srkit.grid import Role


@dataclass(frozen=True, slots=True)
class _Noise:
    """Shared facts: noise keeps the size and needs no neighbours."""

    @property
    def usual_axes(self) -> tuple[Role, ...]:
        return ()

    def margin(self, factors: Factors) -> Margin:
        """Return 0 for every axis."""
        return (0,) * len(factors)


@dataclass(frozen=True, slots=True)
class Rician(_Noise):
    """Magnitude of a complex signal: ``sqrt((A + sigma n1)^2 + (sigma n2)^2)`` (Gudbjartsson and Patz 1995).

    `sigma` is one number, or one per channel.
    """

    sigma: float | Sequence[float]

    def __post_init__(self) -> None:
        numbers_parameter(self.sigma, "sigma of step 'rician'")

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the noisy magnitude."""
        del factors
        if generator is None:
            return values
        sigma = per_channel(numbers_parameter(self.sigma, "sigma"), values, "sigma of step 'rician'")
        return torch.hypot(values + sigma * _normal(values, generator), sigma * _normal(values, generator))


@dataclass(frozen=True, slots=True)
class GaussianNoise(_Noise):
    """Additive normal noise of standard deviation `sigma`: one number, or one per channel."""

    sigma: float | Sequence[float]

    def __post_init__(self) -> None:
        numbers_parameter(self.sigma, "sigma of step 'gaussian_noise'")

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the noisy values."""
        del factors
        if generator is None:
            return values
        sigma = per_channel(numbers_parameter(self.sigma, "sigma"), values, "sigma of step 'gaussian_noise'")
        return values + sigma * _normal(values, generator)


@dataclass(frozen=True, slots=True)
class PoissonGaussian(_Noise):
    """Shot noise and read noise of a sensor: variance ``gain * value + sigma^2``.

    Parameters
    ----------
    gain
        Stored units per counted particle. Values below 0 have no shot noise.
    sigma
        Standard deviation of the additive part, in stored units; 0 for none.
    """

    gain: float
    sigma: float = 0.0

    def __post_init__(self) -> None:
        number_parameter(self.gain, "gain of step 'poisson_gaussian'")
        if self.sigma != 0:
            number_parameter(self.sigma, "sigma of step 'poisson_gaussian'")

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the noisy values."""
        del factors
        if generator is None:
            return values
        expected = (values.clamp(min=0) / self.gain).to(generator.device)
        counted = torch.poisson(expected, generator=generator).to(values.device) * self.gain
        return counted + values.clamp(max=0) + self.sigma * _normal(values, generator)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw where the generator lives: the same numbers whatever device the values are on."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=generator.device).to(like.device)
