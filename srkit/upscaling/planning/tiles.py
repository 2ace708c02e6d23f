"""How an image is cut into tiles: pure geometry of one axis at a time, in input samples of the grid.

A network sees the image continued by its mirror for `border` samples. Tiles are windows of that padded image, all of
one length, the last one moved inward. A tile's core is what its result is used for: it keeps `halo` samples away
from every edge of the tile that is not an edge of the padded image. Cores cover every sample once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt

from srkit.grid import Window

MAX_BORDER = 8
IndexArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class AxisTile:
    """One tile along one axis: samples `start` to `stop`, of which `core` is used."""

    start: int
    stop: int
    core: tuple[int, int]


@dataclass(frozen=True, slots=True)
class AxisPlan:
    """How one axis is cut.

    Parameters
    ----------
    length
        Samples of the grid; those that are wanted.
    extent
        First and last (exclusive) sample that can be read; may exceed ``(0, length)``.
    tile
        Samples per tile, border and halo included; made larger where a core would be empty.
    halo, border, multiple
        Of the network along this axis; 0, 0, 1 where tiles are plain runs of samples.
    """

    length: int
    extent: tuple[int, int]
    tile: int
    halo: int = 0
    border: int = 0
    multiple: int = 1

    @property
    def padded(self) -> tuple[int, int]:
        """First and last (exclusive) sample of the padded image; its length is a multiple of `multiple`."""
        start = self.extent[0] - self.border
        return start, start + round_up(self.extent[1] + self.border - start, self.multiple)

    def tiles(self) -> tuple[AxisTile, ...]:
        """Return the tiles in ascending order."""
        first, last = self.padded
        size = min(round_up(max(self.tile, smallest_tile(self.halo, self.multiple)), self.multiple), last - first)
        result: list[AxisTile] = []
        start, covered = first, first
        while covered < last:
            stop = start + size
            end = last if stop == last else stop - self.halo
            core = (max(covered, 0), min(end, self.length))
            if core[0] < core[1]:
                result.append(AxisTile(start, stop, core))
            covered = end
            start = min(first + (end - self.halo - first) // self.multiple * self.multiple, last - size)
        return tuple(result)


def shortest(plan: AxisPlan) -> AxisPlan:
    """Return the plan with the shortest tile that needs no more of them: the last one then repeats little."""
    wanted, high = len(plan.tiles()), plan.tile
    low = min(smallest_tile(plan.halo, plan.multiple), high)
    while low < high:
        middle = (low + high) // 2
        enough = len(replace(plan, tile=middle).tiles()) <= wanted
        low, high = (low, middle) if enough else (middle + 1, high)
    return replace(plan, tile=high)


@dataclass(frozen=True, slots=True)
class Tile:
    """A window to be read (it may reach outside of what can be: mirror there) and the core it is read for."""

    window: Window
    core: Window


def round_up(number: int, multiple: int) -> int:
    """Return the smallest multiple of `multiple` that is not below `number`."""
    return -(-number // multiple) * multiple


def smallest_tile(halo: int, multiple: int) -> int:
    """Return the shortest tile that has a core wherever it lies."""
    return round_up(2 * halo + multiple, multiple)


def iterate_tiles(axes: tuple[AxisPlan, ...], outermost: int) -> Iterator[Tile]:
    """Yield all tiles, ascending along axis `outermost` first, then in row-major order."""
    order = [outermost, *(axis for axis in range(len(axes)) if axis != outermost)]
    for combination in product(*(axes[axis].tiles() for axis in order)):
        by_axis = [combination[order.index(axis)] for axis in range(len(axes))]
        yield Tile(
            Window(tuple(t.start for t in by_axis), tuple(t.stop for t in by_axis)),
            Window(tuple(t.core[0] for t in by_axis), tuple(t.core[1] for t in by_axis)),
        )


def count_tiles(axes: tuple[AxisPlan, ...]) -> int:
    """Return the number of tiles."""
    return int(np.prod([len(axis.tiles()) for axis in axes]))


@dataclass(frozen=True, slots=True)
class Asked:
    """Which output samples are asked for: those in `window`, from `begin`, a frame and an index on `axis`, to `end`."""

    axis: int
    begin: tuple[int, int]
    window: Window
    end: tuple[int, int] | None = None

    def meets(self, window: Window, frame: int) -> bool:
        """Tell whether samples of `window` are asked for."""
        first, last = (frame, window.start[self.axis]), (frame, window.stop[self.axis] - 1)
        inside = last >= self.begin and (self.end is None or first < self.end)
        return inside and bool(window.intersection(self.window).size)

    def count(self, axes: tuple[AxisPlan, ...], factors: tuple[int, ...], frames: int) -> int:
        """Return the number of tiles that are asked for."""
        across, along = 1, [(0, 0)]
        for axis, (plan, factor) in enumerate(zip(axes, factors, strict=True)):
            low, high = self.window.start[axis], self.window.stop[axis]
            cores = [(t.core[0] * factor, t.core[1] * factor) for t in plan.tiles()]
            met = [core for core in cores if core[0] < high and core[1] > low]
            if axis == self.axis:
                along = met
            else:
                across *= len(met)
        end = self.end or (frames, 0)
        return across * sum(
            (frame, stop - 1) >= self.begin and (frame, start) < end for frame in range(frames) for start, stop in along
        )


def mirrored(start: int, stop: int, extent: tuple[int, int]) -> IndexArray:
    """Return the sample that each of `start` to `stop` is when the image goes on as its mirror beyond `extent`.

    As numpy's pad mode ``symmetric``: the outermost sample is repeated, and short axes are mirrored again and again.
    """
    length = extent[1] - extent[0]
    index = (np.arange(start, stop) - extent[0]) % (2 * length)
    return np.minimum(index, 2 * length - 1 - index) + extent[0]
