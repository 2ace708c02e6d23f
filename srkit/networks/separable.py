"""A light SRResNet after LSRGAN: depthwise separable convolutions whose kernels are mixed anew for each image."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.networks.dimension import Sizes, batch_norm, check_count, check_ndim, convolution
from srkit.networks.generator import KERNEL, ResidualGenerator, Skip
from srkit.networks.reach import Span, through_convolution
from srkit.networks.upsampling import Upsampling

TEMPERATURE = 30.0  # Chen et al. 2020: near-equal shares at first, so that every kernel learns
SQUEEZE = 4

_CONVOLVE: dict[int, Any] = {2: F.conv2d, 3: F.conv3d}


class DepthwiseConvolution(nn.Module):
    """A 3×3 kernel per channel; with several experts a mixture of kernels, whose shares the image itself decides.

    Dynamic convolution (Chen et al. 2020): shares are the softmax of a small network on the means of the channels,
    so that every output depends on the whole image. One expert is a plain depthwise convolution.
    """

    def __init__(self, features: int, ndim: int, experts: int) -> None:
        super().__init__()
        self.features, self.ndim, self.experts = features, ndim, experts
        self.kernels = nn.Parameter(torch.empty(experts * features, 1, *(KERNEL,) * ndim))
        nn.init.kaiming_uniform_(self.kernels, a=5**0.5)
        hidden = max(1, features // SQUEEZE)
        self.shares = (
            nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, experts)) if experts > 1 else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, features, *spatial)``, the size of the input."""
        if self.shares is None:
            plain: Tensor = _CONVOLVE[self.ndim](x, self.kernels, padding=KERNEL // 2, groups=self.features)
            return plain
        means = x.flatten(2).mean(dim=2)
        shares = torch.softmax(self.shares(means) / TEMPERATURE, dim=1)
        if torch.onnx.is_in_onnx_export():
            return self._mixed_outputs(x, shares)
        experts = self.kernels.reshape(self.experts, self.features, *self.kernels.shape[1:])
        kernels = torch.einsum("ne,e...->n...", shares.to(experts.dtype), experts).flatten(0, 1)
        groups = x.reshape(1, -1, *x.shape[2:])  # every image of the batch has kernels of its own
        mixed: Tensor = _CONVOLVE[self.ndim](groups, kernels.to(x.dtype), padding=KERNEL // 2, groups=groups.shape[1])
        return mixed.reshape(x.shape)

    def _mixed_outputs(self, x: Tensor, shares: Tensor) -> Tensor:
        """Return the same by mixing each expert's output: ONNX has no kernel that changes from image to image."""
        weights = shares.reshape(-1, self.experts, *[1] * (x.ndim - 1))
        kernels = self.kernels.chunk(self.experts)
        each = [_CONVOLVE[self.ndim](x, k, padding=KERNEL // 2, groups=self.features) for k in kernels]
        return (weights * torch.stack(each, dim=1)).sum(dim=1)


class SeparableBlock(nn.Module):
    """SRResNet's residual block with each convolution parted into a depthwise and a pointwise one."""

    def __init__(self, features: int, ndim: int, experts: int) -> None:
        super().__init__()
        self.experts = experts
        point = (1,) * ndim
        self.body = nn.Sequential(
            DepthwiseConvolution(features, ndim, experts),
            convolution(features, features, point, bias=False),
            batch_norm(features, ndim),
            nn.PReLU(),
            DepthwiseConvolution(features, ndim, experts),
            convolution(features, features, point, bias=False),
            batch_norm(features, ndim),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, features, *spatial)``, the size of the input."""
        result: Tensor = x + self.body(x)
        return result

    def reach(self, span: Span) -> Span | None:
        """Return the inputs of an output span; None with several experts, whose shares come from the whole image."""
        return through_convolution(through_convolution(span, KERNEL), KERNEL) if self.experts == 1 else None


class SRResNetLite(ResidualGenerator):
    """SRResNet with depthwise separable blocks and dynamic convolution.

    Its halo is None unless `experts` is 1: then its reach is SRResNet's. Other parameters as in `SRResNet`; the head
    is smaller, because the paper's 9×9 head and tail alone would be more than half of this network.
    """

    def __init__(  # noqa: PLR0913  one keyword for each key of a recipe's network section
        self,
        *,
        ndim: int = 2,
        channels: int = 3,
        scale: Sizes = 4,
        features: int = 64,
        blocks: int = 16,
        experts: int = 4,
        upsampling: Upsampling = "subpixel",
        skip: Skip = "none",
        head_kernel: int = 3,
    ) -> None:
        check_ndim(ndim)
        check_count(features, "features")
        check_count(blocks, "blocks", least=0)
        check_count(experts, "experts")
        body = (SeparableBlock(features, ndim, experts) for _ in range(blocks))
        super().__init__(
            body,
            ndim=ndim,
            channels=channels,
            scale=scale,
            features=features,
            upsampling=upsampling,
            skip=skip,
            head_kernel=head_kernel,
        )
