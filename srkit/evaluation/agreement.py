"""Whether an output, degraded again, is the LR that it was made from: in level, in spectrum, and in place."""

from __future__ import annotations

import math

import numpy as np

from srkit.data.filling import fill_invalid
from srkit.data.registration import displacement
from srkit.evaluation.reference import Reference
from srkit.evaluation.spectral import sam
from srkit.grid import Window
from srkit.image import Array

LOOKED_AT = {2: 1024, 3: 128}
"""LR samples per axis in the middle on which a shift is sought, by the number of axes."""


def agreement(reference: Reference, sr: Array) -> dict[str, float]:
    """Return how `sr` ``(C, *grid axes)``, degraded without noise, departs from LR; after opensr-test's consistency.

    ``l1`` is the mean absolute difference in stored units, ``angle`` that of the spectra in degrees (NaN for one band),
    ``shift`` the distance in LR samples by which the mean of the bands is displaced, by phase correlation. Valid LR
    samples alone count; all three are 0 for an output that LR could have come from, up to LR's own noise and rounding.
    """
    lr = reference.lr.read(Window.whole(reference.lr.grid.shape), 0)
    filled = sr if reference.valid is None else fill_invalid(sr, reference.valid)
    seen = reference.seen(filled)
    known = np.broadcast_to(True if lr.valid is None else lr.valid, lr.values.shape)
    if not known.any():
        return {"l1": math.nan, "angle": math.nan, "shift": math.nan}
    seen = np.where(known, seen, lr.values)
    return {
        "l1": float(np.abs(seen - lr.values)[known].mean(dtype=np.float64)),
        "angle": sam(seen, lr.values, valid=known),
        "shift": _shift(lr.values, seen),
    }


def _shift(lr: Array, seen: Array) -> float:
    middle = tuple(
        slice(max(0, n - most) // 2, max(0, n - most) // 2 + min(n, most))
        for n, most in ((n, LOOKED_AT[lr.ndim - 1]) for n in lr.shape[1:])
    )
    a, b = (values.mean(axis=0, dtype=np.float64)[middle] for values in (lr, seen))
    return math.hypot(*displacement(a, b)) if np.ptp(a) > 0 and np.ptp(b) > 0 else math.nan
