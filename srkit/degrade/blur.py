"""Blur that keeps the size: kernels of blind super-resolution, turned and of many shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from srkit.degrade.plane import on_planes, plane_margin
from srkit.degrade.step import Factors, Margin, choice_parameter, number_parameter
from srkit.errors import RecipeError
from srkit.grid import Role

KINDS = ("gaussian", "generalised", "plateau", "sinc")


@dataclass(frozen=True, slots=True)
class Blur:
    """Filter of ``size`` x ``size`` samples at the place where it stands, cut off there and scaled to sum 1.

    With ``q`` the squared distance in sigmas, along axes turned by `angle`: ``exp(-q / 2)`` (gaussian),
    ``exp(-q^beta / 2)`` (generalised, Liu et al. 2020), ``1 / (1 + q^beta)`` (plateau); or the ideal low pass
    ``cutoff J1(cutoff r) / (2 pi r)`` that rings (sinc). Real-ESRGAN's kernels (Wang et al. 2021, section 3.2).

    Parameters
    ----------
    sigma, sigma_across
        In samples, along the turned rows and across them; alike where the second is not given.
    angle
        In degrees.
    cutoff
        Of the sinc, in radians per sample, up to pi.
    size
        An odd number of samples.
    """

    kind: Literal["gaussian", "generalised", "plateau", "sinc"] = "gaussian"
    sigma: float = 1.0
    sigma_across: float | None = None
    angle: float = 0.0
    beta: float = 1.0
    cutoff: float = math.pi / 2
    size: int = 21

    def __post_init__(self) -> None:
        choice_parameter(self.kind, "kind of step 'blur'", KINDS)
        number_parameter(self.sigma, "sigma of step 'blur'")
        if self.sigma_across is not None:
            number_parameter(self.sigma_across, "sigma_across of step 'blur'")
        number_parameter(self.angle, "angle of step 'blur'", low=-math.inf)
        number_parameter(self.beta, "beta of step 'blur'")
        number_parameter(self.cutoff, "cutoff of step 'blur'", high=math.pi)
        if not isinstance(self.size, int) or self.size < 1 or self.size % 2 == 0:
            raise RecipeError(f"size of step 'blur' is {self.size!r}, and must be an odd number of samples")

    @property
    def usual_axes(self) -> tuple[Role, ...]:
        """None: it keeps the size."""
        return ()

    def margin(self, factors: Factors) -> Margin:
        """Return half the kernel."""
        return plane_margin(factors, self.size // 2)

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the blurred values; the border goes on as it ends."""
        del factors, generator
        return on_planes(self._blurred, values)

    def _blurred(self, planes: Tensor) -> Tensor:
        half = self.size // 2
        padded = F.pad(planes, [half] * 4, mode="replicate").flatten(0, 1).unsqueeze(1)
        weight = self.kernel().to(planes)[None, None]
        return F.conv2d(padded, weight).reshape(planes.shape)

    def kernel(self) -> Tensor:
        """Return the weights ``(size, size)``, float64, rows first; their sum is 1."""
        along = torch.arange(self.size, dtype=torch.float64) - self.size // 2
        y, x = torch.meshgrid(along, along, indexing="ij")
        weights = self._sinc(torch.hypot(x, y)) if self.kind == "sinc" else self._bell(x, y)
        return weights / weights.sum()

    def _bell(self, x: Tensor, y: Tensor) -> Tensor:
        turn = math.radians(self.angle)
        first = (math.cos(turn) * x + math.sin(turn) * y) / self.sigma
        second = (math.cos(turn) * y - math.sin(turn) * x) / (self.sigma_across or self.sigma)
        square = first**2 + second**2
        if self.kind == "gaussian":
            return torch.exp(-square / 2)
        return torch.exp(-(square**self.beta) / 2) if self.kind == "generalised" else 1 / (1 + square**self.beta)

    def _sinc(self, radius: Tensor) -> Tensor:
        safe = torch.where(radius > 0, radius, 1)
        ring = self.cutoff * torch.special.bessel_j1(self.cutoff * safe) / (2 * math.pi * safe)
        return torch.where(radius > 0, ring, torch.full_like(ring, self.cutoff**2 / (4 * math.pi)))
