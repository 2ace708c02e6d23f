"""Tiles of one larger image: which rasters of a folder are some, and how one is read on into the others.

Tiles share CRS, pixel size, type, bands and nodata, lie whole pixels apart, and touch. Images of one place at several
dates lie on top of each other; they are no tiles, and each of them ends at its own border.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from srkit import Block, Channel, Encoding, Grid, InputError, Slab, Window
from srkit_satellite.georeference import Georeference
from srkit_satellite.opening import open_raster

Array = np.ndarray[Any, Any]

WHOLE = 1e-3
"""Pixels; origins that differ by a whole number up to this lie on one grid."""

MOST_SHARED = 0.5
"""Rasters that share more than this of the smaller one are images of one place, not tiles."""

MOST_OPEN = 16
"""Files that a tile keeps open around itself."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a raster lies. `kind` is equal for rasters that may be tiles of one image; `origin` is in its pixels."""

    kind: tuple[Any, ...]
    origin: tuple[float, float]
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Layout:
    """The tiles of one image: the window of each in it, by file."""

    shape: tuple[int, int]
    windows: dict[Path, Window]


class Tile(Protocol):
    """An opened tile, as `RasterSource` is one."""

    channels: tuple[Channel, ...]
    encoding: Encoding

    def read_stored(self, window: Window) -> tuple[Array, Array | None]:
        """Return samples and validity of a window of its own pixels."""
        ...

    def close(self) -> None:
        """Close its file."""
        ...


def placement_of(dataset: Any, tied: Georeference) -> Placement | None:
    """Return where an opened dataset lies; None without a transform."""
    t = tied.transform
    if t is None or t.is_degenerate:
        return None
    column, row = np.linalg.solve([[t.a, t.b], [t.d, t.e]], [t.c, t.f]).tolist()
    size = tuple(f"{number:.12g}" for number in (t.a, t.b, t.d, t.e))
    said = (dataset.descriptions, dataset.nodatavals, dataset.colorinterp, dataset.mask_flag_enums)
    kind = (tied.wkt, size, dataset.dtypes, *map(repr, said), dataset.scales, dataset.offsets, dataset.units)
    return Placement(kind, (row, column), dataset.shape)


def tiles_of(placements: Sequence[Placement | None]) -> list[tuple[int, ...]]:
    """Return for each raster the numbers of those that form one image with it, itself among them; () for none."""
    found: list[tuple[int, ...]] = [()] * len(placements)
    for members in on_one_grid(placements):
        boxes = boxes_of([p for i in members if (p := placements[i]) is not None])
        for touching in _touching(boxes):
            group = tuple(sorted(members[i] for i in touching))
            for member in group if len(group) > 1 and not _any_stacked(boxes[touching]) else ():
                found[member] = group
    return found


def on_one_grid(placements: Sequence[Placement | None]) -> list[list[int]]:
    """Return the numbers of rasters of one kind, whole pixels apart."""
    grids: dict[tuple[Any, ...], list[list[int]]] = defaultdict(list)
    for number, placement in enumerate(placements):
        if placement is None:
            continue
        for grid in grids[placement.kind]:
            first = placements[grid[0]]
            apart = np.subtract(placement.origin, (0, 0) if first is None else first.origin)
            if np.abs(apart - np.rint(apart)).max() <= WHOLE:
                grid.append(number)
                break
        else:
            grids[placement.kind].append([number])
    return [grid for found in grids.values() for grid in found]


def boxes_of(placements: Sequence[Placement]) -> Array:
    """Return first row, first column, last row and last column (exclusive) of each, from the first one's origin."""
    origins = np.array([p.origin for p in placements])
    starts = np.rint(origins - origins[0]).astype(np.int64)
    return np.hstack([starts, starts + np.array([p.shape for p in placements])])


