"""SRResNet with global context (Cao et al. 2019, GCNet): each block adds to every pixel what the whole image says."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from srkit.networks.dimension import Sizes, check_count, check_ndim, convolution
from srkit.networks.generator import ResidualGenerator, Skip
from srkit.networks.reach import Span
from srkit.networks.residual import ResidualBlock
from srkit.networks.upsampling import Upsampling

LEAST_BOTTLENECK = 4  # layer normalisation leaves nothing of one number, and little of two


class GlobalContext(nn.Module):
    """One weighted mean over all positions, transformed through a bottleneck and added everywhere."""

    def __init__(self, features: int, ndim: int, bottleneck: int) -> None:
        super().__init__()
        self.attention = convolution(features, 1, (1,) * ndim)
        self.transform = nn.Sequential(
            nn.Linear(features, bottleneck), nn.LayerNorm(bottleneck), nn.ReLU(), nn.Linear(bottleneck, features)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, features, *spatial)``, the size of the input."""
        weights = torch.softmax(self.attention(x).flatten(2), dim=2)
        context = (x.flatten(2) * weights).sum(dim=2)
        added: Tensor = self.transform(context)
        return x + added.reshape(*added.shape, *(1,) * (x.ndim - 2))


class ContextBlock(nn.Module):
    """SRResNet's residual block followed by a global context."""

    def __init__(self, features: int, ndim: int, bottleneck: int) -> None:
        super().__init__()
        self.residual = ResidualBlock(features, ndim)
        self.context = GlobalContext(features, ndim, bottleneck)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, features, *spatial)``, the size of the input."""
        result: Tensor = self.context(self.residual(x))
        return result

    @staticmethod
    def reach(span: Span) -> Span | None:
        """Return None: every output depends on the whole image."""
        del span
        return None


class SRResNetGC(ResidualGenerator):
    """SRResNet whose blocks end in a global context. Its halo is None: seams between tiles are blended, not exact.

    `ratio` is by how much the bottleneck of the context is narrower than `features`; the rest as in `SRResNet`.
    """

    def __init__(  # noqa: PLR0913  one keyword for each key of a recipe's network section
        self,
        *,
        ndim: int = 2,
        channels: int = 3,
        scale: Sizes = 4,
        features: int = 64,
        blocks: int = 16,
        ratio: int = 8,
        upsampling: Upsampling = "subpixel",
        skip: Skip = "none",
        head_kernel: int = 9,
    ) -> None:
        check_ndim(ndim)
        check_count(features, "features")
        check_count(blocks, "blocks", least=1)
        bottleneck = max(LEAST_BOTTLENECK, features // check_count(ratio, "ratio"))
        super().__init__(
            (ContextBlock(features, ndim, bottleneck) for _ in range(blocks)),
            ndim=ndim,
            channels=channels,
            scale=scale,
            features=features,
            upsampling=upsampling,
            skip=skip,
            head_kernel=head_kernel,
        )
