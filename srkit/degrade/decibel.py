"""Decibels and the power that they stand for: a mean of decibels is no mean of what a radar received."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_POWER = 1e-30
"""Below it nothing is received; kernels with negative lobes may fall below 0."""


def power_of(decibels: Tensor) -> Tensor:
    """Return ``10 ** (x / 10)``."""
    return torch.pow(10.0, decibels / 10)


def decibels_of(power: Tensor) -> Tensor:
    """Return ``10 log10 x``, of no less than `LEAST_POWER`."""
    return 10 * torch.log10(power.clamp_min(LEAST_POWER))
