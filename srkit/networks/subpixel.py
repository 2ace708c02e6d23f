"""A convolution after a pixel shuffle, done before it: the same sums, on fewer and wider pixels.

A convolution of K taps per axis on samples that came from a shuffle by r reads, for output phase p and tap d, the
input phase (p + d) mod r of the pixel floor((p + d) / r). So it equals a convolution of 2·ceil(K//2 / r) + 1 taps
from ``C · r`` to ``O · r`` channels on the pixels themselves, shuffled afterwards; zero padding maps exactly. Layers
of few output channels, which processors compute at a fraction of their speed, thereby become wide.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

IndexArray = npt.NDArray[np.int64]
LANES = 16  # output channels that a processor computes together; fewer cost as much


def rewritten_weight(weight: Tensor, factors: Sequence[int]) -> Tensor:
    """Return the weight ``(O·P, C·P, *taps)`` of the convolution before the shuffle by `factors`; P is their product.

    `weight` is ``(O, C, *odd kernel)``. Differentiable.
    """
    out, channels, *kernel = weight.shape
    taps = rewritten_kernel(kernel, factors)
    phases = math.prod(factors)
    source = torch.from_numpy(_source_taps(tuple(kernel), tuple(factors), taps))
    if weight.is_cuda:
        source = source.pin_memory().to(weight.device, non_blocking=True)  # from elsewhere, training would wait for it
    flat = torch.cat([weight.flatten(2), weight.new_zeros(out, channels, 1)], dim=2)
    gathered = flat[:, :, source.flatten()].reshape(out, channels, phases, phases, *taps)
    order = [0, 2, 1, 3, *range(4, 4 + len(taps))]
    return gathered.permute(order).reshape(out * phases, channels * phases, *taps)


def rewritten_bias(bias: Tensor | None, factors: Sequence[int]) -> Tensor | None:
    """Return the bias of the convolution before the shuffle."""
    return None if bias is None else bias.repeat_interleave(math.prod(factors))


def rewritten_kernel(kernel: Sequence[int], factors: Sequence[int]) -> tuple[int, ...]:
    """Return the taps per axis of the convolution before the shuffle."""
    return tuple(2 * -(-(k // 2) // r) + 1 for k, r in zip(kernel, factors, strict=True))


def rewriting_pays(shape: Sequence[int], factors: Sequence[int]) -> bool:
    """Tell whether a weight of `shape` costs less before the shuffle, few output channels counted as `LANES`."""
    out, channels, *kernel = shape
    phases = math.prod(factors)
    after = phases * math.prod(kernel) * channels * _lanes(out)
    before = math.prod(rewritten_kernel(kernel, factors)) * channels * phases * _lanes(out * phases)
    return phases > 1 and before < after


def _lanes(channels: int) -> int:
    return -(-channels // LANES) * LANES


@lru_cache(maxsize=64)
def _source_taps(kernel: tuple[int, ...], factors: tuple[int, ...], taps: tuple[int, ...]) -> IndexArray:
    """Return for (output phase, input phase, tap) the flat tap of the kernel, or one past its end: zero."""
    none = math.prod(kernel)
    axes = [_axis_taps(k, r, t) for k, r, t in zip(kernel, factors, taps, strict=True)]
    phases = list(itertools.product(*(range(r) for r in factors)))
    result = np.full((len(phases), len(phases), *taps), none, np.int64)
    for (i, to), (j, of) in itertools.product(enumerate(phases), enumerate(phases)):
        chosen = [axis[p][q] for axis, p, q in zip(axes, to, of, strict=True)]
        for place in itertools.product(*(range(t) for t in taps)):
            sources = [axis[tap] for axis, tap in zip(chosen, place, strict=True)]
            if min(sources) >= 0:
                result[(i, j, *place)] = _flat(sources, kernel)
    return result


def _axis_taps(kernel: int, factor: int, taps: int) -> list[list[list[int]]]:
    """Return for output phase, input phase and tap of one axis the tap of the kernel, -1 where it has none."""
    reach = kernel // 2

    def source(to: int, of: int, tap: int) -> int:
        offset = of + (tap - taps // 2) * factor - to
        return offset + reach if abs(offset) <= reach else -1

    return [[[source(p, q, t) for t in range(taps)] for q in range(factor)] for p in range(factor)]


def _flat(indices: Sequence[int], shape: Sequence[int]) -> int:
    flat = 0
    for index, length in zip(indices, shape, strict=True):
        flat = flat * length + index
    return flat
