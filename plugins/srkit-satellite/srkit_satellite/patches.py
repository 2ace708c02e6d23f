"""Windows worth training on: nearly all valid."""

from __future__ import annotations

import numpy as np

from srkit import InputError, RecipeError, Source, Window
from srkit_satellite.bands import image_bands

VALID_SHARE = 0.99
ATTEMPTS = 64


class SceneSampler:
    """Draws windows of `size` (rows, columns) uniformly; those with less than 99 % valid samples are drawn again."""

    def __init__(self, source: Source, size: tuple[int, ...]) -> None:
        self._source = source
        self._size = size
        self._bands = list(image_bands(source.channels))

    def draw(self, rng: np.random.Generator, region: Window) -> tuple[Window, int]:
        """Return a window inside `region`, and frame 0; the best of 64 where none is good enough.

        Raises RecipeError if the region is smaller than a window, InputError where nothing valid was found.
        """
        room = [length - size for length, size in zip(region.shape, self._size, strict=True)]
        if min(room) < 0:
            raise RecipeError(
                f"patches of {self._size} do not fit into {region.shape} pixels; choose a smaller data.patch"
            )
        best, best_share = region, 0.0
        for _ in range(ATTEMPTS):
            start = tuple(a + int(rng.integers(0, r + 1)) for a, r in zip(region.start, room, strict=True))
            window = Window(start, tuple(a + size for a, size in zip(start, self._size, strict=True)))
            share = self._share(window)
            if share >= VALID_SHARE:
                return window, 0
            if share > best_share:
                best, best_share = window, share
        if best_share == 0.0:
            raise InputError(f"no valid pixel in {ATTEMPTS} windows of {self._size}; is the scene empty?")
        return best, 0

    def _share(self, window: Window) -> float:
        valid = self._source.read(window).valid
        if valid is None:
            return 1.0
        return float((valid[self._bands] if valid.shape[0] > 1 else valid).mean())
