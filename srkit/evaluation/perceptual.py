"""ST-LPIPS: how different two images look to a network that forgives small shifts. It is not LPIPS, nor called so."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from srkit.errors import MissingRequirementError
from srkit.evaluation.metrics import check_range, paired
from srkit.image import Array, BoolArray
from srkit.losses.vgg import blurred_down
from srkit.losses.weights import stlpips_weights, weights_folders

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
SMALLEST = 32
"""Samples per axis below which a picture says nothing to the network."""


def st_lpips(sr: Array, hr: Array, *, data_range: float, valid: BoolArray | None = None) -> float:
    """Return the distance of Ghildyal and Liu 2022 ("Shift-tolerant perceptual similarity metric"), AlexNet; 0: equal.

    Three channels are red, green and blue; of any other number each is looked at in grey, and the mean taken; volumes
    plane by plane. Values from 0 to `data_range` (from HR's lowest where it is below 0 or beyond) become -1 to 1. Under
    invalid samples SR is HR. NaN for pictures of less than 32 samples along rows or columns. Raises
    MissingRequirementError where the weights are not to be had.
    """
    check_range(data_range)
    a, b = paired(sr, hr)
    if min(a.shape[-2:]) < SMALLEST or a.ndim < 3:
        return math.nan
    known = np.broadcast_to(True if valid is None else valid, a.shape)
    if not known.any():
        return math.nan
    lowest, highest = float(b[known].min()), float(b[known].max())
    low = 0.0 if lowest >= 0 and highest <= data_range else lowest
    a, b = (np.where(known, image, low) for image in (a, b))
    weights = _weights()
    with torch.inference_mode():
        found = [
            _distance(weights, x, y) for x, y in zip(*(_pictures(v, low, data_range) for v in (a, b)), strict=True)
        ]
    return float(np.mean(found))


@cache
def _weights() -> Mapping[str, Tensor]:
    found = stlpips_weights()
    if found is None:
        raise MissingRequirementError(
            "the figure st_lpips needs its weights, and none are in "
            f"{', '.join(map(str, weights_folders()))}; `pip download --no-deps stlpips_pytorch==0.0.2` gets a wheel "
            "that holds them: put it into one of these folders, or leave the figure out"
        )
    return found


def _pictures(values: Array, low: float, data_range: float) -> Iterator[Tensor]:
    """Yield pictures ``(1, 3, rows, columns)`` in -1..1 of ``(C, [slices,] rows, columns)``."""
    scaled = torch.from_numpy(2 * (values - low) / data_range - 1).float()
    for plane in scaled.movedim(0, 1) if scaled.ndim == 4 else [scaled]:
        for picture in [plane] if len(plane) == 3 else plane[:, None].expand(-1, 3, -1, -1):
            yield picture[None]


def _distance(weights: Mapping[str, Tensor], a: Tensor, b: Tensor) -> float:
    total = 0.0
    for place, (p, q) in enumerate(zip(_features(weights, a), _features(weights, b), strict=True), start=1):
        difference = (_unit(p) - _unit(q)) ** 2 * weights[f"lin{place}.weight"]
        total += float(difference.sum(1).mean())
    return total


def _unit(features: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / (length + 1e-10)


def _features(weights: Mapping[str, Tensor], picture: Tensor) -> list[Tensor]:
    shift, scale = (torch.tensor(numbers)[None, :, None, None] for numbers in (SHIFT, SCALE))

    def convolved(place: int, values: Tensor, padding: int) -> Tensor:
        return F.conv2d(values, weights[f"conv{place}.weight"], weights[f"conv{place}.bias"], padding=padding)

    found = [F.relu(blurred_down(convolved(1, (picture - shift) / scale, 2)))]
    found.append(F.relu(convolved(2, blurred_down(F.max_pool2d(found[-1], 3, 1)), 2)))
    found.append(F.relu(convolved(3, blurred_down(F.max_pool2d(found[-1], 3, 1)), 1)))
    found.append(F.relu(convolved(4, found[-1], 1)))
    found.append(F.relu(convolved(5, found[-1], 1)))
    return found
