"""SRCNN (Dong et al. 2014), the first convolutional network for super-resolution: it mends an interpolated image."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from srkit.errors import RecipeError
from srkit.networks.dimension import Sizes, check_count, convolution
from srkit.networks.generator import Generator
from srkit.networks.interpolation import Interpolation
from srkit.networks.reach import Span, through_convolution


class SRCNN(Generator):
    """Bicubic interpolation, then three convolutions at HR size with ReLU between.

    The defaults are the paper's 9-1-5 with 64 and 32 features. With `residual` the interpolation is added to the
    result, as all later networks do; the paper's network predicts the image itself.
    """

    def __init__(  # noqa: PLR0913  one keyword for each key of a recipe's network section
        self,
        *,
        ndim: int = 2,
        channels: int = 3,
        scale: Sizes = 4,
        features: int = 64,
        mapping: int = 32,
        kernels: Sequence[int] = (9, 1, 5),
        residual: bool = False,
    ) -> None:
        super().__init__(ndim=ndim, channels=channels, scale=scale)
        check_count(features, "features")
        check_count(mapping, "mapping")
        if len(kernels) != 3 or not all(isinstance(k, int) and k > 0 and k % 2 for k in kernels):
            raise RecipeError(f"kernels {list(kernels)} are not three odd sizes")
        self.kernels = tuple(kernels)
        self.residual = residual
        self.interpolation = Interpolation("bicubic", self.scale)
        first, second, third = ((k,) * ndim for k in kernels)
        self.body = nn.Sequential(
            convolution(channels, features, first),
            nn.ReLU(),
            convolution(features, mapping, second),
            nn.ReLU(),
            convolution(mapping, channels, third),
        )
        self.halo = self.measured_halo()

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        interpolated: Tensor = self.interpolation(lr)
        sr: Tensor = self.body(interpolated)
        return sr + interpolated if self.residual else sr

    def reach(self, span: Span, axis: int) -> Span:
        """Return the LR samples behind a span of SR samples."""
        for kernel in self.kernels:
            span = through_convolution(span, kernel)
        return self.interpolation.reach(span, axis)
