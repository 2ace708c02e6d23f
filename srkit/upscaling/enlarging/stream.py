"""What becomes of pieces after the network: stages, each of which turns runs of one grid into runs of the next.

A run is a piece that spans its grid on every axis but one, the outermost of the sink. Each run is made once, block by
block, from a rolling buffer of the runs below it, so memory holds a few runs of each stage, and what a block takes.
Where runs and blocks begin and end follows from the grids alone: no tile, slab or resumed run changes a bit of the
output.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

import numpy as np

from srkit.grid import Grid, Slab, Window
from srkit.image import Array, BoolArray

RUN_SAMPLES = 2**20  # per channel: long enough that a run's own cost does not show
BLOCK_SAMPLES = 2**18  # the same of a block: a stage has many arrays of its size at once
LEAST_BLOCK = 4  # lengths that a sample needs: what blocks need beyond themselves is done again for the next one
THIN_SAMPLES = 2**17  # the same of what is only looked at or encoded: as floats, it stays in the processor's cache


@dataclass(frozen=True, eq=False, slots=True)
class Piece:
    """A finished part of an output, or of a stage.

    `window` and the arrays are on the grid of what made it, `values` ``(C, *spatial)`` with all channels of the
    source, in its working float type; `valid` as in `Block`. Under invalid samples lie the source's own values,
    repeated.
    """

    window: Window
    frame: int
    values: Array
    valid: BoolArray | None

    def part(self, window: Window) -> Piece:
        """Return the samples of `window`, which lies inside, as views."""
        inner = (slice(None), *window.relative_to(self.window).slices)
        valid = None if self.valid is None else self.valid[inner]
        return replace(self, window=window, values=self.values[inner], valid=valid)


class Sight(Protocol):
    """A grid, and what its samples depend on below.

    `needs` must not run backwards: a window that starts later needs nothing earlier.
    """

    @property
    def grid(self) -> Grid:
        """Where the samples that it makes lie. The grid below, that of the stage before or of the network, it knows."""
        ...

    def needs(self, window: Window) -> Window:
        """Return the samples of the grid below that those of `window` depend on.

        The answer may reach beyond the grid below, and is cut to it: a margin is ``window.padded(margin)``, the whole
        volume ``Window.whole(below.shape)``.
        """
        ...


class Stage(Sight, Protocol):
    """One step after the network: resampling, data consistency, a map of residuals.

    A stage keeps nothing from one call to the next; it may read the item's source.
    """

    def apply(self, given: Piece, window: Window) -> Piece:
        """Return the piece of `window`, on the stage's grid; `given` holds what `needs(window)` said, cut to the grid.

        Its values must not depend on how far `window` and `given` reach beyond what each sample needs. It must not
        change `given`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Cut:
    """How a grid is cut: in runs of `length` samples along `axis`, and those in blocks of about `samples`."""

    axis: int
    length: int
    samples: int


def through(
    pieces: Iterable[Piece], below: Grid, stages: Sequence[Stage], axis: int, *, first: tuple[int, int] = (0, 0)
) -> Iterator[Piece]:
    """Yield what stages make of the `pieces` of the grid `below`, as blocks of runs along `axis`; no stage: the pieces.

    Parameters
    ----------
    pieces
        Frame by frame, ascending along `axis`; those that `first_needed` leaves out may be missing.
    first
        Frame, and index along `axis` on the last grid, from which on the output is wanted. The first run may begin
        a little earlier.
    """
    if not stages:
        yield from pieces
        return
    frame, wanted = first
    starts = _starts(below, stages, axis, wanted)
    runs = _joined(pieces, below.shape, axis)
    for stage, start in zip(stages, starts[1:], strict=True):
        pieces = _applied(stage, _with_needs(runs, below, stage, stage_cut(below, stage, axis), (frame, start)))
        below = stage.grid
        runs = _joined(pieces, below.shape, axis)
    yield from pieces


