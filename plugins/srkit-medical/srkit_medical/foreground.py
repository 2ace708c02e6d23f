"""Where the body is: one rule for training windows and for figures of merit."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from srkit.image import Array, BoolArray

LEAST_SHARE = 0.1
"""Size of a piece, as a share of the largest, from which it belongs to the body: of two legs, both do."""


def threshold_of(values: Array) -> float:
    """Return the value above which samples are body: the mean, without what is rarer than one in a hundred."""
    low, high = np.percentile(values, [1, 99])
    return float(values.clip(low, high).mean(dtype=np.float64))


def body_of(values: Array, valid: BoolArray | None) -> BoolArray:
    """Return where the body is in an image ``(C, *spatial)``, as ``(1, *spatial)``.

    Its largest pieces above the threshold, with what they enclose (ventricles, lungs) in every plane of an image of
    three axes. All of an image without air.
    """
    known = np.isfinite(values[:1]) if valid is None else np.isfinite(values[:1]) & valid[:1]
    if not known.any():
        return known
    bright = known[0] & (values[0] >= threshold_of(values[0][known[0]]))
    body = _filled(largest_pieces(bright))
    return np.asarray(body[np.newaxis] & known)


def largest_pieces(mask: BoolArray) -> BoolArray:
    """Return the pieces of a mask, joined by faces, that are not much smaller than the largest one."""
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= LEAST_SHARE * sizes.max())[pieces] & mask)


def _filled(mask: BoolArray) -> BoolArray:
    """Fill holes in planes across each axis in turn: an open volume encloses nothing in three dimensions."""
    if mask.ndim == 2:
        return np.asarray(ndimage.binary_fill_holes(mask))
    filled = mask.copy()
    for axis in range(mask.ndim):
        for plane in np.moveaxis(filled, axis, 0):
            plane[...] = ndimage.binary_fill_holes(plane)
    return filled
