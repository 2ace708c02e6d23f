"""Smooth values under invalid samples, so that neither filter nor network sees garbage, zeros or NaN."""

from __future__ import annotations

import numpy as np

from srkit.image import Array, BoolArray


def fill_invalid(values: Array, valid: BoolArray) -> Array:
    """Return ``(C, *spatial)`` values with invalid samples filled from valid ones near by.

    Pull and push (Gortler et al. 1996, section 3.4): means of valid samples over blocks of 2, 4, 8 … samples fill what
    the finer level lacks. Valid samples stay bit by bit; a channel without any valid sample becomes 0.
    """
    known = np.broadcast_to(valid, values.shape)
    clean = np.where(known, values, 0)
    if known.all():
        return clean
    filled = _filled(clean, known.astype(values.dtype))
    return np.where(known, values, filled).astype(values.dtype)


def _filled(values: Array, weight: Array) -> Array:
    if (weight > 0).all() or max(values.shape[1:]) == 1:
        return np.where(weight > 0, values, 0)
    total, mass = _halved(values * weight), _halved(weight)
    coarse = _filled(np.where(mass > 0, total / np.maximum(mass, 1e-12), 0), np.minimum(mass, 1))
    return np.where(weight > 0, values, _doubled(coarse, values.shape))


def _halved(array: Array) -> Array:
    """Return sums over blocks of two along every spatial axis longer than one."""
    for axis in range(1, array.ndim):
        if array.shape[axis] > 1:
            array = np.add.reduceat(array, np.arange(0, array.shape[axis], 2), axis=axis)
    return array


def _doubled(array: Array, shape: tuple[int, ...]) -> Array:
    for axis in range(1, array.ndim):
        if shape[axis] > 1:
            array = np.repeat(array, 2, axis=axis).take(range(shape[axis]), axis=axis)
    return array
