"""Up to which frequency an image has the detail that its own coarser detail lets one expect."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from srkit.image import Array, BoolArray

FITTED = (1 / 8, 1 / 2)
"""Shares of LR's Nyquist frequency between which a power law is fitted: there a degradation leaves most."""
DROP = 0.1
"""Share of the law's power below which detail counts as missing: 10 dB."""
PER_OCTAVE = 6
"""Bands of equal width on a logarithmic axis in which power is averaged."""
SEGMENT = 64
"""LR samples in a row whose spectrum is taken."""


def cutoff(values: Array, factors: Sequence[int], *, valid: BoolArray | None = None) -> float:
    """Return the frequency up to which an enlarged image follows its power law, in Nyquist frequencies of its LR.

    The power spectrum of natural images falls as a power of the frequency (Field 1987, "Relations between the
    statistics of natural images and the response properties of cortical cells"). The law is fitted to coarse detail;
    the figure is where power first drops 10 dB below it: about 1 for an output that has what its input could hold, the
    factor for one that is as sharp as an image of its size can be. Noise counts as detail: the figure says what is
    there, not whether it is true.

    Parameters
    ----------
    values
        ``(C, *axes)``, in any unit.
    factors
        Of enlargement, per axis; the mean over axes with a factor above 1 is returned.
    valid
        As `values`, or with one channel; rows of samples of which one is invalid are left out.

    NaN where no 64 LR samples in a row are valid, or all are alike.
    """
    known = np.broadcast_to(True if valid is None else valid, values.shape)
    found = [_along(values, known, axis, factor) for axis, factor in enumerate(factors, start=1) if factor > 1]
    return float(np.mean(found)) if found else math.nan


def _along(values: Array, known: BoolArray, axis: int, factor: int) -> float:
    length = SEGMENT * factor
    if values.shape[axis] < length:
        return math.nan
    segments, complete = (_segments(array, length, axis) for array in (values, known))
    frequency, power = _bands(np.fft.rfftfreq(length)[1:] * 2 * factor, _power(segments[complete.all(-1)]))
    fitted = (frequency >= FITTED[0]) & (frequency <= FITTED[1])
    if not (power[fitted] > 0).all():
        return math.nan
    slope, level = np.polyfit(np.log(frequency[fitted]), np.log(power[fitted]), 1)
    law = np.exp(level + slope * np.log(frequency))
    missing = (power < DROP * law) & (frequency > FITTED[1])
    return float(frequency[missing][0]) if missing.any() else float(factor)


def _segments(array: Array, length: int, axis: int) -> Array:
    """Return all segments along an axis as a last axis, each half over the next."""
    starts = (*(slice(None) for _ in range(axis)), slice(None, None, length // 2))
    found: Array = sliding_window_view(array, length, axis)[starts]
    return found


def _power(segments: Array) -> Array:
    """Return the mean power of segments ``(n, length)`` at each frequency above 0; zeros where there is none.

    Welch 1967, "The use of fast Fourier transform for the estimation of power spectra", with Hann's window.
    """
    if not len(segments):
        return np.zeros(segments.shape[-1] // 2)
    window = np.hanning(segments.shape[-1] + 1)[:-1]
    spectrum = np.fft.rfft((segments - segments.mean(-1, keepdims=True, dtype=np.float64)) * window)
    power: Array = np.square(np.abs(spectrum[:, 1:])).mean(0)
    return power


def _bands(frequency: Array, power: Array) -> tuple[Array, Array]:
    """Return the middles of logarithmic bands and the mean power in each."""
    band = np.floor(np.log2(frequency) * PER_OCTAVE).astype(int)
    members = [band == number for number in np.unique(band)]
    middles = [np.exp(np.log(frequency[inside]).mean()) for inside in members]
    return np.array(middles), np.array([power[inside].mean() for inside in members])