def _touching(boxes: Array) -> list[list[int]]:
    """Return the members of each cluster of boxes that touch, at a corner at least."""
    left = np.ones(len(boxes), np.bool_)
    clusters = []
    for seed in range(len(boxes)):
        waiting = [seed] if left[seed] else []
        left[seed] = False
        cluster = list(waiting)
        while waiting:
            box = boxes[waiting.pop()]
            near = left & (boxes[:, :2] <= box[2:]).all(axis=1) & (boxes[:, 2:] >= box[:2]).all(axis=1)
            found = np.flatnonzero(near).tolist()
            left[found] = False
            cluster += found
            waiting += found
        if cluster:
            clusters.append(cluster)
    return clusters


def _any_stacked(boxes: Array) -> bool:
    sizes = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    for number, box in enumerate(boxes[:-1]):
        others = boxes[number + 1 :]
        common = np.minimum(others[:, 2:], box[2:]) - np.maximum(others[:, :2], box[:2])
        shared = np.maximum(common, 0).prod(axis=1)
        if (shared > MOST_SHARED * np.minimum(sizes[number + 1 :], sizes[number])).any():
            return True
    return False


def layout_of(paths: tuple[Path, ...]) -> Layout:
    """Return how the tiles `paths` make up one image. Raises InputError where they no longer do."""
    states = tuple((path, (state := path.stat()).st_size, state.st_mtime_ns) for path in paths)
    return _layout(states)


@lru_cache(maxsize=4)
def _layout(states: tuple[tuple[Path, int, int], ...]) -> Layout:
    paths = [path for path, _, _ in states]
    placements = []
    for path in paths:
        with open_raster(path) as dataset:
            placements.append(placement_of(dataset, Georeference.of(dataset)))
    if set(tiles_of(placements)) != {tuple(range(len(paths)))}:
        raise InputError(f"{paths[0]}: the tiles around it changed since they were found; start again")
    boxes = boxes_of([p for p in placements if p is not None])
    boxes -= np.tile(boxes[:, :2].min(axis=0), 2)
    windows = {
        path: Window((int(r), int(c)), (int(r2), int(c2)))
        for path, (r, c, r2, c2) in zip(paths, boxes.tolist(), strict=True)
    }
    return Layout(tuple(boxes[:, 2:].max(axis=0).tolist()), windows)


class Mosaic:
    """The image that tiles make up, read by windows of its own pixels; what no tile covers is no data.

    It has of a `Source` what statistics need. `home` is a tile that is open already, and wins where tiles overlap.
    """

    def __init__(self, layout: Layout, path: Path, home: Tile, open_tile: Callable[[Path], Tile], rows: int) -> None:
        self.layout = layout
        self.place = layout.windows[path]
        self.grid = Grid.pixels(layout.shape)
        self.slab = Slab(0, rows)
        self.channels = home.channels
        self._path, self._home, self._open_tile = path, home, open_tile
        self._opened: OrderedDict[Path, Tile] = OrderedDict()

    def read(self, window: Window) -> Block:
        """Return the samples of `window` with their validity."""
        stored, valid = self.read_stored(window)
        return Block(self._home.encoding.decode(stored), valid)

    def read_stored(self, window: Window) -> tuple[Array, Array]:
        """Return the samples of `window` as the files hold them, ``(C, rows, columns)``, and their validity."""
        shape = (len(self.channels), *window.shape)
        stored, valid = np.zeros(shape, self._home.encoding.dtype), np.zeros(shape, np.bool_)
        others = [path for path in self.layout.windows if path != self._path]
        for path in (*others, self._path):
            part = window.intersection(self.layout.windows[path])
            if part.size:
                numbers, good = self._tile(path).read_stored(part.relative_to(self.layout.windows[path]))
                place = (slice(None), *part.relative_to(window).slices)
                stored[place], valid[place] = numbers, True if good is None else good
        return stored, valid

    def _tile(self, path: Path) -> Tile:
        if path == self._path:
            return self._home
        if path not in self._opened:
            self._opened[path] = self._open_tile(path)
            if len(self._opened) > MOST_OPEN:
                self._opened.popitem(last=False)[1].close()
        self._opened.move_to_end(path)
        return self._opened[path]

    def close(self) -> None:
        """Close the files of the other tiles."""
        for tile in self._opened.values():
            tile.close()
        self._opened.clear()
