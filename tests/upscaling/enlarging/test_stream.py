"""Stages give the same bits whatever pieces reach them, and wherever a run begins."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from scipy import ndimage

from srkit.arrays import ArraySource
from srkit.grid import Grid, Scale, Slab, Window
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger, Wishes
from srkit.upscaling.enlarging import stream
from srkit.upscaling.enlarging.engine import enlarge_whole, prepare, run
from srkit.upscaling.enlarging.stream import Piece, Stage, first_needed, through

SHAPE = (23, 9, 14)


class Sums:
    """The sum over a box that reaches `margin` samples; beyond the grid lies nothing. Exact on whole numbers."""

    def __init__(self, grid: Grid, margin: int) -> None:
        self.grid, self.margin = grid, margin

    def needs(self, window: Window) -> Window:
        return window.padded([self.margin] * self.grid.ndim)

    def apply(self, given: Piece, window: Window) -> Piece:
        inner = (slice(None), *window.relative_to(given.window).slices)
        valid = None if given.valid is None else given.valid[inner]
        return Piece(window, given.frame, self.of(given.values)[inner], valid)

    def of(self, values: np.ndarray) -> np.ndarray:
        size = 2 * self.margin + 1
        box = np.ones((1, *[size] * self.grid.ndim))
        return ndimage.correlate(values, box, mode="constant")


class Thirds:
    """Three samples of every two along each axis: the nearest."""

    def __init__(self, below: Grid) -> None:
        self.below, self.grid = below, below.resampled([n * 3 // 2 for n in below.shape])

    def index(self, number: int, axis: int) -> int:
        return number * self.below.shape[axis] // self.grid.shape[axis]

    def needs(self, window: Window) -> Window:
        start = tuple(self.index(n, a) for a, n in enumerate(window.start))
        return Window(start, tuple(self.index(n - 1, a) + 1 for a, n in enumerate(window.stop)))

    def apply(self, given: Piece, window: Window) -> Piece:
        values = given.values
        for a in range(self.grid.ndim):
            span = range(window.start[a], window.stop[a])
            values = values.take([self.index(n, a) - given.window.start[a] for n in span], axis=a + 1)
        return Piece(window, given.frame, values, None)

    def of(self, values: np.ndarray) -> np.ndarray:
        for a, n in enumerate(self.grid.shape):
            values = values.take([self.index(i, a) for i in range(n)], axis=a + 1)
        return values


class Cumulated:
    """Needs the whole volume."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def needs(self, window: Window) -> Window:
        return Window.whole(self.grid.shape)

    def apply(self, given: Piece, window: Window) -> Piece:
        return Piece(given.window, given.frame, self.of(given.values), given.valid).part(window)

    def of(self, values: np.ndarray) -> np.ndarray:
        return values.cumsum(axis=1).cumsum(axis=2).cumsum(axis=3)


def chains() -> Iterator[list[Stage]]:
    grid = Grid.pixels(SHAPE)
    yield [Sums(grid, 2)]
    yield [Sums(grid, 1), Thirds(grid), Sums(Thirds(grid).grid, 3)]
    yield [Sums(grid, 2), Cumulated(grid), Thirds(grid)]


def numbers(frames: int = 2) -> np.ndarray:
    return np.random.default_rng(3).integers(-9, 9, (frames, 1, *SHAPE)).astype(np.float64)


def pieces(array: np.ndarray, axis: int, size: int, wanted: tuple[int, int] = (0, 0)) -> Iterator[Piece]:
    cuts = [Slab(a, size).windows(SHAPE) for a in [axis, *(a for a in range(3) if a != axis)]]
    for frame, windows in product(range(len(array)), list(product(*map(list, cuts)))):
        window = Window((0, 0, 0), SHAPE)
        for cut in windows:
            window = window.intersection(cut)
        if (frame, window.stop[axis] - 1) >= wanted:
            yield Piece(window, frame, array[frame][(slice(None), *window.slices)], None)


@pytest.fixture(autouse=True)
def _short_runs_of_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUN_SAMPLES", "BLOCK_SAMPLES", "LEAST_BLOCK"):
        monkeypatch.setattr(stream, name, 1)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize("stages", list(chains()), ids=["margin", "three", "whole"])
