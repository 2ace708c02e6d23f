"""Sub-pixel enlargement: channels become samples, on any number of axes, each with its own factor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pixel_shuffle(x: Tensor, factors: Sequence[int]) -> Tensor:
    """Return ``(N, C, *(spatial * factors))`` from ``(N, C * prod(factors), *spatial)``.

    Channel ``c * prod(factors) + k`` becomes the ``k``-th sample (last axis fastest) of channel ``c``, as in
    `torch.nn.functional.pixel_shuffle`.
    """
    if len(factors) == 2 and factors[0] == factors[1]:
        return F.pixel_shuffle(x, factors[0])  # the kernel that exporters know
    ndim = len(factors)
    spatial = x.shape[2:]
    split = x.reshape(x.shape[0], x.shape[1] // math.prod(factors), *factors, *spatial)
    order = [axis for k in range(ndim) for axis in (2 + ndim + k, 2 + k)]
    return split.permute(0, 1, *order).reshape(x.shape[0], -1, *(n * f for n, f in zip(spatial, factors, strict=True)))


@torch.no_grad()
def start_like_nearest(convolution: nn.Module, factors: Sequence[int]) -> None:
    """Make all sub-pixels of a channel start alike, so that the shuffle starts without a checkerboard.

    ICNR: Aitken et al. 2017, "Checkerboard artifact free sub-pixel convolution".
    """
    copies = math.prod(factors)
    for parameter in (convolution.weight, convolution.bias):
        if isinstance(parameter, nn.Parameter):
            parameter.copy_(parameter[::copies].repeat_interleave(copies, dim=0))
