"""Resizing to any number of samples, over the same extent: the detours that pictures take before they reach us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from srkit.degrade.plane import on_planes, plane_margin
from srkit.degrade.step import Factors, Margin, choice_parameter, number_parameter
from srkit.grid import Role

KINDS = ("area", "bilinear", "bicubic")
REACH = 3  # bicubic's two samples, and one for sizes that were rounded


@dataclass(frozen=True, slots=True)
class Resize:
    """Rows and columns brought to `factor` times their number in HR or LR. Without parameters: to LR.

    The outer edges stay where they are; sizes are rounded. ``area`` is the exact mean over what a sample covers, parts
    of samples included (torch's counts whole samples, which moves them). ``bilinear`` and ``bicubic`` are torch's
    without antialiasing, as Real-ESRGAN uses them: where they shrink, they alias.
    """

    factor: float = 1.0
    grid: Literal["lr", "hr"] = "lr"
    kind: Literal["area", "bilinear", "bicubic"] = "bicubic"

    def __post_init__(self) -> None:
        number_parameter(self.factor, "factor of step 'resize'", high=16.0)
        choice_parameter(self.grid, "grid of step 'resize'", ("lr", "hr"))
        choice_parameter(self.kind, "kind of step 'resize'", KINDS)

    @property
    def usual_axes(self) -> tuple[Role, ...]:
        """Rows and columns."""
        return ("row", "column")

    @property
    def ends_on_lr(self) -> bool:
        """Whether its result lies on the LR grid."""
        return self.grid == "lr" and self.factor == 1.0

    def zoom(self, scale: int) -> float:
        """Return the samples of its result per HR sample, along an axis of this scale."""
        return self.factor / scale if self.grid == "lr" else self.factor

    def margin(self, factors: Factors) -> Margin:
        """Return the samples that kernels reach beyond what a sample of the result covers."""
        return plane_margin(factors, REACH)

    def resized(self, values: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the values with `size` rows and columns."""
        if tuple(values.shape[-2:]) == size:
            return values
        if self.kind == "area":
            rows, columns = (overlaps(n, m).to(values) for n, m in zip(values.shape[-2:], size, strict=True))
            return rows @ values @ columns.T
        return on_planes(lambda planes: F.interpolate(planes, size, mode=self.kind, align_corners=False), values)


def overlaps(before: int, after: int) -> Tensor:
    """Return ``(after, before)`` shares of each old sample in each new one over the same extent; rows sum to 1."""
    width = before / after
    start = torch.arange(after, dtype=torch.float64)[:, None] * width
    old = torch.arange(before, dtype=torch.float64)[None]
    covered = torch.minimum(start + width, old + 1) - torch.maximum(start, old)
    return covered.clamp(min=0) / width
