"""ST-LPIPS's distance (Ghildyal and Liu 2022) on as many of its VGG16's blocks as the weights hold.

Its numbers are not LPIPS's: the network is anti-aliased and has weights of its own. The file with blocks 1 to 3 gives
a distance of its own again, of the same order of images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from srkit.errors import MissingRequirementError
from srkit.losses.vgg import STVGG16, VGGFeatures
from srkit.losses.weights import stvgg16_weights

LAST_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
TINY = 1e-10


class STLPIPS(nn.Module):
    """Distance of two stacks of RGB images ``(N, 3, H, W)`` in -1..1: one number per image, 0 for equal ones."""

    def __init__(self, weights: Mapping[str, Tensor], blocks: int = 3) -> None:
        super().__init__()
        self.features = VGGFeatures(STVGG16, LAST_LAYERS[:blocks], weights)
        for block in range(1, blocks + 1):
            self.register_buffer(f"importance{block}", weights[f"lin{block}.weight"].float(), persistent=False)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return ``(N,)`` distances."""
        pairs = zip(self.features(a).values(), self.features(b).values(), strict=True)
        terms = [
            ((unit(p) - unit(q)) ** 2 * self.get_buffer(f"importance{block}")).sum(dim=1).mean(dim=(1, 2))
            for block, (p, q) in enumerate(pairs, start=1)
        ]
        return torch.stack(terms).sum(dim=0)


def stlpips(weights: str | Path | None = None, blocks: int = 3) -> STLPIPS:
    """Return the distance with weights from a file, or from where they are usually found.

    Raises MissingRequirementError where they are not to be had.
    """
    layers: Sequence[str] = LAST_LAYERS[:blocks]
    found = stvgg16_weights(Path(weights) if weights else None, layers, loss="stlpips")
    missing = [name for name in (f"lin{block}.weight" for block in range(1, blocks + 1)) if name not in found]
    if missing:
        raise MissingRequirementError(
            f"{weights or 'the weights of stvgg16'} lacks {', '.join(missing)}, which the loss 'stlpips' needs; give "
            "the file of ST-LPIPS's VGG16 as its authors made it, or take losses.perceptual.kind=stvgg16"
        )
    return STLPIPS(found, blocks)


def unit(features: Tensor) -> Tensor:
    """Return features ``(N, C, H, W)`` with length 1 over channels, as LPIPS and ST-LPIPS compare them."""
    # not the root of a sum, whose gradient is no number where all features are 0
    length: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / (length + TINY)
