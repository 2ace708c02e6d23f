"""The layers of torch by number of spatial axes, so that one network class serves images and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from srkit.errors import RecipeError

Sizes = int | Sequence[int]

_CONVOLUTION: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: dict[int, Any] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_BATCH_NORM: dict[int, Any] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def check_ndim(ndim: int) -> int:
    """Return `ndim`. Raises RecipeError unless it is 2 or 3."""
    if ndim not in _CONVOLUTION:
        raise RecipeError(f"ndim {ndim!r}: networks have 2 or 3 spatial axes")
    return ndim


def check_count(number: int, what: str, least: int = 1) -> int:
    """Return `number`. Raises RecipeError naming `what` unless it is a whole number of at least `least`."""
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise RecipeError(f"{what} {number!r} is not a whole number of at least {least}")
    return number


def per_axis(sizes: Sizes, ndim: int, what: str) -> tuple[int, ...]:
    """Return one positive whole number per axis. Raises RecipeError naming `what` where that cannot be."""
    numbers = (sizes,) * ndim if isinstance(sizes, int) else tuple(sizes)
    if len(numbers) != ndim or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in numbers):
        raise RecipeError(f"{what} {sizes!r} is not one positive whole number, or one for each of {ndim} axes")
    return numbers


def convolution(
    channels: int, features: int, kernel: tuple[int, ...], *, stride: int = 1, bias: bool = True
) -> nn.Module:
    """Return a convolution with zero padding that keeps the size at stride 1 (odd kernels)."""
    padding = tuple(k // 2 for k in kernel)
    layer: nn.Module = _CONVOLUTION[len(kernel)](channels, features, kernel, stride, padding, bias=bias)
    return layer


def transposed_convolution(channels: int, features: int, kernel: tuple[int, ...], stride: tuple[int, ...]) -> nn.Module:
    """Return a transposed convolution whose output is exactly `stride` times its input; ``kernel - stride`` is even."""
    padding = tuple((k - s) // 2 for k, s in zip(kernel, stride, strict=True))
    layer: nn.Module = _TRANSPOSED[len(kernel)](channels, features, kernel, stride, padding)
    return layer


def batch_norm(features: int, ndim: int) -> nn.Module:
    """Return batch normalisation with torch's defaults."""
    layer: nn.Module = _BATCH_NORM[ndim](features)
    return layer


def weights_of(layer: nn.Module) -> tuple[Tensor, Tensor | None]:
    """Return weight and bias of a convolution. Raises TypeError for anything else."""
    weight, bias = layer.weight, layer.bias
    if not isinstance(weight, Tensor) or isinstance(bias, nn.Module):
        raise TypeError(f"{type(layer).__name__} is no convolution")
    return weight, bias
