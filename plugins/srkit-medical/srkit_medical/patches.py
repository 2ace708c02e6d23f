"""Draws training windows that show the body: air teaches a network nothing."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from srkit.errors import RecipeError
from srkit.grid import Window
from srkit.image import Array, BoolArray, Source
from srkit_medical.foreground import threshold_of
from srkit_medical.thinning import steps_for, thinned

MAP_SAMPLES = 1 << 19
ATTEMPTS = 30
LEAST_BODY = 0.3
"""Share of a window that must be body; windows on the skin still pass."""


class ForegroundSampler:
    """Draws windows of `size` (grid axis order) of which enough is body and everything is valid.

    The body is what lies above the mean of the first frame, on a thinned map that is made at the first draw. Where
    `ATTEMPTS` draws find no such window, the one with most body is taken.
    """

    def __init__(self, source: Source, size: tuple[int, ...]) -> None:
        self._source, self._size = source, size
        self._steps = steps_for(source, MAP_SAMPLES)
        self._sums: npt.NDArray[np.float64] | None = None

    def draw(self, rng: np.random.Generator, region: Window) -> tuple[Window, int]:
        """Return a window inside `region`, and a frame. Raises RecipeError if the region is smaller than a window."""
        if any(n < size for n, size in zip(region.shape, self._size, strict=True)):
            raise RecipeError(
                f"patches of {self._size} do not fit into a region of {region.shape} samples; choose a smaller patch"
            )
        frame = int(rng.integers(0, self._source.frames))
        best, most = region, -1.0
        for _ in range(ATTEMPTS):
            window = self._candidate(rng, region)
            share = self._body_share(window)
            if share >= LEAST_BODY:
                return window, frame
            if share > most:
                best, most = window, share
        return best, frame

    def _candidate(self, rng: np.random.Generator, region: Window) -> Window:
        room = [n - size for n, size in zip(region.shape, self._size, strict=True)]
        start = tuple(a + int(rng.integers(0, r + 1)) for a, r in zip(region.start, room, strict=True))
        return Window(start, tuple(a + n for a, n in zip(start, self._size, strict=True)))

    def _body_share(self, window: Window) -> float:
        """Return the share of body in a window: by a table of sums, whatever the window's size."""
        if self._sums is None:
            self._sums = _summed(_score(*thinned(self._source, self._steps, 0)))
        first = [min(a // s, n - 2) for a, s, n in zip(window.start, self._steps, self._sums.shape, strict=True)]
        last = [
            min(max(f + 1, -(-b // s)), n - 1)
            for f, b, s, n in zip(first, window.stop, self._steps, self._sums.shape, strict=True)
        ]
        total = 0.0
        for corner in product((0, 1), repeat=len(first)):
            index = tuple(b if upper else a for a, b, upper in zip(first, last, corner, strict=True))
            total += (-1) ** (len(first) - sum(corner)) * float(self._sums[index])
        return total / float(np.prod([b - a for a, b in zip(first, last, strict=True)]))


def _score(values: Array, valid: BoolArray) -> npt.NDArray[np.float64]:
    """Return 1 for body, 0 for air; an invalid sample outweighs a whole window."""
    if not valid.any():
        return np.zeros(values.shape)
    body = (values >= threshold_of(values[valid])) & valid
    return np.where(valid, body, -float(values.size)).astype(np.float64)


def _summed(score: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    sums = np.pad(score, [(1, 0)] * score.ndim)
    for axis in range(score.ndim):
        sums = np.cumsum(sums, axis=axis)
    return sums
