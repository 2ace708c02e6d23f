"""The default patch sampler: uniform over a region, without windows that hold invalid samples."""

from __future__ import annotations

import numpy as np

from srkit.builtin.normalizer import image_channels
from srkit.errors import InputError, RecipeError
from srkit.grid import Window
from srkit.image import Source

ATTEMPTS = 50


class UniformSampler:
    """Draws windows of `size` (grid axis order) uniformly from the valid part of `source`.

    A window with invalid samples is rejected; where `ATTEMPTS` draws find none without, the one with the largest
    valid share is taken.
    """

    def __init__(self, source: Source, size: tuple[int, ...]) -> None:
        self._source = source
        self._size = size

    def draw(self, rng: np.random.Generator, region: Window) -> tuple[Window, int]:
        """Return a window inside `region`, and a frame.

        Raises RecipeError if the region is smaller than a window, InputError if nothing valid was found.
        """
        if any(n < size for n, size in zip(region.shape, self._size, strict=True)):
            raise RecipeError(
                f"patches of {self._size} do not fit into a region of {region.shape} samples; choose a smaller patch"
            )
        best, best_share = (region, 0), 0.0
        for _ in range(ATTEMPTS):
            window, frame = self._candidate(rng, region)
            share = self._valid_share(window, frame)
            if share == 1.0:
                return window, frame
            if share > best_share:
                best, best_share = (window, frame), share
        if best_share == 0.0:
            raise InputError(f"no valid sample in {ATTEMPTS} windows of {self._size}; is the item empty?")
        return best

    def _candidate(self, rng: np.random.Generator, region: Window) -> tuple[Window, int]:
        room = [n - size for n, size in zip(region.shape, self._size, strict=True)]
        start = tuple(a + int(rng.integers(0, r + 1)) for a, r in zip(region.start, room, strict=True))
        stop = tuple(a + size for a, size in zip(start, self._size, strict=True))
        return Window(start, stop), int(rng.integers(0, self._source.frames))

    def _valid_share(self, window: Window, frame: int) -> float:
        block = self._source.read(window, frame)
        valid = np.isfinite(block.values)
        if block.valid is not None:
            valid &= block.valid
        return float(valid[image_channels(self._source)].mean())
