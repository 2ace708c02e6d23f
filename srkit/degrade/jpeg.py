"""Compression as JPEG and back, as most pictures have been through; for 8-bit samples."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from srkit.degrade.plane import on_planes, plane_margin
from srkit.degrade.step import Factors, Margin, choice_parameter, number_parameter
from srkit.grid import Role
from srkit.image import Array

SUBSAMPLING = ("4:4:4", "4:2:2", "4:2:0")


@dataclass(frozen=True, slots=True)
class Jpeg:
    """JPEG of values 0 to 255, rounded and clipped, by Pillow (libjpeg). Three channels are RGB, others grey each.

    Blocks of 8 x 8 begin at the first sample of what the step is given: of a patch with its margin in training, of the
    whole image elsewhere. The noise-free form changes nothing.

    Parameters
    ----------
    quality
        1 to 100, rounded; as libjpeg counts.
    subsampling
        Of the two colour planes.
    """

    quality: float
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] = "4:2:0"

    def __post_init__(self) -> None:
        number_parameter(self.quality, "quality of step 'jpeg'", low=0.5, high=100.0)
        choice_parameter(self.subsampling, "subsampling of step 'jpeg'", SUBSAMPLING)

    @property
    def usual_axes(self) -> tuple[Role, ...]:
        """None: it keeps the size."""
        return ()

    def margin(self, factors: Factors) -> Margin:
        """Return 0: whatever lies beyond, blocks begin where the values do."""
        return plane_margin(factors, 0)

    def apply(self, values: Tensor, factors: Factors, generator: torch.Generator | None) -> Tensor:
        """Return the values as a decoder gives them back."""
        del factors
        if generator is None:
            return values
        return on_planes(self._through, values)

    def _through(self, planes: Tensor) -> Tensor:
        stored = planes.detach().round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        colours = stored.shape[1] == 3
        pictures = stored.transpose(0, 2, 3, 1) if colours else stored.reshape(-1, *stored.shape[2:])
        decoded = np.stack([self._one(picture) for picture in pictures])
        back = decoded.transpose(0, 3, 1, 2) if colours else decoded.reshape(stored.shape)
        return torch.from_numpy(back.astype(np.float32)).to(planes)

    def _one(self, picture: Array) -> Array:
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=round(self.quality), subsampling=self.subsampling)
        with Image.open(file) as decoded:
            return np.asarray(decoded)
