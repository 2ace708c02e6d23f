"""LPIPS 0.1: how different two images look to AlexNet or VGG16. It is what the package `lpips` tells, or nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from srkit.errors import MissingRequirementError
from srkit.evaluation.perceptual import as_imagenet, distance_of, picture_pairs
from srkit.image import Array, BoolArray
from srkit.losses.weights import torchvision_weights, weights_folders

LINEAR = Path(__file__).parent / "lpips_v0.1" / "linear.safetensors"
"""The linear layers of version 0.1 by Zhang et al.; their licence lies beside them."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network of torchvision that LPIPS looks through.

    Parameters
    ----------
    figure, title
        The figure's name, and the network's.
    linear
        What its linear layers are called in `LINEAR`.
    file, megabytes
        torchvision's ImageNet weights.
    blocks
        Places of convolutions among torchvision's ``features``; LPIPS takes what each block ends in.
    pooled, pool
        Blocks that begin with maxima at stride 2, and of how many samples along an axis.
    stride
        Of the first convolution.
    smallest
        Fewest rows and columns of a picture that reach the last block.
    """

    figure: str
    title: str
    linear: str
    file: str
    megabytes: int
    blocks: tuple[tuple[int, ...], ...]
    pooled: tuple[int, ...]
    pool: int
    stride: int
    smallest: int


ALEXNET = Backbone(
    *("lpips", "AlexNet", "alex", "alexnet-owt-7be5be79.pth", 244),
    blocks=((0,), (3,), (6,), (8,), (10,)),
    pooled=(1, 2),
    pool=3,
    stride=4,
    smallest=31,
)
VGG16 = Backbone(
    *("lpips_vgg", "VGG16", "vgg", "vgg16-397923af.pth", 553),
    blocks=((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)),
    pooled=(1, 2, 3, 4),
    pool=2,
    stride=1,
    smallest=16,
)


def lpips(sr: Array, hr: Array, *, data_range: float, valid: BoolArray | None = None) -> float:
    """Return LPIPS of version 0.1 with AlexNet (Zhang et al. 2018, "The unreasonable effectiveness of deep features").

    Of images ``(C, [slices,] rows, columns)``; 0: equal. What the network sees is said at `picture_pairs`; of several
    pictures the mean is taken. NaN for pictures of less than 31 samples along rows or columns. Raises
    MissingRequirementError where torchvision's AlexNet is not to be had, or its file is damaged.
    """
    return _lpips(ALEXNET, sr, hr, data_range, valid)


def lpips_vgg(sr: Array, hr: Array, *, data_range: float, valid: BoolArray | None = None) -> float:
    """Return LPIPS as `lpips` does, with VGG16; NaN for pictures of less than 16 samples along rows or columns."""
    return _lpips(VGG16, sr, hr, data_range, valid)


def _lpips(backbone: Backbone, sr: Array, hr: Array, data_range: float, valid: BoolArray | None) -> float:
    pairs = picture_pairs(sr, hr, data_range=data_range, valid=valid, smallest=backbone.smallest)
    if not pairs:
        return math.nan
    weights = _weights(backbone)
    importance = [weights[f"lin{place}.weight"] for place, _ in enumerate(backbone.blocks, start=1)]
    with torch.inference_mode():
        found = [
            distance_of(zip(*(_features(backbone, weights, picture) for picture in pair), strict=True), importance)
            for pair in pairs
        ]
    return float(np.mean(found))


@cache
def _weights(backbone: Backbone) -> Mapping[str, Tensor]:
    found = torchvision_weights(backbone.file)
    if found is None:
        raise MissingRequirementError(
            f"the figure {backbone.figure} needs {backbone.title}'s ImageNet weights, and no {backbone.file} is in "
            f"{', '.join(map(str, weights_folders()))}; get {backbone.megabytes} MB from "
            f"https://download.pytorch.org/models/{backbone.file} and put them into one of these folders, or take "
            "st_lpips, or leave the figure out"
        )
    weights = {key: tensor.float() for key, tensor in found.items() if key.startswith("features.")}
    prefix = f"{backbone.linear}."
    linear = {key.removeprefix(prefix): of for key, of in load_file(LINEAR).items() if key.startswith(prefix)}
    return weights | linear


def _features(backbone: Backbone, weights: Mapping[str, Tensor], picture: Tensor) -> Iterator[Tensor]:
    x = as_imagenet(picture)
    for number, block in enumerate(backbone.blocks):
        if number in backbone.pooled:
            x = F.max_pool2d(x, backbone.pool, stride=2)
        for place in block:
            kernel = weights[f"features.{place}.weight"]
            padding = min(kernel.shape[-1] // 2, 2)  # AlexNet pads its first kernel, of 11 samples, by no more
            stride = backbone.stride if place == 0 else 1
            x = F.relu(F.conv2d(x, kernel, weights[f"features.{place}.bias"], stride, padding))
        yield x
