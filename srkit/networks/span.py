"""SPAN, the swift parameter-free attention network (Wan et al. 2024), winner of NTIRE 2024's efficiency challenge."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.networks.dimension import Sizes, check_count, convolution
from srkit.networks.generator import KERNEL, Generator
from srkit.networks.reach import Span, through_convolution, through_enlargement
from srkit.networks.shuffle import pixel_shuffle, start_like_nearest

LEAST_BLOCKS = 2


class AttentionBlock(nn.Module):
    """Three convolutions; the sum with the input is weighted by an odd function of the result, without weights."""

    def __init__(self, features: int, ndim: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolution(features, features, (KERNEL,) * ndim) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the block's result and its first features, both the size of the input.

        The features are those after the activation: the authors' code activates in place, so that their weights were
        trained with these, whatever the paper's figure shows.
        """
        first = F.silu(self.convolutions[0](x))
        second = self.convolutions[1](first)
        third = self.convolutions[2](F.silu(second))
        return (third + x) * (torch.sigmoid(third) - 0.5), first

    @staticmethod
    def reach(span: Span) -> Span:
        """Return the inputs of an output span, on any axis."""
        for _ in range(3):
            span = through_convolution(span, KERNEL)
        return span


class SPAN(Generator):
    """Attention blocks at LR size, their first and last features joined, one shuffle at the end.

    The defaults are SPAN's with 48 features, in the form that is run: each convolution of the paper's training form
    (1×1, 3×3, 1×1 and a shortcut, merged afterwards) is the plain 3×3 that it merges to.
    """

    def __init__(
        self, *, ndim: int = 2, channels: int = 3, scale: Sizes = 4, features: int = 48, blocks: int = 6
    ) -> None:
        super().__init__(ndim=ndim, channels=channels, scale=scale)
        check_count(features, "features")
        check_count(blocks, "blocks", least=LEAST_BLOCKS)
        kernel, point = (KERNEL,) * ndim, (1,) * ndim
        self.head = convolution(channels, features, kernel)
        self.blocks = nn.ModuleList(AttentionBlock(features, ndim) for _ in range(blocks))
        self.after = convolution(features, features, kernel)
        self.join = convolution(4 * features, features, point)
        self.last = convolution(features, channels * math.prod(self.scale), kernel)
        start_like_nearest(self.last, self.scale)
        self.halo = self.measured_halo()

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        head = x = self.head(lr)
        results, firsts = [], []
        for block in self.blocks:
            x, first = block(x)
            results.append(x)
            firsts.append(first)
        joined = self.join(torch.cat([head, self.after(x), results[0], firsts[-1]], dim=1))
        return pixel_shuffle(self.last(joined), self.scale)

    def reach(self, span: Span, axis: int) -> Span:
        """Return the LR samples behind a span of SR samples."""
        span = through_convolution(through_enlargement(span, self.scale[axis]), KERNEL)
        span = through_convolution(span, KERNEL)  # the longest way: `after`
        for _ in self.blocks:
            span = AttentionBlock.reach(span)
        return through_convolution(span, KERNEL)
