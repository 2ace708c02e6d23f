"""Classical interpolation as networks without weights: the baselines, and the skip of networks that predict a residual.

Edge-aligned: sample ``j`` of the output lies at ``(j + 1/2) / s - 1/2`` of the input. Beyond its border an image
goes on as its mirror, the outermost sample repeated (numpy's pad mode ``symmetric``, scipy's ``reflect``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

Kind = Literal["nearest", "bicubic", "bspline", "lanczos"]
KINDS: tuple[Kind, ...] = get_args(Kind)

POLE = math.sqrt(3) - 2  # of the cubic B-spline's interpolation prefilter (Unser 1999, box 2)
PREFILTER_RADIUS = 16  # the pole's 16th power is 7e-10: below float32, and below any use of float64


class Interpolation(nn.Module):
    """Upscale ``(N, C, *spatial)`` by whole factors with a separable filter.

    Every output sample is one fixed sum of products in one order, whatever the size of the array: a piece of an
    image with `halo` samples around it gives the same bits as the whole image. Works in the input's float type, and
    is differentiable.

    Parameters
    ----------
    kind
        ``nearest``; ``bicubic`` (Keys, a = -1/2); ``bspline`` (interpolating cubic B-spline); ``lanczos`` (3 lobes,
        weights normalised to sum 1).
    scale
        Factor per spatial axis; axes with factor 1 are left untouched.

    Attributes
    ----------
    halo
        Input samples around a piece on which its output depends, per axis.
    border
        0: the module continues the image itself and wants no padding.
    """

    channels = 1
    multiple_of = 1
    border = 0

    def __init__(self, kind: Kind, scale: Sequence[int]) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"no interpolation named {kind!r} (known: {', '.join(KINDS)})")
        self.kind: Kind = kind
        self.scale = tuple(int(s) for s in scale)
        self.ndim = len(self.scale)
        self.halo = tuple(_radius(kind) if s > 1 else 0 for s in self.scale)

    def forward(self, lr: Tensor) -> Tensor:
        """Return ``(N, C, *(spatial * scale))``."""
        for axis, factor in enumerate(self.scale, start=2):
            if factor > 1:
                lr = _upscale_axis(lr, self.kind, axis, factor)
        return lr

    def reach(self, span: tuple[int, int], axis: int) -> tuple[int, int]:
        """Return the inputs of an inclusive span of output samples of an axis, exactly."""
        factor = self.scale[axis]
        if factor == 1:
            return span
        first, last = span[0] // factor, span[1] // factor
        if self.kind in ("nearest", "bspline"):
            return first - self.halo[axis], last + self.halo[axis]
        weights = _phase_weights(self.kind, factor)
        reached = [sample for j in _ends(span, factor) for sample in _taps_of(j, factor, weights)]
        return min(reached), max(reached)

    def extra_repr(self) -> str:
        """Show kind and scale in the printed form."""
        return f"{self.kind!r}, scale={self.scale}"


def _ends(span: tuple[int, int], factor: int) -> set[int]:
    """Return the output samples of the first and the last input sample that a span touches: they look farthest."""
    start, stop = span
    return {*range(start, min(stop, start + factor) + 1), *range(max(start, stop - factor), stop + 1)}


def _taps_of(sample: int, factor: int, weights: Sequence[Sequence[float]]) -> list[int]:
    """Return the input samples that have a weight in output `sample`."""
    taps = weights[sample % factor]
    return [sample // factor + k - len(taps) // 2 for k, weight in enumerate(taps) if weight != 0]


def symmetric_index(start: int, stop: int, length: int, device: torch.device | None = None) -> Tensor:
    """Return the indices that samples `start` to `stop` of the mirrored image have in an axis of `length`."""
    index = torch.arange(start, stop, device=device) % (2 * length)
    return torch.minimum(index, 2 * length - 1 - index)


def _radius(kind: Kind) -> int:
    return {"nearest": 0, "bicubic": 2, "lanczos": 3, "bspline": 2 + PREFILTER_RADIUS}[kind]


def _upscale_axis(lr: Tensor, kind: Kind, axis: int, factor: int) -> Tensor:
    if kind == "nearest":
        return lr.repeat_interleave(factor, dim=axis)
    length, radius = lr.shape[axis], _radius(kind)
    padded = lr.index_select(axis, symmetric_index(-radius, length + radius, length, lr.device))
    if kind == "bspline":
        padded = _spline_coefficients(padded, axis)
    phases = [_weighted_sum(padded, weights, axis) for weights in _phase_weights(kind, factor)]
    return torch.stack(phases, dim=axis + 1).flatten(axis, axis + 1)


def _weighted_sum(padded: Tensor, weights: Sequence[float], axis: int) -> Tensor:
    """Return ``sum_k weights[k] * padded[i + k]``, unfused: fused and plain sums round differently."""
    length = padded.shape[axis] - len(weights) + 1
    terms = [(k, w) for k, w in enumerate(weights) if w != 0]
    total = padded.narrow(axis, terms[0][0], length) * terms[0][1]
    for k, weight in terms[1:]:
        total += padded.narrow(axis, k, length) * weight
    return total


def _spline_coefficients(padded: Tensor, axis: int) -> Tensor:
    """Return the B-spline coefficients, shorter by the prefilter's radius on both sides."""
    taps = [POLE ** abs(k) for k in range(-PREFILTER_RADIUS, PREFILTER_RADIUS + 1)]
    total = sum(taps)
    return _weighted_sum(padded, [tap / total for tap in taps], axis)


def _phase_weights(kind: Kind, factor: int) -> list[list[float]]:
    """Return the taps of each of the `factor` output samples within one input sample."""
    kernel, radius = _KERNELS[kind]
    weights = []
    for phase in range(factor):
        offset = (phase + 0.5) / factor - 0.5
        taps = [kernel(offset - k) for k in range(-radius, radius + 1)]
        weights.append([tap / sum(taps) for tap in taps])
    return weights


def _keys(x: float) -> float:
    """Keys 1981, a = -1/2."""
    x = abs(x)
    if x < 1:
        return (1.5 * x - 2.5) * x * x + 1
    return ((-0.5 * x + 2.5) * x - 4) * x + 2 if x < 2 else 0.0


def _cubic_b_spline(x: float) -> float:
    x = abs(x)
    if x < 1:
        return 2 / 3 - x * x * (1 - x / 2)
    return (2 - x) ** 3 / 6 if x < 2 else 0.0


def _lanczos(x: float) -> float:
    if x == 0:
        return 1.0
    return 3 * math.sin(math.pi * x) * math.sin(math.pi * x / 3) / (math.pi * x) ** 2 if abs(x) < 3 else 0.0


_KERNELS: dict[str, tuple[Callable[[float], float], int]] = {
    "bicubic": (_keys, 2),
    "bspline": (_cubic_b_spline, 2),
    "lanczos": (_lanczos, 3),
}
