"""The compact network of Real-ESRGAN (SRVGGNetCompact): all work at LR size, one shuffle at the end."""

from __future__ import annotations

import math

from torch import Tensor, nn

from srkit.networks.dimension import Sizes, check_count, convolution
from srkit.networks.generator import KERNEL, Generator, add_skip
from srkit.networks.interpolation import Interpolation
from srkit.networks.reach import Span, through_convolution, through_enlargement
from srkit.networks.shuffle import pixel_shuffle


class Compact(Generator):
    """A plain chain of 3×3 convolutions with PReLU at LR size, a pixel shuffle, and the nearest-enlarged LR added.

    Wang et al. 2021 (Real-ESRGAN), ``realesr-general-x4v3`` with the defaults: 64 features, 32 convolutions between
    the first and the last. The PReLUs have a slope per feature. `scale`, `ndim` and `channels` as in `Generator`.
    """

    def __init__(
        self, *, ndim: int = 2, channels: int = 3, scale: Sizes = 4, features: int = 64, blocks: int = 32
    ) -> None:
        super().__init__(ndim=ndim, channels=channels, scale=scale)
        check_count(features, "features")
        check_count(blocks, "blocks", least=0)
        kernel = (KERNEL,) * ndim
        layers: list[nn.Module] = [convolution(channels, features, kernel), nn.PReLU(features)]
        for _ in range(blocks):
            layers += [convolution(features, features, kernel), nn.PReLU(features)]
        layers.append(convolution(features, channels * math.prod(self.scale), kernel))
        self.body = nn.Sequential(*layers)
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
