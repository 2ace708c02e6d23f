"""PSNR that forgives a small shift and an offset: for LR and HR that were measured apart. Only beside plain PSNR."""

from __future__ import annotations

import itertools
import math

import numpy as np

from srkit.evaluation.metrics import check_range, paired, psnr_of
from srkit.image import Array, BoolArray

FARTHEST = 3
"""HR samples along rows and columns by which images may be shifted."""


def cpsnr(sr: Array, hr: Array, *, data_range: float, valid: BoolArray | None = None) -> float:
    """Return the best PSNR over shifts of up to 3 samples along rows and columns, each channel's offset removed.

    Maertens et al. 2019 ("Super-resolution of PROBA-V images using convolutional neural networks", eq. 3 to 5): SR
    without a border of 3 samples against each part of HR of its size; the offset is the mean difference over valid
    samples. NaN where a part has no valid sample, or an axis not more than 6 samples.
    """
    check_range(data_range)
    a, b = paired(sr, hr)
    if a.ndim < 3 or min(a.shape[-2:]) <= 2 * FARTHEST:
        return math.nan
    known = np.broadcast_to(True if valid is None else valid, a.shape)
    inner = _part(a, FARTHEST, FARTHEST)
    shifts = itertools.product(range(2 * FARTHEST + 1), repeat=2)
    errors = [_error(inner, _part(b, *shift), _part(known, *shift)) for shift in shifts]
    return psnr_of(min(errors), data_range) if all(map(math.isfinite, errors)) else math.nan


def _part(values: Array, row: int, column: int) -> Array:
    rows, columns = (n - 2 * FARTHEST for n in values.shape[-2:])
    return values[..., row : row + rows, column : column + columns]


def _error(sr: Array, hr: Array, known: Array) -> float:
    """Return the mean squared error over valid samples, each channel's mean difference taken off."""
    over = tuple(range(1, sr.ndim))
    counts = known.sum(axis=over, keepdims=True)
    difference = np.where(known, hr - sr, 0)
    offset = difference.sum(axis=over, keepdims=True) / np.maximum(counts, 1)
    squares = np.where(known, difference - offset, 0) ** 2
    return float(squares.sum() / counts.sum()) if counts.any() else math.nan
