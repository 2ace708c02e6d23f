"""The universal image quality index of Wang and Bovik: loss of correlation, luminance and contrast in one number."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from srkit.evaluation.metrics import FloatArray, counted_mean, paired
from srkit.image import Array, BoolArray

WINDOW = 8


def uiqi(
    sr: Array,
    hr: Array,
    *,
    data_range: float | None = None,
    valid: BoolArray | None = None,
    window: int = WINDOW,
) -> float:
    """Return the mean index over windows, the mean over channels; 1 for equal images, at least -1.

    Wang and Bovik 2002 ("A universal image quality index", eq. 2 and 3): means, variances and covariance over windows
    of 8 samples along every axis that lie inside the image and touch no invalid sample. Flat windows compare by their
    means alone; those that are 0 in both images are equal. `data_range` is not needed. An axis shorter than the window
    is not gone along. NaN where no window is left.
    """
    a, b = paired(sr, hr)
    axes = [axis for axis in range(1, a.ndim) if a.shape[axis] >= window]
    known = np.broadcast_to(True if valid is None else valid, a.shape)
    if not axes or not known.any():
        return math.nan
    a, b = np.where(known, a, 0), np.where(known, b, 0)
    over = tuple(range(1, a.ndim))
    centre = (a + b).sum(axis=over, keepdims=True) / (2 * np.maximum(known.sum(axis=over, keepdims=True), 1))
    return counted_mean(_index(a, b, centre, axes, window), valid, axes, window)


def _index(a: FloatArray, b: FloatArray, centre: FloatArray, axes: Sequence[int], window: int) -> FloatArray:
    """Return the index of each window, ``(C, *spatial)`` less ``window - 1`` along `axes`.

    Sums are of what lies above `centre`: squares of small numbers keep more digits.
    """
    x, y = a - centre, b - centre
    near_x, near_y = _means(x, axes, window), _means(y, axes, window)
    covariance = _means(x * y, axes, window) - near_x * near_y
    spread = _means(x * x + y * y, axes, window) - near_x**2 - near_y**2
    mean_a, mean_b = near_x + centre, near_y + centre
    level = mean_a**2 + mean_b**2
    noise = 1e-12 * (_means(x * x + y * y, axes, window) + level)
    flat = spread <= noise
    luminance = np.where(level > 0, 2 * mean_a * mean_b / np.where(level > 0, level, 1), 1.0)
    result: FloatArray = luminance * np.where(flat, 1.0, 2 * covariance / np.where(flat, 1, spread))
    return result


def _means(values: FloatArray, axes: Sequence[int], window: int) -> FloatArray:
    for axis in axes:
        values = np.lib.stride_tricks.sliding_window_view(values, window, axis=axis).mean(axis=-1)
    return values
