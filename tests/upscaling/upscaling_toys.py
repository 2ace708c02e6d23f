"""Networks and files that the tests of upscaling share."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from srkit.upscaling import Enlarger


class IntegerNetwork(nn.Module):
    """Two convolutions with small integer weights, zero-padded, then nearest: its float sums are exact.

    A convolution's zero padding is seen by all within `halo` of a tile's edge, so a tile that is cut wrongly shows.
    """

    multiple_of = 1

    def __init__(self, scale: tuple[int, ...], channels: int = 1, halo: int = 4, multiple_of: int = 1) -> None:
        super().__init__()
        self.ndim, self.scale, self.channels = len(scale), scale, channels
        self.multiple_of = multiple_of
        self.halo = (halo,) * self.ndim
        layer = nn.Conv2d if self.ndim == 2 else nn.Conv3d
        self.first = layer(channels, 2 * channels, 5, padding=2, bias=False)
        self.second = layer(2 * channels, channels, 5, padding=2, bias=False)
        generator = torch.Generator().manual_seed(1)
        for parameter in self.parameters():
            parameter.data = torch.randint(-2, 3, parameter.shape, generator=generator).float()

    def forward(self, lr: Tensor) -> Tensor:
        sr = self.second(torch.relu(self.first(lr)))
        for axis, factor in enumerate(self.scale, start=2):
            sr = sr.repeat_interleave(factor, dim=axis)
        return sr


class Mapper(nn.Module):
    """A pointwise network of any function, for what is about values and not about neighbourhood."""

    multiple_of = 1

    def __init__(self, function: Any, scale: tuple[int, ...] = (2, 2)) -> None:
        super().__init__()
        self.function, self.scale, self.ndim, self.halo = function, scale, len(scale), (0,) * len(scale)

    def forward(self, lr: Tensor) -> Tensor:
        sr = self.function(lr)
        for axis, factor in enumerate(self.scale, start=2):
            sr = sr.repeat_interleave(factor, dim=axis)
        return sr


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)
    return path


def load(path: Path) -> np.ndarray:
    """Return the one frame of an output of the toy domain."""
    (frame,) = np.load(path)
    return frame


def affine_of(path: Path) -> np.ndarray:
    return np.array(json.loads(path.with_suffix(".json").read_text())["affine"])


def integer_enlarger(scale: Any, roles: Any = ("row", "column"), **parameters: Any) -> Enlarger:
    network = IntegerNetwork(tuple(scale.of(role) for role in roles), **parameters)
    return Enlarger("integers", scale, network, roles, network.channels)
