"""Reads windows of an item, also those that reach beyond it, and keeps small items in memory."""

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


def read_mirrored(source: Source, window: Window, frame: int) -> Block:
    """Return the samples of any `window`: beyond the extent the item goes on as its mirror, and is invalid there."""
    inside = window.intersection(source.extent)
    if inside == window:
        return source.read(window, frame)
    # A mirror of the part nearest the border needs as much of the item as lies beyond it, at least one sample.
    needed = _mirrored_part(window, source.extent)
    block = source.read(needed, frame)
    beyond = [
        (max(0, n0 - a), max(0, b - n1))
        for a, b, n0, n1 in zip(window.start, window.stop, needed.start, needed.stop, strict=True)
    ]
    crop = tuple(
        slice(max(0, a - n0), max(0, a - n0) + b - a)
        for a, b, n0 in zip(window.start, window.stop, needed.start, strict=True)
    )
    values = np.pad(block.values, [(0, 0), *beyond], mode="symmetric")[(slice(None), *crop)]
    known = np.ones((1, *block.values.shape[1:]), bool) if block.valid is None else block.valid
    valid = np.pad(known, [(0, 0), *beyond], constant_values=False)[(slice(None), *crop)]
    return Block(values, valid)


def _mirrored_part(window: Window, extent: Window) -> Window:
    """Return the part of `extent` that `window` and its mirror image need."""
    start, stop = [], []
    for a, b, low, high in zip(window.start, window.stop, extent.start, extent.stop, strict=True):
        first = min(max(a, low), high - 1) if b <= high else min(max(a, low), 2 * high - b)
        last = max(min(b, high), low + 1) if a >= low else max(min(b, high), 2 * low - a)
        start.append(max(low, first))
        stop.append(min(high, last))
    return Window(tuple(start), tuple(stop))


def pad_to(array: Array, window: Window) -> Array:
    """Return `window` of ``(C, *spatial)``, whose first sample is index 0; beyond it goes on as its mirror."""
    before = [max(0, -a) for a in window.start]
    after = [max(0, b - n) for b, n in zip(window.stop, array.shape[1:], strict=True)]
    if any(before) or any(after):
        array = np.pad(array, [(0, 0), *zip(before, after, strict=True)], mode="symmetric")
    return array[(slice(None), *window.shifted(before).slices)]
