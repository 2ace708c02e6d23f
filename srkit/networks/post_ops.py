"""Convolutions with what follows them in one pass: oneDNN's post-ops with weights laid out once.

torch has these for its own compiler only, under private names; so they are used where they are there and give what
torch's public operations give, and nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

USUAL_LENGTH = 128  # samples per axis that the weights' layout is chosen for; it serves any
ROUNDING = {torch.float32: 1e-5, torch.bfloat16: 2e-2}  # of the largest value, between two orders of summing
_CONVOLVE: dict[int, Any] = {2: F.conv2d, 3: F.conv3d}
_log = logging.getLogger(__name__)


class FusedConvolution(nn.Module):
    """A convolution of stride 1 and a leaky ReLU, or a sum, in one pass; inference on the CPU only.

    `weight` is ``(O, C, *odd kernel)``; `slope` None means no activation. Images are channels last.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, slope: float | None) -> None:
        super().__init__()
        ndim = weight.ndim - 2
        self._padding = [k // 2 for k in weight.shape[2:]]
        self._ones = [1] * ndim
        self._bias = bias
        self._attribute, self._scalars = ("none", []) if slope is None else ("leaky_relu", [slope])
        layout = torch.channels_last if ndim == 2 else torch.channels_last_3d
        self._weight = torch.ops.mkldnn._reorder_convolution_weight(
            weight.contiguous(memory_format=layout),
            self._padding,
            self._ones,
            self._ones,
            1,
            [1, weight.shape[1], *[USUAL_LENGTH if ndim == 2 else USUAL_LENGTH // 4] * ndim],
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the activated convolution of `x`."""
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x,
            self._weight,
            self._bias,
            self._padding,
            self._ones,
            self._ones,
            1,
            self._attribute,
            self._scalars,
            "",
        )
        return result

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        """Add the convolution of `x` to `total`, in place, and return it."""
        torch.ops.mkldnn._convolution_pointwise_.binary(
            total,
            x,
            self._weight,
            self._bias,
            self._padding,
            self._ones,
            self._ones,
            1,
            "add",
            1.0,
            None,
            [],
            None,
        )
        return total


class PlainConvolution(nn.Module):
    """The same by torch's public operations, on any device."""

    def __init__(self, weight: Tensor, bias: Tensor | None, slope: float | None) -> None:
        super().__init__()
        layout = torch.channels_last if weight.ndim == 4 else torch.channels_last_3d
        self._weight = nn.Parameter(weight.contiguous(memory_format=layout), requires_grad=False)
        self._bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self._slope = slope
        self._padding = tuple(k // 2 for k in weight.shape[2:])

    def forward(self, x: Tensor) -> Tensor:
        """Return the activated convolution of `x`."""
        result: Tensor = _CONVOLVE[x.ndim - 2](x, self._weight, self._bias, padding=self._padding)
        return result if self._slope is None else F.leaky_relu(result, self._slope, inplace=not torch.is_grad_enabled())

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        """Add the convolution of `x` to `total`, in place, and return it."""
        return total.add_(self(x))


Convolution = FusedConvolution | PlainConvolution


def make_convolution(
    weight: Tensor, bias: Tensor | None, slope: float | None = None, *, fused: bool = False
) -> Convolution:
    """Return a convolution of the kind wanted, with padding that keeps the size."""
    kind = FusedConvolution if fused else PlainConvolution
    return kind(weight.detach(), None if bias is None else bias.detach(), slope)


@lru_cache(maxsize=8)
def fusing_works(ndim: int, dtype: torch.dtype) -> bool:
    """Tell whether fused convolutions are there and agree with plain ones; tried once per process."""
    try:
        with torch.inference_mode():
            return all(_agrees(shape, dtype) for shape in [(5, 3, *[3] * ndim), (16, 16, *[5] * ndim)])
    except (AttributeError, RuntimeError, NotImplementedError) as error:
        _log.debug("no fused convolutions: %s", error)
        return False


def _agrees(shape: Sequence[int], dtype: torch.dtype) -> bool:
    random = torch.Generator().manual_seed(1)
    layout = torch.channels_last if len(shape) == 4 else torch.channels_last_3d

    def noise(*size: int) -> Tensor:
        return torch.randn(size, generator=random).to(dtype)

    weight, bias = noise(*shape), noise(shape[0])
    x = noise(2, shape[1], *[9] * (len(shape) - 2)).contiguous(memory_format=layout)
    total = noise(2, shape[0], *x.shape[2:]).contiguous(memory_format=layout)
    fused, plain = (make_convolution(weight, bias, 0.25, fused=f) for f in (True, False))
    summing, adding = (make_convolution(weight, bias, fused=f) for f in (True, False))
    pairs = [(fused(x), plain(x)), (summing.add_to(total.clone(), x), adding.add_to(total.clone(), x))]
    return all(float((a - b).abs().max() / b.abs().max()) < ROUNDING[dtype] for a, b in pairs)
