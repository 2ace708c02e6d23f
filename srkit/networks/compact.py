"""The compact network of Real-ESRGAN (SRVGGNetCompact): all work at LR size, one shuffle at the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from srkit.errors import RecipeError, nearest_known
from srkit.networks.dimension import Sizes, check_count, convolution, weights_of
from srkit.networks.generator import KERNEL, Generator, add_skip
from srkit.networks.interpolation import Interpolation
from srkit.networks.reach import Span, through_convolution, through_enlargement
from srkit.networks.shuffle import pixel_shuffle

SLOPE = 0.25
"""Slope of a PReLU below zero when training begins."""
LAST = 0.02
"""Share of the signal that the last layer lets through when training begins."""

Kernels = Literal["full", "factorised"]


class Compact(Generator):
    """A plain chain of 3×3 convolutions with PReLU at LR size, a pixel shuffle, and the nearest-enlarged LR added.

    Wang et al. 2021 (Real-ESRGAN), ``realesr-general-x4v3`` with the defaults: 64 features, 32 convolutions between
    the first and the last. The PReLUs have a slope per feature. `scale`, `ndim` and `channels` as in `Generator`.

    Parameters
    ----------
    kernels
        ``full``, or ``factorised``: a block is a convolution across the first axis' planes and one along that axis
        (1×3×3 and 3×1×1 in volumes), 2.25 times fewer operations there and as far a reach.
    """

    def __init__(
        self,
        *,
        ndim: int = 2,
        channels: int = 3,
        scale: Sizes = 4,
        features: int = 64,
        blocks: int = 32,
        kernels: Kernels = "full",
    ) -> None:
        super().__init__(ndim=ndim, channels=channels, scale=scale)
        check_count(features, "features")
        check_count(blocks, "blocks", least=0)
        kernel = (KERNEL,) * ndim
        block = _block_of(kernels)
        layers: list[nn.Module] = [convolution(channels, features, kernel), nn.PReLU(features)]
        for _ in range(blocks):
            layers += [block(features, ndim), nn.PReLU(features)]
        layers.append(convolution(features, channels * math.prod(self.scale), kernel))
        self.body = nn.Sequential(*layers)
        _begin(self.body)
        self.base = Interpolation("nearest", self.scale)
        self._depth = blocks + 2
        self.halo = self.measured_halo()

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        return add_skip(pixel_shuffle(self.body(lr), self.scale), self.base, lr)

    def reach(self, span: Span, axis: int) -> Span:
        """Return the LR samples behind a span of SR samples."""
        span = through_enlargement(span, self.scale[axis])
        for _ in range(self._depth):
            span = through_convolution(span, KERNEL)
        return span


def _begin(body: nn.Sequential) -> None:
    """Let the input's signal pass a chain of any depth (He et al. 2015): torch's own start loses half of it per layer.

    What is added to the enlarged LR begins small.
    """
    *blocks, last = [list(part.modules()) for part in body if not isinstance(part, nn.PReLU)]
    for block in blocks:
        *inner, outer = [layer for layer in block if isinstance(layer, nn.Conv2d | nn.Conv3d)]
        for layer in inner:
            _draw(layer, gain=1.0)
        _draw(outer, gain=nn.init.calculate_gain("leaky_relu", SLOPE))
    _draw(last[0], gain=LAST)


def _draw(layer: nn.Module, gain: float) -> None:
    weight, bias = weights_of(layer)
    nn.init.normal_(weight, std=gain / math.sqrt(weight[0].numel()))
    if bias is not None:
        nn.init.zeros_(bias)


def _full(features: int, ndim: int) -> nn.Module:
    return convolution(features, features, (KERNEL,) * ndim)


def _factorised(features: int, ndim: int) -> nn.Module:
    planes, along = (1, *(KERNEL,) * (ndim - 1)), (KERNEL, *(1,) * (ndim - 1))
    return nn.Sequential(convolution(features, features, planes), convolution(features, features, along))


_BLOCK = {"full": _full, "factorised": _factorised}


def _block_of(kernels: str) -> Callable[[int, int], nn.Module]:
    if kernels not in _BLOCK:
        raise RecipeError(f"no kernels {kernels!r} (known: {', '.join(_BLOCK)}){nearest_known(str(kernels), _BLOCK)}")
    return _BLOCK[kernels]
