"""PSNR, SSIM and MSE in stored units, over valid samples, with a data range that the caller states.

Arrays are ``(C, *spatial)`` with 1 to 3 spatial axes; validity is ``(C or 1, *spatial)``, None where all are valid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from srkit.errors import UsageError
from srkit.image import Array, BoolArray

SIGMA = 1.5
RADIUS = 5  # 3.5 sigma, rounded: the 11 taps of Wang et al. 2004
K1, K2 = 0.01, 0.03
FloatArray = npt.NDArray[np.float64]


def mse(sr: Array, hr: Array, *, data_range: float | None = None, valid: BoolArray | None = None) -> float:
    """Return the mean squared error in squared stored units; `data_range` is not needed. NaN without valid samples."""
    a, b = paired(sr, hr)
    squares = (a - b) ** 2
    if valid is not None:
        squares = squares[np.broadcast_to(valid, squares.shape)]
    return float(squares.mean()) if squares.size else math.nan


def bias(sr: Array, hr: Array, *, data_range: float | None = None, valid: BoolArray | None = None) -> float:
    """Return how far means differ, in stored units: the mean over channels of the absolute difference of their means.

    `data_range` is not needed. Channels without valid samples do not count; NaN where there is none with some.
    """
    a, b = paired(sr, hr)
    counted = np.broadcast_to(True if valid is None else valid, a.shape)
    found = [abs(float((x - y)[mask].mean())) for x, y, mask in zip(a, b, counted, strict=True) if mask.any()]
    return float(np.mean(found)) if found else math.nan


def psnr(sr: Array, hr: Array, *, data_range: float, valid: BoolArray | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB over all channels together; infinite where both are equal."""
    error = mse(sr, hr, valid=valid)
    return psnr_of(error, data_range)


def psnr_of(error: float, data_range: float) -> float:
    """Return the PSNR in dB of a mean squared error. Raises UsageError for a range that is not positive."""
    check_range(data_range)
    if error == 0:
        return math.inf
    return 10 * math.log10(data_range**2 / error) if math.isfinite(error) else math.nan


def ssim(sr: Array, hr: Array, *, data_range: float, valid: BoolArray | None = None) -> float:
    """Return the mean structural similarity (Wang et al. 2004), the mean over channels.

    Gaussian window of 11 taps and sigma 1.5 along each axis, population covariance, K 0.01 and 0.03, windows that
    lie inside the image: scikit-image's ``gaussian_weights=True, sigma=1.5, use_sample_covariance=False``. Windows
    that touch an invalid sample do not count. An axis shorter than 11 (a few thick slices) is not filtered along, so
    that such a volume is judged plane by plane. NaN where no window is left.
    """
    check_range(data_range)
    a, b = paired(sr, hr)
    axes = [axis for axis in range(1, a.ndim) if a.shape[axis] > 2 * RADIUS]
    if not axes:
        return math.nan
    return counted_mean(similarity(a, b, axes, data_range), valid, axes)


def counted_mean(values: FloatArray, valid: BoolArray | None, axes: Sequence[int], size: int = 2 * RADIUS + 1) -> float:
    """Return the mean over channels of the mean over windows without invalid samples; NaN where none is left.

    Windows have `size` samples along each of `axes`.
    """
    if valid is None:
        return float(values.mean())
    counted = np.broadcast_to(eroded(valid, axes, size), values.shape)
    means = [channel[mask].mean() for channel, mask in zip(values, counted, strict=True) if mask.any()]
    return float(np.mean(means)) if means else math.nan


def similarity(a: FloatArray, b: FloatArray, axes: Sequence[int], data_range: float) -> FloatArray:
    """Return the structural similarity of each window that lies inside, ``(C, *spatial)`` less 10 along `axes`."""
    mean_a, mean_b = _blurred(a, axes), _blurred(b, axes)
    c1 = (K1 * data_range) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    result: FloatArray = luminance * contrast_structure(a, b, axes, data_range)
    return result


def contrast_structure(a: FloatArray, b: FloatArray, axes: Sequence[int], data_range: float) -> FloatArray:
    """Return the similarity without its luminance term."""
    mean_a, mean_b = _blurred(a, axes), _blurred(b, axes)
    var_a = _blurred(a * a, axes) - mean_a * mean_a
    var_b = _blurred(b * b, axes) - mean_b * mean_b
    covariance = _blurred(a * b, axes) - mean_a * mean_b
    c2 = (K2 * data_range) ** 2
    result: FloatArray = (2 * covariance + c2) / (var_a + var_b + c2)
    return result


def _blurred(values: FloatArray, axes: Sequence[int]) -> FloatArray:
    """Return the Gaussian means over windows inside the array: shorter by 10 along each of `axes`."""
    offsets = np.arange(-RADIUS, RADIUS + 1)
    taps = np.exp(-0.5 * (offsets / SIGMA) ** 2)
    taps /= taps.sum()
    for axis in axes:
        windows = np.lib.stride_tricks.sliding_window_view(values, taps.size, axis=axis)
        values = windows @ taps
    return values


def eroded(valid: BoolArray, axes: Sequence[int], size: int) -> BoolArray:
    """Return which windows of `size` samples along `axes` hold valid samples only."""
    for axis in axes:
        valid = np.asarray(np.lib.stride_tricks.sliding_window_view(valid, size, axis=axis).all(axis=-1))
    return valid


def paired(sr: Array, hr: Array) -> tuple[FloatArray, FloatArray]:
    """Return both in float64. Raises UsageError for different shapes."""
    if sr.shape != hr.shape:
        raise UsageError(f"arrays of shapes {sr.shape} and {hr.shape} cannot be compared; crop them to one grid")
    return np.asarray(sr, dtype=np.float64), np.asarray(hr, dtype=np.float64)


def check_range(data_range: float) -> None:
    """Raise UsageError for a data range that is no positive number."""
    if not data_range > 0 or not math.isfinite(data_range):
        raise UsageError(f"data range {data_range!r} is not a positive number; state the range of the values")
