"""MONAI's discriminator of patches under srkit's keywords, for those who have weights of it or compare with it."""

from __future__ import annotations

from typing import cast

from monai.networks.nets import PatchDiscriminator
from torch import Tensor, nn


class MonaiPatchDiscriminator(nn.Module):
    """Map ``(N, C, *spatial)`` to logits ``(N, 1, *smaller)``: kernels of 4, as in pix2pix (Isola et al. 2017)."""

    def __init__(self, *, ndim: int = 3, channels: int = 1, features: int = 64, layers: int = 3) -> None:
        super().__init__()
        self.ndim, self.channels = ndim, channels
        self.body = PatchDiscriminator(ndim, features, channels, num_layers_d=layers)

    def forward(self, images: Tensor) -> Tensor:
        """Return one logit per patch."""
        return cast(Tensor, self.body(images)[-1])
