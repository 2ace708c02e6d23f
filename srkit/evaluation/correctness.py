"""How much an output adds to its LR, and whether that is improvement, omission or hallucination.

After opensr-test 1.3.3 with its defaults (Aybar et al. 2024, "A Comprehensive Benchmark for Optical Remote Sensing
Image Super-Resolution"). LR is interpolated to HR's grid, and each sample of an output is placed between the two: by
its distance to HR and its distance to LR, both in shares of the distance between them. What is done there to forgive
sensors their differences (matching histograms, moving the output) is left out: here LR was made from HR.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional as F

from srkit.data.filling import fill_invalid
from srkit.evaluation.reference import Reference
from srkit.grid import Window
from srkit.image import Array, BoolArray

FIGURES = {"synthesis": True, "improvement": True, "omission": False, "hallucination": False}
"""Figures by name, and whether more is better."""
BORDER = 16
"""HR samples along scaled axes that do not count, or a quarter of a short axis."""
QUIET = 0.75
"""Share of the samples at which LR is nearest to HR: where the output is as near to both, there is nothing to see."""
DISCOUNT, TEMPERATURE = 0.05, 0.25
LEAST = 1e-8


def correctness(reference: Reference, sr: Array, valid: BoolArray | None) -> dict[str, float]:
    """Return the `FIGURES` of an output ``(C, *grid axes)`` in stored units; `valid` is what counts of it.

    ``synthesis`` is the mean absolute difference from the interpolated LR, in stored units. The other three share out 1
    among the samples that differ: HR itself has nearly all improvement, the interpolated LR nearly all omission, and
    what is far from both nearly all hallucination. NaN where no sample counts.
    """
    lr = _interpolated(reference)
    counted = _counted(reference, valid)
    if not counted.any():
        return dict.fromkeys(FIGURES, math.nan)
    bands = [values[:, counted] for values in (lr, sr, reference.hr)]
    shares = _shares(*bands)
    synthesis = float(np.abs(bands[1] - bands[0]).mean(dtype=np.float64))
    return {"synthesis": synthesis, **dict(zip(list(FIGURES)[1:], shares, strict=True))}


def _interpolated(reference: Reference) -> Array:
    """Return LR, interpolated linearly to HR's grid."""
    block = reference.lr.read(Window.whole(reference.lr.grid.shape), 0)
    filled = block.values if block.valid is None else fill_invalid(block.values, block.valid)
    mode = "bilinear" if filled.ndim == 3 else "trilinear"
    values = torch.from_numpy(np.ascontiguousarray(filled))[None]
    result: Array = F.interpolate(values, size=reference.hr.shape[1:], mode=mode, align_corners=False)[0].numpy()
    return result


def _counted(reference: Reference, valid: BoolArray | None) -> BoolArray:
    """Return the places that are valid in all channels, and inside of the border."""
    shape, lr = reference.hr.shape[1:], reference.lr.grid.shape
    counted = np.zeros(shape, np.bool_)
    border = [min(BORDER, n // 4) if n > of else 0 for n, of in zip(shape, lr, strict=True)]
    inside = tuple(slice(b, n - b) for b, n in zip(border, shape, strict=True))
    known = np.broadcast_to(True if valid is None else valid, reference.hr.shape)
    counted[inside] = known[(slice(None), *inside)].all(axis=0)
    return counted


def _shares(lr: Array, sr: Array, hr: Array) -> tuple[float, float, float]:
    """Return improvement, omission and hallucination of samples ``(C, n)``."""
    apart, wrong, added = _distance(lr, hr), _distance(sr, hr), _distance(sr, lr)
    quiet = np.partition(apart, max(0, int(QUIET * apart.size) - 1))[max(0, int(QUIET * apart.size) - 1)]
    seen = np.maximum(np.maximum(apart, wrong), added) > quiet
    if not seen.any():
        return math.nan, math.nan, math.nan
    least = np.maximum(apart[seen], np.finfo(np.float64).tiny)
    wrong, added = (np.minimum(distance[seen] / least, 1 / LEAST) for distance in (wrong, added))
    beyond = 1 - np.exp(-DISCOUNT * (wrong + added - 1))
    far = np.stack([wrong + added * beyond, added + wrong * beyond, np.exp(-DISCOUNT * wrong * added)])
    near = np.exp((far.min(axis=0) - far) / TEMPERATURE)
    improvement, omission, hallucination = (near / near.sum(axis=0)).mean(axis=1)
    return float(improvement), float(omission), float(hallucination)


def _distance(a: Array, b: Array) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the relative difference of samples, ``|a - b| / |a + b|``, the mean over channels."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    result: np.ndarray[tuple[int], np.dtype[np.float64]] = (np.abs(x - y) / np.abs(x + y + LEAST)).mean(axis=0)
    return result
