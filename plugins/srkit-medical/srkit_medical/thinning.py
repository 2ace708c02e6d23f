"""A volume thinned to a few million samples: for statistics and for finding the body."""

from __future__ import annotations

import math

import numpy as np

from srkit.image import Array, BoolArray, Source


def steps_for(source: Source, most: int) -> tuple[int, ...]:
    """Return a step per grid axis that leaves about `most` samples of one frame at the most; the same for all."""
    size = math.prod(source.grid.shape)
    step = max(1, math.ceil((size / most) ** (1 / source.grid.ndim)))
    return tuple(min(step, n) for n in source.grid.shape)


def thinned(source: Source, steps: tuple[int, ...], frame: int) -> tuple[Array, BoolArray]:
    """Return every `steps`-th sample of the first channel, ``(i, j, k)``, and which of them are valid.

    The volume is read slab by slab and never held whole.
    """
    values, valid = [], []
    for window in source.slab.windows(source.grid.shape):
        block = source.read(window, frame)
        firsts = [-start % step for start, step in zip(window.start, steps, strict=True)]
        every = tuple(slice(first, None, step) for first, step in zip(firsts, steps, strict=True))
        piece = block.values[0][every]
        known = np.isfinite(piece)
        values.append(piece.copy())
        valid.append(known if block.valid is None else known & block.valid[0][every])
    axis = source.slab.axis
    return np.concatenate(values, axis), np.concatenate(valid, axis)
