"""How fast an output comes about, in words."""

from __future__ import annotations

import time
from collections.abc import Callable

from srkit.grid import Window
from srkit.quantities import duration_text


class Pace:
    """Counts the tiles of one item as they are finished; its time begins when it is made, or told of none.

    Tiles that an earlier run finished do not count: what is left will not go as fast as they came.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._begin = clock, clock()
        self._tiles = self._samples = self._left = 0
        self._unit = ""

    def add(self, done: int, total: int, window: Window) -> None:
        """Count a tile that became the samples of `window`; of `total` tiles `done` are finished."""
        self._unit = "megapixels" if len(window.shape) == 2 else "megavoxels"
        if done == 0:
            self._begin = self._clock()
            return
        self._tiles += 1
        self._samples += window.size
        self._left = total - done

    def rate(self) -> str:
        """Return how many samples per channel are made: ``12.3 megapixels/s``."""
        return f"{self._samples / 1e6 / max(self._seconds(), 1e-9):.3g} {self._unit}/s"

    def left(self) -> str:
        """Return how long the tiles that are left will take: ``12 min left``."""
        return f"{duration_text(self._seconds() / max(1, self._tiles) * self._left)} left"

    def _seconds(self) -> float:
        return self._clock() - self._begin
