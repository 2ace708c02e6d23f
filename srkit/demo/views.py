"""Planes of items, for pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srkit.demo.collection import open_at
from srkit.grid import Window
from srkit.image import Array, BoolArray, Source
from srkit.plugins import Plugins

LARGEST = 144  # rows or columns of an input that a picture shows: few enough to see single samples


@dataclass(frozen=True, eq=False, slots=True)
class Plane:
    """A plane ``(C, rows, columns)`` in stored units, with its sample spacing (row, column)."""

    values: Array
    valid: BoolArray | None
    spacing: tuple[float, float]


def plane_of(plugins: Plugins, path: Path, domain: str, *, scale: int = 1, rows_up: bool = False) -> Plane:
    """Return the middle of the middle slice of the item at `path`.

    An item with `scale` times the rows and columns of another one gives the same extent as that with `scale` 1.
    """
    source = open_at(plugins, path, domain)
    try:
        row, column = source.roles["row"], source.roles["column"]
        block = source.read(_window(source, (row, column), scale))
        values = _as_plane(block.values, row, column, rows_up)
        valid = None if block.valid is None else _as_plane(block.valid, row, column, rows_up)
        return Plane(values, valid, (source.grid.spacing[row], source.grid.spacing[column]))
    finally:
        source.close()


def _window(source: Source, plane: tuple[int, int], scale: int) -> Window:
    shape = source.grid.shape
    start = [n // 2 for n in shape]
    stop = [n // 2 + 1 for n in shape]
    for axis in plane:
        coarse = shape[axis] // scale
        size = min(coarse, LARGEST)
        start[axis] = (coarse - size) // 2 * scale
        stop[axis] = start[axis] + size * scale
    return Window(tuple(start), tuple(stop))


def _as_plane(array: Array, row: int, column: int, rows_up: bool) -> Array:
    plane = array.reshape(array.shape[0], *(n for axis, n in enumerate(array.shape[1:]) if axis in (row, column)))
    plane = plane if row < column else plane.swapaxes(1, 2)
    return np.ascontiguousarray(plane[:, ::-1] if rows_up else plane)
