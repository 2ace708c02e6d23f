"""Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003)."""

from __future__ import annotations

import math

import numpy as np

from srkit.evaluation.metrics import (
    RADIUS,
    FloatArray,
    check_range,
    contrast_structure,
    counted_mean,
    paired,
    similarity,
)
from srkit.image import Array, BoolArray

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def ms_ssim(sr: Array, hr: Array, *, data_range: float, valid: BoolArray | None = None) -> float:
    """Return the product over five scales of contrast and structure, of the last one luminance too, each to its weight.

    Windows as in `ssim`; from scale to scale images are averaged over 2 samples per axis. A negative mean counts as 0.
    Equal to MONAI's for one channel; the mean over channels is taken at each scale. Samples that an average shares
    with an invalid one are invalid. NaN where an axis has fewer than 176 samples: there is no window at the last scale.
    """
    check_range(data_range)
    a, b = paired(sr, hr)
    if min(a.shape[1:]) < (2 * RADIUS + 1) * 2 ** (len(WEIGHTS) - 1):
        return math.nan
    axes = tuple(range(1, a.ndim))
    product = 1.0
    for place, weight in enumerate(WEIGHTS):
        last = place == len(WEIGHTS) - 1
        found = (similarity if last else contrast_structure)(a, b, axes, data_range)
        product *= max(counted_mean(found, valid, axes), 0.0) ** weight
        a, b = _halved(a), _halved(b)
        valid = None if valid is None else _halved(valid.astype(np.float64)) == 1
    return product


def _halved(values: FloatArray) -> FloatArray:
    """Return the means over 2 samples per spatial axis; an odd last sample is left out."""
    for axis in range(1, values.ndim):
        even = values.shape[axis] // 2 * 2
        first, second = (np.take(values, np.arange(start, even, 2), axis=axis) for start in (0, 1))
        values = (first + second) / 2
    return values
