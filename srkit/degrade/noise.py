"""Noise, in stored units, meant to follow the downscaling. Without a generator each step changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from srkit.degrade.signal import one_of_both, signal_of
from srkit.degrade.step import FROM_ZERO, Factors, Margin, flag_parameter, numbers_parameter, per_channel
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

    Parameters
    ----------
    sigma
        Standard deviation of each part, in stored units: one number, or one per channel.
    snr
        In its place: the item's mean `signal` over that standard deviation.
    signal
        Mean of the item over what shows its subject, per channel; None until `with_signal` has told it.
    """

    sigma: float | Sequence[float] | None = None
    snr: float | None = None
    signal: float | Sequence[float] | None = None

    def __post_init__(self) -> None:
        if one_of_both(self, "sigma", "rician"):
            numbers_parameter(self.sigma, "sigma of step 'rician'")

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the noisy magnitude."""
        del factors
        if generator is None:
            return values
        given = self.sigma if self.snr is None else [level / self.snr for level in signal_of(self, "rician")]
        sigma = per_channel(numbers_parameter(given, "sigma"), values, "sigma of step 'rician'")
        return torch.hypot(values + sigma * _normal(values, generator), sigma * _normal(values, generator))


@dataclass(frozen=True, slots=True)
class GaussianNoise(_Noise):
    """Additive normal noise of standard deviation `sigma`: one number, or one per channel.

    With `grey` the channels have the same draw, each with its own sigma.
    """

    sigma: float | Sequence[float]
    grey: bool = False

    def __post_init__(self) -> None:
        numbers_parameter(self.sigma, "sigma of step 'gaussian_noise'")
        flag_parameter(self.grey, "grey of step 'gaussian_noise'")

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the noisy values."""
        del factors
        if generator is None:
            return values
        sigma = per_channel(numbers_parameter(self.sigma, "sigma"), values, "sigma of step 'gaussian_noise'")
        return values + sigma * _normal(values[:, :1] if self.grey else values, generator)


@dataclass(frozen=True, slots=True)
class PoissonGaussian(_Noise):
    """Shot noise and read noise of a sensor: variance ``gain * value + sigma^2``.

    Parameters
    ----------
    gain
        Stored units per counted particle: one number, or one per channel. Values below 0 have no shot noise.
    snr
        In its place: what a value as high as the item's mean `signal` has over the deviation of its shot noise.
    signal
        Mean of the item over what shows its subject, per channel; None until `with_signal` has told it.
    sigma
        Standard deviation of the additive part, in stored units: one number, or one per channel; 0 for none.
    """

    gain: float | Sequence[float] | None = None
    sigma: float | Sequence[float] = 0.0
    snr: float | None = None
    signal: float | Sequence[float] | None = None

    def __post_init__(self) -> None:
        if one_of_both(self, "gain", "poisson_gaussian"):
            numbers_parameter(self.gain, "gain of step 'poisson_gaussian'")
        _from_zero(self.sigma, "sigma of step 'poisson_gaussian'")

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the noisy values."""
        del factors
        if generator is None:
            return values
        given = self.gain if self.snr is None else [n / self.snr**2 for n in signal_of(self, "poisson_gaussian")]
        gain = per_channel(numbers_parameter(given, "gain"), values, "gain of step 'poisson_gaussian'")
        sigma = per_channel(_from_zero(self.sigma, "sigma"), values, "sigma of step 'poisson_gaussian'")
        expected = (values.clamp(min=0) / gain).to(generator.device)
        counted = torch.poisson(expected, generator=generator).to(values.device) * gain
        return counted + values.clamp(max=0) + sigma * _normal(values, generator)


@dataclass(frozen=True, slots=True)
class SignalNoise(_Noise):
    """Normal noise whose standard deviation is a line in the signal, ``a + b * value``, never below 0.

    What calibrations of imaging satellites state per band, in DN. `a` and `b` are one number each, or one per channel.
    """

    a: float | Sequence[float]
    b: float | Sequence[float] = 0.0

    def __post_init__(self) -> None:
        _from_zero(self.a, "a of step 'signal_noise'")
        _from_zero(self.b, "b of step 'signal_noise'")

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the noisy values."""
        del factors
        if generator is None:
            return values
        a = per_channel(_from_zero(self.a, "a"), values, "a of step 'signal_noise'")
        b = per_channel(_from_zero(self.b, "b"), values, "b of step 'signal_noise'")
        return values + (a + b * values).clamp(min=0) * _normal(values, generator)


NOISES: Mapping[str, Callable[..., Any]] = {
    "rician": Rician,
    "gaussian_noise": GaussianNoise,
    "poisson_gaussian": PoissonGaussian,
    "signal_noise": SignalNoise,
}


def _from_zero(value: Any, what: str) -> tuple[float, ...]:
    """Return one number, or one per channel, of at least 0."""
    return numbers_parameter(value, what, low=FROM_ZERO)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw where the generator lives: the same numbers whatever device the values are on."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=generator.device).to(like.device)
