"""Reads windows of an item, and keeps small items in memory; continues arrays beyond their border."""

from __future__ import annotations

import numpy as np

from srkit.data.cache import ArrayCache
from srkit.data.view import ProxySource
from srkit.grid import Window
from srkit.image import Array, Block, Source


class CachedSource(ProxySource):
    """A source whose frames are read once and kept, if `cache` has room for them.

    Compressed volumes have no cheap random access; a scene too large to be kept is read window by window.
    """

    def __init__(self, source: Source, cache: ArrayCache, key: object) -> None:
        super().__init__(source)
        self._cache = cache
        self._key = key
        dtype_size = 8 if source.encoding.dtype.itemsize > 2 else 4
        frame_bytes = source.extent.size * len(source.channels) * dtype_size
        self._kept = cache.fits(frame_bytes)

    def read(self, window: Window, frame: int = 0) -> Block:
        """Return the samples of `window`, which lies inside the extent."""
        if not self._kept:
            return self._source.read(window, frame)
        arrays = self._cache.get((self._key, frame), lambda: self._whole(frame))
        part = (slice(None), *window.relative_to(self._source.extent).slices)
        return Block(arrays[0][part], arrays[1][part] if len(arrays) > 1 else None)

    def _whole(self, frame: int) -> tuple[Array, ...]:
        block = self._source.read(self._source.extent, frame)
        if block.valid is None:
            return (block.values,)
        valid = np.broadcast_to(block.valid, (block.valid.shape[0], *block.values.shape[1:]))
        return (block.values, np.array(valid))


def pad_to(array: Array, window: Window) -> Array:
    """Return `window` of ``(C, *spatial)``, whose first sample is index 0; beyond it goes on as its mirror."""
    before = [max(0, -a) for a in window.start]
    after = [max(0, b - n) for b, n in zip(window.stop, array.shape[1:], strict=True)]
    if any(before) or any(after):
        array = np.pad(array, [(0, 0), *zip(before, after, strict=True)], mode="symmetric")
    return array[(slice(None), *window.shifted(before).slices)]
