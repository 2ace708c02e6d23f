"""Puts pieces together to the slabs that a sink wants, in the stored type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from srkit.grid import Slab, Window
from srkit.image import Array, BoolArray, OutputPlan
from srkit.upscaling.enlarging.stream import THIN_SAMPLES, Piece


@dataclass(frozen=True, eq=False, slots=True)
class StoredSlab:
    """A finished slab, as `Sink.write` takes it; `number` counts all slabs of the output in file order."""

    number: int
    window: Window
    frame: int
    stored: Array
    valid: BoolArray | None


class _Open:
    """A slab that is being filled."""

    def __init__(self, window: Window, plan: OutputPlan) -> None:
        self.window = window
        self.stored = np.empty((len(plan.channels), *window.shape), plan.encoding.dtype)
        self.valid: BoolArray | None = None
        self.missing = window.size

    def put(self, window: Window, stored: Array, valid: BoolArray | None) -> None:
        place = (slice(None), *window.relative_to(self.window).slices)
        self.stored[place] = stored
        if valid is not None:
            if self.valid is None:
                self.valid = np.ones((1, *self.window.shape), np.bool_)
            if valid.shape[0] > self.valid.shape[0]:
                self.valid = np.repeat(self.valid, valid.shape[0], axis=0)
            self.valid[place] = valid
        self.missing -= window.size


def assemble(pieces: Iterable[Piece], plan: OutputPlan, slab: Slab, *, first: int = 0) -> Iterator[StoredSlab]:
    """Yield slabs in file order from slab number `first` on, each as soon as it is complete.

    `pieces` come frame by frame, ascending along the slab's axis; what lies in slabs before `first` is dropped.
    """
    windows = list(slab.windows(plan.grid.shape))
    slabs: dict[int, _Open] = {}
    waiting = first
    for piece in pieces:
        stored = plan.encoding.encode(piece.values, piece.valid)
        low, high = piece.window.start[slab.axis] // slab.size, -(-piece.window.stop[slab.axis] // slab.size)
        for index in range(low, high):
            number = piece.frame * len(windows) + index
            if number < waiting:
                continue
            part = piece.window.intersection(windows[index])
            inner = (slice(None), *part.relative_to(piece.window).slices)
            if number not in slabs:
                slabs[number] = _Open(windows[index], plan)
            slabs[number].put(part, stored[inner], None if piece.valid is None else piece.valid[inner])
        while waiting in slabs and not slabs[waiting].missing:
            full = slabs.pop(waiting)
            yield StoredSlab(waiting, full.window, waiting // len(windows), full.stored, full.valid)
            waiting += 1


def as_written(slab: StoredSlab, plan: OutputPlan, axis: int) -> Iterator[Piece]:
    """Yield what will be read of a slab, in thin pieces along `axis`: as floats it may be too large at once."""
    across = max(1, slab.window.size // slab.window.shape[axis])
    for part in Slab(axis, max(1, THIN_SAMPLES // across)).windows(slab.window.shape):
        inner = (slice(None), *part.slices)
        valid = None if slab.valid is None else slab.valid[inner]
        yield Piece(part.shifted(slab.window.start), slab.frame, plan.encoding.decode(slab.stored[inner]), valid)


def slabs_per_frame(plan: OutputPlan, slab: Slab) -> int:
    """Return the number of slabs of one frame."""
    return -(-plan.grid.shape[slab.axis] // slab.size)
