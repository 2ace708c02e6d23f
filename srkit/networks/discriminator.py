"""The VGG-style discriminator of SRGAN (Ledig et al. 2017), for images and volumes of any size."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from srkit.networks.dimension import batch_norm, check_count, check_ndim, convolution

SLOPE = 0.2
WIDTHS = (1, 1, 2, 2, 4, 4, 8, 8)  # times `features`; strides are 1, 2, 1, 2 ...
POOLED = {2: 6, 3: 3}


class VGGDiscriminator(nn.Module):
    """Map ``(N, C, *spatial)`` in network range to logits ``(N, 1)``, above 0 for "real".

    Eight 3×3 convolutions of 64, 64, 128, 128, 256, 256, 512, 512 features with strides 1, 2 in turn, LeakyReLU 0.2,
    batch norm in all but the first, a dense layer of 1024, one logit. At the paper's 96×96 patches the dense layer
    sees 6×6×512 as in the paper; features of any other size are brought to `pooled` per axis by adaptive averaging,
    so that patches of every size work.

    Parameters
    ----------
    ndim, channels
        Spatial axes (2 or 3) and channels of the images judged.
    features
        Width of the first convolution.
    dense
        Width of the dense layer.
    pooled
        Size per axis that the dense layer sees; 6 in 2-D, 3 in 3-D (where 6 would mean 113 million weights) if None.
    """

    def __init__(
        self, *, ndim: int = 2, channels: int = 3, features: int = 64, dense: int = 1024, pooled: int | None = None
    ) -> None:
        super().__init__()
        self.ndim = check_ndim(ndim)
        self.channels = check_count(channels, "channels")
        self.pooled = (check_count(POOLED[ndim] if pooled is None else pooled, "pooled"),) * ndim
        check_count(features, "features")
        check_count(dense, "dense")
        kernel = (3,) * ndim
        layers: list[nn.Module] = []
        width = channels
        for place, factor in enumerate(WIDTHS):
            layers.append(convolution(width, factor * features, kernel, stride=1 + place % 2, bias=place == 0))
            width = factor * features
            layers += [batch_norm(width, ndim)] if place else []
            layers.append(nn.LeakyReLU(SLOPE, inplace=True))
        self.convolutions = nn.Sequential(*layers)
        size = width * self.pooled[0] ** ndim
        self.judge = nn.Sequential(nn.Linear(size, dense), nn.LeakyReLU(SLOPE, inplace=True), nn.Linear(dense, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return one logit per image, ``(N, 1)``."""
        features = self.convolutions(images)
        if features.shape[2:] != self.pooled:  # the paper's size needs no pooling, whose gradient is slow on a GPU
            pool = F.adaptive_avg_pool2d if self.ndim == 2 else F.adaptive_avg_pool3d
            features = pool(features, self.pooled[0])
        logits: Tensor = self.judge(features.flatten(1))
        return logits
