"""What tells the pixels of an item from those of any other, whatever its file is called and however it is stored."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np

from srkit.grid import Window
from srkit.image import Array, Block, Source

MIDDLE = 256
"""Samples per axis in the middle of an item that its fingerprint is taken of; one along slices."""
PIECE_SAMPLES = 2**22
ENDS_BYTES = 2**16


def fingerprint(source: Source) -> str:
    """Return a hash of shape and middle of an item. Items of the same pixels have the same; hardly any others do."""
    shape = source.grid.shape
    wanted = [1 if axis == source.roles.get("slice") else MIDDLE for axis in range(len(shape))]
    start = tuple(max(0, (n - size) // 2) for n, size in zip(shape, wanted, strict=True))
    stop = tuple(min(n, a + size) for n, a, size in zip(shape, start, wanted, strict=True))
    digest = hashlib.sha256(repr((len(source.channels), shape)).encode())
    digest.update(_taken(source.read(Window(start, stop), 0)).tobytes())
    return digest.hexdigest()[:24]


def pixel_digest(source: Source) -> str:
    """Return a hash of every sample of an item, read piece by piece; "" where all are equal, and show nothing."""
    digest = hashlib.sha256(repr((len(source.channels), source.grid.shape, source.frames)).encode())
    found: set[float] = set()
    for frame in range(source.frames):
        for window in _pieces(source):
            values = _taken(source.read(window, frame))
            digest.update(values.tobytes())
            found |= {float(values.min()), float(values.max())}
    return digest.hexdigest() if len(found) > 1 else ""


def file_ends(path: Path) -> str:
    """Return a hash of a file's size, beginning and end: cheap, and the same for copies of the file alone."""
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = hashlib.sha256(size.to_bytes(8, "big") + file.read(ENDS_BYTES))
        file.seek(max(0, size - ENDS_BYTES))
        digest.update(file.read())
    return digest.hexdigest()[:24]


def _pieces(source: Source) -> list[Window]:
    """Return windows that cover an item in bands along its first axis."""
    whole = Window.whole(source.grid.shape)
    each = max(1, PIECE_SAMPLES // max(1, whole.size // whole.shape[0] * len(source.channels)))
    edges = [*range(0, whole.shape[0], each), whole.shape[0]]
    return [Window((a, *whole.start[1:]), (b, *whole.stop[1:])) for a, b in pairwise(edges)]


def _taken(block: Block) -> Array:
    """Return what counts of a block: -0 is 0, every NaN the same, and what lies under invalid samples nothing."""
    values = np.where(np.isnan(block.values), 0, block.values) + 0.0
    if block.valid is not None:
        values = np.where(block.valid, values, 0)
    return np.ascontiguousarray(values, dtype=np.float64)
