"""RRDBNet, the generator of ESRGAN and Real-ESRGAN (Wang et al. 2018), with the names of its public weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.errors import RecipeError
from srkit.networks.dimension import Sizes, check_count, convolution
from srkit.networks.generator import KERNEL, Generator, through_blocks
from srkit.networks.reach import Span, through_convolution, through_enlargement
from srkit.networks.upsampling import stage_factors

SLOPE = 0.2
RESIDUAL = 0.2  # share of a block that is added to its input
LAYERS = 5


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees all features before it; a fifth of the result is added to the input."""

    def __init__(self, features: int, growth: int, ndim: int) -> None:
        super().__init__()
        for i in range(1, LAYERS + 1):
            width = growth if i < LAYERS else features
            self.add_module(f"conv{i}", convolution(features + (i - 1) * growth, width, (KERNEL,) * ndim))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, features, *spatial)``, the size of the input."""
        known = [x]
        for i in range(1, LAYERS):
            layer = self.get_submodule(f"conv{i}")
            known.append(F.leaky_relu(layer(torch.cat(known, dim=1)), SLOPE, inplace=True))
        result: Tensor = x + RESIDUAL * self.get_submodule(f"conv{LAYERS}")(torch.cat(known, dim=1))
        return result


class ResidualInResidual(nn.Module):
    """Three dense blocks; a fifth of the result is added to the input."""

    def __init__(self, features: int, growth: int, ndim: int) -> None:
        super().__init__()
        for i in range(1, 4):
            self.add_module(f"rdb{i}", DenseBlock(features, growth, ndim))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, features, *spatial)``, the size of the input."""
        inner = x
        for i in range(1, 4):
            inner = self.get_submodule(f"rdb{i}")(inner)
        return x + RESIDUAL * inner

    @staticmethod
    def reach(span: Span) -> Span:
        """Return the inputs of an output span, on any axis."""
        for _ in range(3 * LAYERS):
            span = through_convolution(span, KERNEL)
        return span


class RRDBNet(Generator):
    """Residual-in-residual dense blocks without batch norm, enlargement by nearest neighbour and convolution.

    The defaults are ESRGAN's for ×4: 16,697,987 parameters. Tensors bear the names of the public files
    (``conv_first``, ``body.0.rdb1.conv1`` … ``conv_last``); those were trained for images in 0..1, which
    ``input_range: [0, 1]`` restores on both sides of the network.
    """

    def __init__(  # noqa: PLR0913  one keyword for each key of a recipe's network section
        self,
        *,
        ndim: int = 2,
        channels: int = 3,
        scale: Sizes = 4,
        features: int = 64,
        blocks: int = 23,
        growth: int = 32,
        input_range: Sequence[float] = (-1.0, 1.0),
    ) -> None:
        super().__init__(ndim=ndim, channels=channels, scale=scale)
        check_count(features, "features")
        check_count(blocks, "blocks", least=0)
        check_count(growth, "growth")
        self.low, self.high = rising(input_range)
        kernel = (KERNEL,) * ndim
        self.factors = stage_factors(self.scale)
        self.conv_first = convolution(channels, features, kernel)
        self.body = nn.Sequential(*(ResidualInResidual(features, growth, ndim) for _ in range(blocks)))
        self.conv_body = convolution(features, features, kernel)
        for i in range(1, len(self.factors) + 1):
            self.add_module(f"conv_up{i}", convolution(features, features, kernel))
        self.conv_hr = convolution(features, features, kernel)
        self.conv_last = convolution(features, channels, kernel)
        self.halo = self.measured_halo()

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        half = (self.high - self.low) / 2
        x = self.conv_first((lr + 1) * half + self.low)
        x = x + self.conv_body(self.body(x))
        for i, factors in enumerate(self.factors, start=1):
            x = F.interpolate(x, scale_factor=[float(f) for f in factors], mode="nearest")
            x = F.leaky_relu(self.get_submodule(f"conv_up{i}")(x), SLOPE, inplace=True)
        sr: Tensor = self.conv_last(F.leaky_relu(self.conv_hr(x), SLOPE, inplace=True))
        return (sr - self.low) / half - 1

    def reach(self, span: Span, axis: int) -> Span | None:
        """Return the LR samples behind a span of SR samples."""
        span = through_convolution(through_convolution(span, KERNEL), KERNEL)
        for factors in reversed(self.factors):
            span = through_enlargement(through_convolution(span, KERNEL), factors[axis])
        found = through_blocks(self.body, through_convolution(span, KERNEL))
        return None if found is None else through_convolution(found, KERNEL)


def rising(numbers: Sequence[float]) -> tuple[float, float]:
    """Return two rising numbers. Raises RecipeError for others."""
    values = tuple(float(n) for n in numbers)
    if len(values) != 2 or not values[0] < values[1]:
        raise RecipeError(f"input_range {list(numbers)} is not two rising numbers")
    return values[0], values[1]
