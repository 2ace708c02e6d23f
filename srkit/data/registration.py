"""How far two images of one place lie apart, and how far their values agree."""

from __future__ import annotations

import math

import numpy as np

from srkit.image import Array

STEPS_PER_SAMPLE = 100
Fit = tuple[float, float]
"""Gain and offset of a straight line."""


def displacement(reference: Array, image: Array) -> tuple[float, ...]:
    """Return how many samples further along each axis the content of `image` lies than in `reference`.

    Phase correlation to a hundredth of a sample: the peak of the inverse transform of the cross spectrum's phases,
    refined by a matrix-multiplied transform around it (Guizar-Sicairos, Thurman and Fienup 2008, section 2). Both are
    ``(*spatial)`` of one shape, without invalid samples.
    """
    cross = np.fft.fftn(image) * np.conj(np.fft.fftn(reference))
    size = np.abs(cross)
    cross /= np.maximum(size, 100 * np.finfo(np.float64).eps * max(float(size.max()), 1e-300))
    peak = np.unravel_index(np.argmax(np.abs(np.fft.ifftn(cross))), cross.shape)
    whole = [p - n if p > n // 2 else p for p, n in zip(peak, cross.shape, strict=True)]
    return _refined(cross, [int(p) for p in whole])


def _refined(cross: Array, whole: list[int]) -> tuple[float, ...]:
    """Return the peak of the cross-correlation within three quarters of a sample of `whole`, on a fine lattice."""
    reach = math.ceil(0.75 * STEPS_PER_SAMPLE)
    lattice = np.arange(-reach, reach + 1) / STEPS_PER_SAMPLE
    fine = cross
    for length, near in zip(reversed(cross.shape), reversed(whole), strict=True):
        kernel = np.exp(2j * np.pi * np.outer(near + lattice, np.fft.fftfreq(length)))
        fine = np.tensordot(kernel, fine, axes=(1, -1))
    peak = np.unravel_index(np.argmax(np.abs(fine)), fine.shape)
    return tuple(near + float(lattice[p]) for near, p in zip(whole, peak, strict=True))


def correlation(a: Array, b: Array) -> float:
    """Return Pearson's correlation of two sets of samples; 0 where one of them is constant."""
    x, y = (np.asarray(values, np.float64).ravel() - np.mean(values, dtype=np.float64) for values in (a, b))
    power = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / power if power > 0 else 0.0


def linear_fit(values: Array, target: Array) -> Fit:
    """Return gain and offset of ``target ≈ gain * values + offset`` by least squares; gain 1 for constant values."""
    x, y = (np.asarray(samples, np.float64).ravel() for samples in (values, target))
    centred = x - x.mean()
    power = float(centred @ centred)
    gain = float(centred @ y) / power if power > 0 else 1.0
    return gain, float(y.mean() - gain * x.mean())
