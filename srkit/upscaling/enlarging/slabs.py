"""Puts pieces together to the slabs that a sink wants, in the stored type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from srkit.grid import Slab, Window
from srkit.image import Array, BoolArray, Encoding, OutputPlan
from srkit.upscaling.enlarging.stream import THIN_SAMPLES, Piece, wide_enough


@dataclass(frozen=True, eq=False, slots=True)
class StoredSlab:
    """A finished slab, as `Sink.write` takes it.

    `number` counts all slabs of the output in file order; `clipped` is how many samples its type could not hold.
    """

    number: int
    window: Window
    frame: int
    stored: Array
    valid: BoolArray | None
    clipped: int = 0


class _Open:
    """A slab that is being filled."""

    def __init__(self, window: Window, plan: OutputPlan) -> None:
        self.window = window
        self.stored = np.empty((len(plan.channels), *window.shape), plan.encoding.dtype)
        self.valid: BoolArray | None = None
        self.missing = window.size
        self.clipped = 0

    def put(self, piece: Piece, encoding: Encoding) -> None:
        """Take the samples of a piece that lies inside, encoded in thin parts: as floats it is large enough once."""
        for window in thin_parts(piece.window, int(np.argmax(piece.window.shape))):
            part = piece.part(window)
            place = (slice(None), *window.relative_to(self.window).slices)
            self.stored[place] = encoding.encode(part.values, part.valid)
            self.clipped += encoding.beyond(part.values, part.valid)
            if part.valid is not None:
                self.valid = wide_enough(self.valid, len(part.valid), self.window)
                self.valid[place] = part.valid
        self.missing -= piece.window.size

    def finished(self, number: int, frame: int) -> StoredSlab:
        return StoredSlab(number, self.window, frame, self.stored, self.valid, self.clipped)


def assemble(pieces: Iterable[Piece], plan: OutputPlan, slab: Slab, *, first: int = 0) -> Iterator[StoredSlab]:
    """Yield slabs in file order from slab number `first` on, each as soon as it is complete.

    `pieces` come frame by frame, ascending along the slab's axis; what lies in slabs before `first` is dropped.
    """
    windows = list(slab.windows(plan.grid.shape))
    slabs: dict[int, _Open] = {}
    waiting = first
    for piece in pieces:
        low, high = piece.window.start[slab.axis] // slab.size, -(-piece.window.stop[slab.axis] // slab.size)
        for index in range(low, high):
            number = piece.frame * len(windows) + index
            if number < waiting:
                continue
            if number not in slabs:
                slabs[number] = _Open(windows[index], plan)
            slabs[number].put(piece.part(piece.window.intersection(windows[index])), plan.encoding)
        del piece  # or it would wait in memory for the next one
        while waiting in slabs and not slabs[waiting].missing:
            yield slabs.pop(waiting).finished(waiting, waiting // len(windows))
            waiting += 1


def as_written(slab: StoredSlab, plan: OutputPlan, axis: int) -> Iterator[Piece]:
    """Yield what will be read of a slab, in thin pieces along `axis`: as floats it may be too large at once."""
    for window in thin_parts(slab.window, axis):
        inner = (slice(None), *window.relative_to(slab.window).slices)
        valid = None if slab.valid is None else slab.valid[inner]
        yield Piece(window, slab.frame, plan.encoding.decode(slab.stored[inner]), valid)


def thin_parts(window: Window, axis: int, samples: int = THIN_SAMPLES) -> Iterator[Window]:
    """Yield a window in parts along `axis`, each of about that many samples per channel."""
    across = max(1, window.size // max(1, window.shape[axis]))
    for part in Slab(axis, max(1, samples // across)).windows(window.shape):
        yield part.shifted(window.start)


def slabs_per_frame(plan: OutputPlan, slab: Slab) -> int:
    """Return the number of slabs of one frame."""
    return -(-plan.grid.shape[slab.axis] // slab.size)
