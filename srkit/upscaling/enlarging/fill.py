"""Fills invalid samples from valid neighbours, so that a network sees neither holes nor garbage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from srkit.image import Array, BoolArray


def fill(values: Array, valid: BoolArray, axes: Sequence[int], steps: int) -> Array:
    """Return `values` with invalid samples replaced, growing inwards from valid ones by `steps` samples.

    In each step a sample with known neighbours (along `axes`, diagonals included) becomes their mean. What a sample
    becomes depends on nothing farther than `steps` away: a tile with that margin is filled as the whole image is.
    Samples that no step reaches become 0.

    Parameters
    ----------
    values
        ``(C, *spatial)``; what lies under invalid samples has no influence.
    valid
        ``(C, *spatial)`` or ``(1, *spatial)``.
    axes
        Array axes of neighbourhood, counted with the channel axis as 0.
    """
    known = np.broadcast_to(valid, values.shape).copy()
    filled = np.where(known, values, values.dtype.type(0))
    for _ in range(steps):
        weight = _neighbourhood_sum(known.astype(values.dtype), axes)
        fresh = ~known & (weight > 0)
        if not fresh.any():
            break
        total = _neighbourhood_sum(filled, axes)
        filled[fresh] = total[fresh] / weight[fresh]
        known |= fresh
    return filled


def _neighbourhood_sum(values: Array, axes: Sequence[int]) -> Array:
    for axis in axes:
        total = values.copy()
        inner = [slice(None)] * values.ndim
        outer = [slice(None)] * values.ndim
        inner[axis], outer[axis] = slice(1, None), slice(None, -1)
        total[tuple(inner)] += values[tuple(outer)]
        total[tuple(outer)] += values[tuple(inner)]
        values = total
    return values
