"""The residual block of SRResNet."""

from __future__ import annotations

from torch import Tensor, nn

from srkit.networks.dimension import batch_norm, convolution
from srkit.networks.reach import Span, through_convolution

KERNEL = 3


class ResidualBlock(nn.Module):
    """Convolution, batch norm, PReLU, convolution, batch norm, and the sum with the input.

    Gross and Wilber's order as Ledig et al. 2017 use it: no activation after the sum.
    """

    def __init__(self, features: int, ndim: int) -> None:
        super().__init__()
        kernel = (KERNEL,) * ndim
        self.body = nn.Sequential(
            convolution(features, features, kernel),
            batch_norm(features, ndim),
            nn.PReLU(),
            convolution(features, features, kernel),
            batch_norm(features, ndim),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, features, *spatial)``, the size of the input."""
        result: Tensor = x + self.body(x)
        return result

    @staticmethod
    def reach(span: Span) -> Span:
        """Return the inputs of an output span, on any axis."""
        return through_convolution(through_convolution(span, KERNEL), KERNEL)