def test_stages_in_runs_give_what_they_give_on_the_whole(axis: int, size: int, stages: list) -> None:
    array = numbers()
    made = list(through(pieces(array, axis, size), Grid.pixels(SHAPE), stages, axis))
    for frame in range(len(array)):
        whole = array[frame]
        for stage in stages:
            whole = stage.of(whole)
        shape = stages[-1].grid.shape
        found = enlarge_whole(iter(piece for piece in made if piece.frame == frame), shape)
        np.testing.assert_array_equal(found.values, whole)
    for piece, following in pairwise(made):
        assert (piece.frame, piece.window.stop[axis]) <= (following.frame, following.window.stop[axis])


@pytest.mark.parametrize("first", [(0, 0), (0, 5), (0, 22), (1, 0), (1, 13)])
@pytest.mark.parametrize("stages", list(chains()), ids=["margin", "three", "whole"])
def test_a_run_that_begins_later_needs_only_what_it_says(first: tuple[int, int], stages: list) -> None:
    array, grid = numbers(), Grid.pixels(SHAPE)
    whole = list(through(pieces(array, 0, 4), grid, stages, 0))
    begin = (first[0], first_needed(grid, stages, 0, first[1]))
    later = list(through(pieces(array, 0, 4, begin), grid, stages, 0, first=first))
    assert len(later) <= len(whole)
    assert (later[0].frame, later[0].window.start[0]) <= first
    for piece, same in zip(later, whole[-len(later) :], strict=True):
        assert (piece.frame, piece.window) == (same.frame, same.window)
        np.testing.assert_array_equal(piece.values, same.values)


def test_a_run_is_made_in_blocks_of_what_a_stage_does_not_need_whole() -> None:
    grid = Grid.pixels(SHAPE)
    blocks = list(through(pieces(numbers(1), 0, 4), grid, [Sums(grid, 1)], 0))
    assert {block.window.shape for block in blocks} == {(3, 9, 3), (3, 9, 2), (2, 9, 3), (2, 9, 2)}
    whole = list(through(pieces(numbers(1), 0, 4), grid, [Cumulated(grid)], 0))
    assert {run.window.shape for run in whole} == {SHAPE}


def test_validity_travels_with_the_samples() -> None:
    array = numbers(1)
    valid = array[0] > -5
    given = [
        Piece(p.window, 0, p.values, valid[(slice(None), *p.window.slices)] if p.window.start[0] >= 8 else None)
        for p in pieces(array, 0, 4)
    ]
    made = enlarge_whole(through(given, Grid.pixels(SHAPE), [Sums(Grid.pixels(SHAPE), 1)], 0), SHAPE)
    expected = valid.copy()
    expected[:, :8] = True
    np.testing.assert_array_equal(made.valid, expected)


def test_a_hole_in_the_pieces_is_no_output() -> None:
    given = [p for p in pieces(numbers(1), 0, 4) if p.window.start[1] != 4]
    with pytest.raises(ValueError, match="do not cover"):
        list(through(given, Grid.pixels(SHAPE), [Sums(Grid.pixels(SHAPE), 1)], 0))


@pytest.mark.parametrize("tile", [12, 17, 1000])
def test_a_job_runs_its_stages_on_the_tiles_of_a_network(plugins: Plugins, tile: int) -> None:
    stored = np.random.default_rng(5).integers(0, 255, (1, 30, 26), dtype=np.uint8)
    source = ArraySource(stored)
    job = prepare(plugins, source, Enlarger.baseline("nearest", Scale(2, 2)), domain="toy", wishes=Wishes(tile=tile))
    stages = (Sums(job.network_grid, 2), Thirds(job.network_grid))
    job = replace(job, stages=stages)
    expected = stages[1].of(stages[0].of(stored.repeat(2, 1).repeat(2, 2).astype(np.float32)))
    made = enlarge_whole(run(job), job.grid.shape)
    assert made.values.shape == (1, 90, 78)
    np.testing.assert_array_equal(made.values, expected)


def test_validity_may_begin_and_widen_within_a_run() -> None:
    grid = Grid.pixels((1, 3, 1))
    values = np.arange(6.0).reshape(2, 1, 3, 1)
    known = [None, np.array([False]).reshape(1, 1, 1, 1), np.array([True, False]).reshape(2, 1, 1, 1)]
    windows = [Window((0, k, 0), (1, k + 1, 1)) for k in range(3)]
    given = [Piece(w, 0, values[(slice(None), *w.slices)], v) for w, v in zip(windows, known, strict=True)]
    made = enlarge_whole(through(given, grid, [Sums(grid, 0)], 0), grid.shape)
    np.testing.assert_array_equal(made.valid[:, 0, :, 0], [[True, False, True], [True, False, False]])
    np.testing.assert_array_equal(made.values, values)
