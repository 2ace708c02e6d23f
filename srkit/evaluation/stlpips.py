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
from srkit.evaluation.perceptual import as_imagenet, distance_of, picture_pairs
from srkit.image import Array, BoolArray
from srkit.losses.vgg import blurred_down
from srkit.losses.weights import stlpips_weights, weights_folders

SMALLEST = 32
"""Samples per axis below which a picture says nothing to the network."""


def st_lpips(sr: Array, hr: Array, *, data_range: float, valid: BoolArray | None = None) -> float:
    """Return the distance of Ghildyal and Liu 2022 ("Shift-tolerant perceptual similarity metric"), AlexNet; 0: equal.

    What the network sees of images ``(C, [slices,] rows, columns)`` is said at `picture_pairs`; of several pictures the
    mean is taken. NaN for pictures of less than 32 samples along rows or columns. Raises MissingRequirementError where
    the weights are not to be had.
    """
    pairs = picture_pairs(sr, hr, data_range=data_range, valid=valid, smallest=SMALLEST)
    if not pairs:
        return math.nan
    weights = _weights()
    importance = [weights[f"lin{place}.weight"] for place in range(1, 6)]
    with torch.inference_mode():
        found = [
            distance_of(zip(_features(weights, a), _features(weights, b), strict=True), importance) for a, b in pairs
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


def _features(weights: Mapping[str, Tensor], picture: Tensor) -> Iterator[Tensor]:
    def convolved(place: int, values: Tensor, padding: int) -> Tensor:
        return F.conv2d(values, weights[f"conv{place}.weight"], weights[f"conv{place}.bias"], padding=padding)

    yield (x := F.relu(blurred_down(convolved(1, as_imagenet(picture), 2))))
    yield (x := F.relu(convolved(2, blurred_down(F.max_pool2d(x, 3, 1)), 2)))
    yield (x := F.relu(convolved(3, blurred_down(F.max_pool2d(x, 3, 1)), 1)))
    yield (x := F.relu(convolved(4, x, 1)))
    yield F.relu(convolved(5, x, 1))
