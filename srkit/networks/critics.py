"""Discriminators that judge places instead of whole images: PatchGAN, and Real-ESRGAN's U-Net."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from srkit.networks.dimension import batch_norm, check_count, check_ndim, convolution

SLOPE = 0.2
_MODES = {2: "bilinear", 3: "trilinear"}
_LAYERS: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}


class PatchDiscriminator(nn.Module):
    """Map ``(N, C, *spatial)`` to logits ``(N, 1, *smaller)``, each of which judges one patch (Isola et al. 2017).

    `layers` 3×3 convolutions of stride 2, then one of stride 1 and one to the logits, batch norm in all but the first
    and the last. With three layers a logit sees 47 pixels of each axis.
    """

    def __init__(self, *, ndim: int = 2, channels: int = 3, features: int = 64, layers: int = 3) -> None:
        super().__init__()
        self.ndim = check_ndim(ndim)
        self.channels = check_count(channels, "channels")
        check_count(features, "features")
        check_count(layers, "layers")
        kernel, width = (3,) * ndim, features
        parts: list[nn.Module] = [convolution(channels, width, kernel, stride=2), nn.LeakyReLU(SLOPE, inplace=True)]
        for place in range(1, layers + 1):
            wider = features * min(2**place, 8)
            stride = 2 if place < layers else 1
            parts += [convolution(width, wider, kernel, stride=stride, bias=False), batch_norm(wider, ndim)]
            parts.append(nn.LeakyReLU(SLOPE, inplace=True))
            width = wider
        self.body = nn.Sequential(*parts, convolution(width, 1, kernel))

    def forward(self, images: Tensor) -> Tensor:
        """Return one logit per patch."""
        logits: Tensor = self.body(images)
        return logits


class UNetDiscriminator(nn.Module):
    """Map ``(N, C, *spatial)`` to one logit per pixel, ``(N, 1, *spatial)`` (Wang et al. 2021, Real-ESRGAN).

    Three halvings and three doublings with skips between them; spectral norm in every convolution but the first and
    the last, no batch norm.
    """

    def __init__(self, *, ndim: int = 2, channels: int = 3, features: int = 64) -> None:
        super().__init__()
        self.ndim = check_ndim(ndim)
        self.channels = check_count(channels, "channels")
        width = check_count(features, "features")
        kernel = (3,) * ndim
        self.first = convolution(channels, width, kernel)
        self.down = nn.ModuleList(_halving(width * 2**i, width * 2 ** (i + 1), ndim) for i in range(3))
        self.up = nn.ModuleList(_normed(width * 2 ** (i + 1), width * 2**i, ndim) for i in reversed(range(3)))
        self.after = nn.ModuleList(_normed(width, width, ndim) for _ in range(2))
        self.last = convolution(width, 1, kernel)

    def forward(self, images: Tensor) -> Tensor:
        """Return one logit per pixel."""
        levels = [F.leaky_relu(self.first(images), SLOPE)]
        for down in self.down:
            levels.append(F.leaky_relu(down(levels[-1]), SLOPE))
        x = levels.pop()
        for up in self.up:
            skip = levels.pop()
            x = F.interpolate(x, size=skip.shape[2:], mode=_MODES[self.ndim], align_corners=False)
            x = F.leaky_relu(up(x), SLOPE) + skip
        for layer in self.after:
            x = F.leaky_relu(layer(x), SLOPE)
        logits: Tensor = self.last(x)
        return logits


def _normed(channels: int, features: int, ndim: int) -> nn.Module:
    layer: nn.Module = spectral_norm(convolution(channels, features, (3,) * ndim, bias=False))
    return layer


def _halving(channels: int, features: int, ndim: int) -> nn.Module:
    """Return a convolution of 4 taps and stride 2: every input is seen equally often."""
    layer: nn.Module = spectral_norm(_LAYERS[ndim](channels, features, 4, stride=2, padding=1, bias=False))
    return layer
