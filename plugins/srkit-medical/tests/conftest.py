"""Items held in memory, for what does not depend on a format."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import pytest

from srkit.grid import Grid, Slab, Window
from srkit.image import Block, Channel, Encoding


class ArraySource:
    """A source of an array ``(frames, i, j, k)``; NaN is invalid."""

    def __init__(self, frames: np.ndarray) -> None:
        self._frames = frames
        self.grid = Grid.pixels(frames.shape[1:])
        self.channels: tuple[Channel, ...] = (Channel("grey"),)
        self.encoding = Encoding(np.dtype(frames.dtype))
        self.frames = len(frames)
        self.roles = MappingProxyType({"column": 0, "row": 1, "slice": 2})
        self.fixed_axes = MappingProxyType({})
        self.slab = Slab(2, 3)
        self.extent = Window.whole(self.grid.shape)
        self.reads = 0

    def read(self, window: Window, frame: int = 0) -> Block:
        self.reads += 1
        values = self._frames[(frame, *window.slices)][np.newaxis].astype(np.float32)
        return Block(values, np.isfinite(values))

    def close(self) -> None:
        pass


@pytest.fixture
def in_memory() -> Callable[[np.ndarray], ArraySource]:
    """Return a function that makes a source of an array ``(i, j, k)`` or ``(frames, i, j, k)``."""
    return lambda array: ArraySource(array if array.ndim == 4 else array[np.newaxis])
