"""How much an image differs around each of its samples, and how far an enlarged one departs from interpolation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from srkit.image import Array, BoolArray, Encoding

LEAST_SHARE_OF_SPREAD = 0.01


def contrast(lr: Array, valid: BoolArray | None, radii: Sequence[int]) -> Array:
    """Return the range of ``(C, *spatial)`` values over each sample and its neighbours, as many as `radii` says.

    Only valid samples count; it is negative infinity where there is none.
    """
    high, low = lr, lr
    if valid is not None:
        high, low = (np.where(valid, lr, lr.dtype.type(end)) for end in (-math.inf, math.inf))
    for axis, radius in enumerate(radii, start=1):
        for _ in range(radius):
            high, low = _wider(high, axis, np.maximum), _wider(low, axis, np.minimum)
    return np.subtract(high, low, out=np.full_like(high, -np.inf), where=high >= low)


def peaks(values: Array, factors: Sequence[int]) -> Array:
    """Return the largest of the samples that each input sample became."""
    for axis, factor in enumerate(factors, start=1):
        ahead = (slice(None),) * axis
        parts = [values[(*ahead, slice(phase, None, factor))] for phase in range(factor)]
        values = parts[0]
        for part in parts[1:]:
            values = np.maximum(values, part)
    return values


def least_departure(spread: float, encoding: Encoding) -> float:
    """Return what a departure must be at least to be worth a word: a hundredth of the spread, and a stored step."""
    step = 0.0 if encoding.dtype.kind == "f" else abs(encoding.slope)
    return max(step, LEAST_SHARE_OF_SPREAD * spread)


def _wider(values: Array, axis: int, larger: np.ufunc) -> Array:
    ahead = (slice(None),) * axis
    later, earlier = (*ahead, slice(1, None)), (*ahead, slice(None, -1))
    result = values.copy()
    larger(result[later], values[earlier], out=result[later])
    larger(result[earlier], values[later], out=result[earlier])
    return result
