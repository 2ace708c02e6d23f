"""Figures of merit for images of several bands: the spectral angle, and Wald's ERGAS."""

from __future__ import annotations

import math

import numpy as np

from srkit.evaluation.metrics import paired
from srkit.image import Array, BoolArray


def sam(sr: Array, hr: Array, *, data_range: float | None = None, valid: BoolArray | None = None) -> float:
    """Return the mean angle in degrees between the spectra of both images (Kruse et al. 1993); lower is better.

    `data_range` is not needed. Pixels that are all zero in one image, or invalid in any band, do not count. NaN for one
    band and where no pixel is left.
    """
    a, b = paired(sr, hr)
    if len(a) < 2:
        return math.nan
    counted = np.ones(a.shape[1:], bool) if valid is None else np.broadcast_to(valid, a.shape).all(axis=0)
    lengths = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    counted = counted & (lengths > 0)
    if not counted.any():
        return math.nan
    cosine = (a * b).sum(axis=0)[counted] / lengths[counted]
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())


def ergas(
    sr: Array, hr: Array, *, scale: float, data_range: float | None = None, valid: BoolArray | None = None
) -> float:
    """Return Wald's relative global error, ``100 / scale * sqrt(mean over bands of MSE / mean^2)``; lower is better.

    After Wald 2000 ("Quality of high resolution synthesised images"). `scale` is how many HR samples an LR sample has
    along an axis; `data_range` is not needed. NaN for one band, and where a band has no valid sample or the mean 0.
    """
    a, b = paired(sr, hr)
    if len(a) < 2:
        return math.nan
    counted = np.broadcast_to(True if valid is None else valid, a.shape)
    terms = []
    for x, y, mask in zip(a, b, counted, strict=True):
        if not mask.any() or y[mask].mean() == 0:
            return math.nan
        terms.append(((x[mask] - y[mask]) ** 2).mean() / y[mask].mean() ** 2)
    return 100 / scale * math.sqrt(float(np.mean(terms)))