def seen_from(
    pieces: Iterable[Piece], below: Grid, sight: Sight, axis: int, samples: int
) -> Iterator[tuple[Window, Piece]]:
    """Yield the grid of `sight` in blocks, each with the piece of the grid `below` that it needs.

    Runs, and blocks of them, have about `samples` samples of the finer grid per channel, and where one sample needs
    others, a few times as many as it needs.
    """
    cut = sight_cut(below, sight, axis, samples)
    yield from _with_needs(_joined(pieces, below.shape, axis), below, sight, cut, (0, 0))


def stage_cut(below: Grid, stage: Stage, axis: int) -> Cut:
    """Return how the grid of a stage is cut: runs are as long as what a sample needs, so at most half is done twice."""
    return Cut(axis, _run_length(below, stage, axis), BLOCK_SAMPLES)


def sight_cut(below: Grid, sight: Sight, axis: int, samples: int) -> Cut:
    """Return how a grid is cut that is only looked at."""
    each = max(math.prod(grid.shape) for grid in (sight.grid, below)) // sight.grid.shape[axis]
    middle = _run(sight.grid, axis, sight.grid.shape[axis] // 2, 1)
    reach = _needed(sight, middle, below).shape[axis] * sight.grid.shape[axis] / below.shape[axis]
    return Cut(axis, max(1, samples // each, int(3 * reach) if reach > 1 else 1), samples)


def needed_by_run(below: Grid, sight: Sight, cut: Cut) -> Window:
    """Return what a run in the middle needs of the grid below."""
    low = max(0, (sight.grid.shape[cut.axis] - cut.length) // 2)
    return _needed(sight, _run(sight.grid, cut.axis, low, cut.length), below)


def first_needed(below: Grid, stages: Sequence[Stage], axis: int, wanted: int) -> int:
    """Return the index along `axis` on the grid `below` from which on `stages` need it, to make `wanted` and on."""
    return _starts(below, stages, axis, wanted)[0]


def _starts(below: Grid, stages: Sequence[Stage], axis: int, wanted: int) -> list[int]:
    """Return where each grid's samples begin to be needed: that of the pieces, then that of every stage's runs."""
    starts, grids = [wanted], [below, *(stage.grid for stage in stages)]
    for stage, grid in zip(reversed(stages), reversed(grids[:-1]), strict=True):
        length = _run_length(grid, stage, axis)
        starts[0] -= starts[0] % length
        run = _run(stage.grid, axis, starts[0], length)
        starts.insert(0, _needed(stage, run, grid).start[axis])
    return starts


def _run_length(below: Grid, stage: Sight, axis: int) -> int:
    """Return the samples of a run along `axis`: as many as one sample needs, so that at most half is done twice."""
    across = max(1, math.prod(stage.grid.shape) // stage.grid.shape[axis])
    middle = stage.grid.shape[axis] // 2
    needed = _needed(stage, _run(stage.grid, axis, middle, 1), below).shape[axis]
    ratio = stage.grid.shape[axis] / below.shape[axis]
    return max(1, RUN_SAMPLES // across, int(needed * ratio))


def _run(grid: Grid, axis: int, start: int, length: int) -> Window:
    whole = Window.whole(grid.shape)
    low, high = list(whole.start), list(whole.stop)
    low[axis], high[axis] = start, min(start + length, grid.shape[axis])
    return Window(tuple(low), tuple(high))


def _needed(stage: Sight, window: Window, below: Grid) -> Window:
    return stage.needs(window).intersection(Window.whole(below.shape))


def _applied(stage: Stage, needed: Iterator[tuple[Window, Piece]]) -> Iterator[Piece]:
    for window, piece in needed:
        yield stage.apply(piece, window)


def _with_needs(
    runs: Iterator[Piece], below: Grid, sight: Sight, cut: Cut, first: tuple[int, int]
) -> Iterator[tuple[Window, Piece]]:
    """Yield the blocks of runs, each with what it needs of the grid below."""
    axis, length = cut.axis, cut.length
    along, most = across(below, sight, cut)
    for frame, given in groupby(runs, key=lambda run: run.frame):
        start = first[1] if frame == first[0] else 0
        windows = [_run(sight.grid, axis, low, length) for low in range(start, sight.grid.shape[axis], length)]
        needs = [_needed(sight, window, below) for window in windows]
        for window, buffer in zip(windows, _buffered(given, axis, needs), strict=True):
            for part in Slab(along, most).windows(window.shape):
                block = part.shifted(window.start)
                yield block, _taken(buffer, _needed(sight, block, below))


def across(below: Grid, sight: Sight, cut: Cut) -> tuple[int, int]:
    """Return the axis across which runs are cut into blocks, and how long a block is on it.

    It is the longest one on which a sample does not need all that there is; where there is none, runs are blocks.
    """
    shape, axis = sight.grid.shape, cut.axis
    middle = _run(sight.grid, axis, shape[axis] // 2, 1)
    found = (0, axis, shape[axis])
    for other in range(sight.grid.ndim):
        sample = middle.intersection(_run(sight.grid, other, shape[other] // 2, 1))
        needed = _needed(sight, sample, below).shape[other]
        if other == axis or needed == below.shape[other]:
            continue
        ratio = shape[other] / below.shape[other]
        finer = max(1.0, math.prod(below.shape) / math.prod(shape))
        thick = finer * cut.length * math.prod(shape) / (shape[axis] * shape[other])
        beyond = LEAST_BLOCK * needed * ratio if needed * ratio > 1 else 1
        found = max(found, (shape[other], other, max(1, int(cut.samples / thick), int(beyond))))
    return found[1:]


def _buffered(runs: Iterator[Piece], axis: int, wanted: Sequence[Window]) -> Iterator[list[Piece]]:
    """Yield the runs that hold what is wanted, which ascends; none is kept longer than it must be."""
    buffer: list[Piece] = []
    for window in wanted:
        buffer = [run for run in buffer if run.window.stop[axis] > window.start[axis]]
        while not buffer or buffer[-1].window.stop[axis] < window.stop[axis]:
            buffer.append(next(runs))
        yield buffer


def _taken(runs: Sequence[Piece], window: Window) -> Piece:
    """Return the samples of `window` out of runs that hold them together."""
    parts = [run.part(inner) for run in runs if (inner := run.window.intersection(window)).size]
    return _put_together(parts, window)


def _joined(pieces: Iterable[Piece], shape: Sequence[int], axis: int) -> Iterator[Piece]:
    """Yield pieces put together to runs: those that share their samples along `axis` are one."""
    for (_, start, stop), group in groupby(
        pieces, key=lambda piece: (piece.frame, piece.window.start[axis], piece.window.stop[axis])
    ):
        whole = Window.whole(shape)
        low, high = list(whole.start), list(whole.stop)
        low[axis], high[axis] = start, stop
        yield _put_together(group, Window(tuple(low), tuple(high)))


def _put_together(parts: Iterable[Piece], window: Window) -> Piece:
    """Return the parts of `window` as one piece, each part let go of as soon as it is in its place."""
    frame, missing = 0, window.size
    values: Array | None = None
    valid: BoolArray | None = None
    for part in parts:
        if part.window == window:
            return part
        if values is None:
            values = np.empty((len(part.values), *window.shape), part.values.dtype)
        place = (slice(None), *part.window.relative_to(window).slices)
        values[place] = part.values
        if part.valid is not None:
            valid = wide_enough(valid, len(part.valid), window)
            valid[place] = part.valid
        frame, missing = part.frame, missing - part.window.size
    if values is None or missing:
        raise ValueError(f"pieces of samples {window.start} to {window.stop} do not cover them once")
    return Piece(window, frame, values, valid)


def wide_enough(valid: BoolArray | None, channels: int, window: Window) -> BoolArray:
    """Return validity that holds that of `channels`; all valid where nothing was said so far."""
    if valid is None:
        return np.ones((channels, *window.shape), np.bool_)
    return valid.repeat(channels, axis=0) if len(valid) < channels else valid
