"""Windows worth training on: nearly all valid, and hardly cloudy."""

from __future__ import annotations

import numpy as np

from srkit import Block, InputError, RecipeError, Source, Window
from srkit_satellite.bands import image_bands
from srkit_satellite.clouds import Array, clouds_of

VALID_SHARE = 0.99
ATTEMPTS = 64
MAX_CLOUD = 0.1


class SceneSampler:
    """Draws windows of `size` (rows, columns) uniformly, until one is good.

    Good is what has at least 99 % valid samples and, where a band or a file beside the scene says so, no more cloud
    than the domain's option `max_cloud`. What cloud there is teaches nothing, and counts in no figure.
    """

    def __init__(self, source: Source, size: tuple[int, ...]) -> None:
        self._source = source
        self._size = size
        self._bands = list(image_bands(source.channels))
        self._clouds = clouds_of(source)
        self._max_cloud = float(getattr(source, "options", {}).get("max_cloud", MAX_CLOUD))

    def draw(self, rng: np.random.Generator, region: Window) -> tuple[Window, int]:
        """Return a window inside `region`, and frame 0; the most valid one that is not cloudy where none of 64 is good.

        Raises RecipeError if the region is smaller than a window, InputError where nothing valid and clear was found.
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
            raise InputError(f"no valid and clear pixel in {ATTEMPTS} windows of {self._size}; is the scene empty?")
        return best, 0

    def counted(self, window: Window, block: Block) -> Array | None:
        """Return which samples of `window` are ground, ``(1, rows, columns)``; None where nobody speaks of clouds."""
        if self._clouds is None:
            return None
        clear: Array = ~self._clouds.mask(window, block, self._source.grid.shape)[np.newaxis]
        return clear

    def _share(self, window: Window) -> float:
        """Return the valid share; 0 where the window is too cloudy."""
        block = self._source.read(window)
        if self._is_cloudy(window, block):
            return 0.0
        if block.valid is None:
            return 1.0
        return float((block.valid[self._bands] if block.valid.shape[0] > 1 else block.valid).mean())

    def _is_cloudy(self, window: Window, block: Block) -> bool:
        if self._clouds is None:
            return False
        return self._clouds.share(window, block, self._source.grid.shape) > self._max_cloud
