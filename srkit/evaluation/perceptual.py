"""What perceptual distances share: the pictures that networks see of an image, and the distance of their features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from srkit.evaluation.metrics import check_range, paired
from srkit.image import Array, BoolArray
from srkit.losses.stlpips import unit
from srkit.losses.vgg import SHIFT, SPREAD

Pairs = list[tuple[Tensor, Tensor]]
MOST_SLICES = 32
"""Slices of a volume that networks look at: what they say of neighbours is much the same, and each takes a second."""


def picture_pairs(sr: Array, hr: Array, *, data_range: float, valid: BoolArray | None, smallest: int) -> Pairs:
    """Return pictures of SR and HR, ``(1, 3, rows, columns)`` in -1..1, of images ``(C, [slices,] rows, columns)``.

    Three channels are red, green and blue; of any other number each becomes a grey picture of its own. Of volumes up to
    32 slices are seen, as evenly spread as can be, the first and the last among them. Values from 0 to `data_range`
    (from HR's lowest where it is below 0 or beyond) become -1 to 1. Under invalid samples SR is HR. Empty where there
    are less than `smallest` rows or columns, or no sample is valid.
    """
    check_range(data_range)
    a, b = paired(sr, hr)
    known = np.broadcast_to(True if valid is None else valid, a.shape)
    if a.ndim < 3 or min(a.shape[-2:]) < smallest or not known.any():
        return []
    lowest, highest = float(b[known].min()), float(b[known].max())
    low = 0.0 if lowest >= 0 and highest <= data_range else lowest
    seen = (_pictures(np.where(known, image, low), low, data_range) for image in (a, b))
    return list(zip(*seen, strict=True))


def _pictures(values: Array, low: float, data_range: float) -> Iterator[Tensor]:
    scaled = torch.from_numpy(2 * (values - low) / data_range - 1).float()
    slices = scaled.movedim(1, 0)[_spread(scaled.shape[1])] if scaled.ndim == 4 else [scaled]
    for plane in slices:
        for picture in [plane] if len(plane) == 3 else plane[:, None].expand(-1, 3, -1, -1):
            yield picture[None]


def _spread(slices: int) -> list[int]:
    """Return which slices of so many are looked at."""
    return [int(place) for place in np.linspace(0, slices - 1, min(slices, MOST_SLICES)).round()]


def as_imagenet(picture: Tensor) -> Tensor:
    """Return a picture in -1..1 with ImageNet's mean and deviation taken out, as networks trained there expect it."""
    shift, spread = (torch.tensor(numbers)[None, :, None, None] for numbers in (SHIFT, SPREAD))
    return (picture - shift) / spread


def distance_of(features: Iterable[tuple[Tensor, Tensor]], importance: Iterable[Tensor]) -> float:
    """Return the distance of two pictures, given features ``(1, C, rows, columns)`` of both, layer by layer.

    Of each layer: squared differences of features of unit length over channels, weighed by `importance`
    ``(1, C, 1, 1)``, and the mean over positions; then the sum over layers (Zhang et al. 2018, equation 1).
    """
    return sum(
        float(((unit(p) - unit(q)) ** 2 * weight).sum(1).mean())
        for (p, q), weight in zip(features, importance, strict=True)
    )
