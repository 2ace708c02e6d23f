"""Where on Earth rasters lie, so that images of one place stay in one split."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasterio.transform import RPCTransformer
from rasterio.warp import transform as transform_points

from srkit_satellite.georeference import Georeference
from srkit_satellite.opening import GDAL_ERRORS

Degrees = np.ndarray[Any, Any]
LATTICE = 9
"""Points along each side of an image by which its footprint is told."""
WHOLE_DEGREES = 360 - 1e-6
"""From here on a footprint goes around the Earth."""
CELL_DEGREES = 0.1
"""Height of a map cell, about 11 km."""

MARGIN_DEGREES = 0.02
"""Rasters nearer than this, about 2 km, count as one place: patches and halos must not touch across splits."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """A box in degrees: south, north, west, and its width eastwards, so that it may cross the date line."""

    south: float
    north: float
    west: float
    width: float

    @property
    def cell(self) -> tuple[int, int]:
        """The map cell of the centre: its row from the south pole, its place along the row."""
        latitude = (self.south + self.north) / 2
        row = math.floor((latitude + 90) / CELL_DEGREES)
        along = max(1, round(360 / CELL_DEGREES * math.cos(math.radians((row + 0.5) * CELL_DEGREES - 90))))
        longitude = (self.west + self.width / 2 + 180) % 360
        return row, math.floor(longitude / 360 * along)


def footprint_of(dataset: Any, tied: Georeference) -> Footprint | None:
    """Return the box of a raster on Earth; None where it cannot be said (no CRS, off the Earth, another planet)."""
    try:
        longitudes, latitudes = _degrees(dataset, tied)
    except (*GDAL_ERRORS, ValueError):
        return None
    if not latitudes.size or not np.isfinite([longitudes, latitudes]).all() or np.abs(latitudes).max() > 90:
        return None
    south, north, width = float(latitudes.min()), float(latitudes.max()), float(np.ptp(longitudes))
    if width >= WHOLE_DEGREES:
        return Footprint(south, north, -180.0, 360.0)
    return Footprint(south, north, float((longitudes.min() + 180) % 360 - 180), width)


def corners_of(shape: tuple[int, int], tied: Georeference) -> list[tuple[float, float]] | None:
    """Return longitude and latitude of the outer corners of an image of `shape` (rows, columns), counter-clockwise.

    None where they cannot be said, as where control points lie anywhere.
    """
    rows, columns = shape
    down, across = np.array([0.0, rows, rows, 0.0]), np.array([0.0, 0.0, columns, columns])
    try:
        longitudes, latitudes = _on_earth(tied, across, down)
    except (*GDAL_ERRORS, ValueError):
        return None
    if not longitudes.size or not np.isfinite([longitudes, latitudes]).all():
        return None
    twice_area = np.sum(longitudes * np.roll(latitudes, -1) - np.roll(longitudes, -1) * latitudes)
    order = slice(None) if twice_area > 0 else slice(None, None, -1)
    return list(zip(longitudes[order].tolist(), latitudes[order].tolist(), strict=True))


def _degrees(dataset: Any, tied: Georeference) -> tuple[Degrees, Degrees]:
    """Return longitudes and latitudes of points all over the image; longitudes do not jump at the date line."""
    if tied.transform is None and tied.gcps and tied.gcp_crs is not None:
        points = transform_points(tied.gcp_crs, "EPSG:4326", [p.x for p in tied.gcps], [p.y for p in tied.gcps])
        around = np.asarray(points[0], dtype=np.float64)
        return around[0] + (around - around[0] + 180) % 360 - 180, np.asarray(points[1], dtype=np.float64)
    longitudes, latitudes = _on_earth(tied, *_lattice(dataset.width, dataset.height))
    return _unwound(longitudes), latitudes


def _on_earth(tied: Georeference, columns: Degrees, rows: Degrees) -> tuple[Degrees, Degrees]:
    """Return longitudes and latitudes of places in pixels, counted from the outer corner; none where nothing says."""
    if tied.transform is not None and tied.crs is not None:
        t = tied.transform
        x, y = t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f
        points = transform_points(tied.crs, "EPSG:4326", x, y)
    elif tied.rpcs is not None:
        with RPCTransformer(tied.rpcs) as model:
            points = model.xy(rows, columns, offset="ul")
    else:
        return np.empty(0), np.empty(0)
    return np.asarray(points[0], dtype=np.float64), np.asarray(points[1], dtype=np.float64)


def _unwound(longitudes: Degrees) -> Degrees:
    """Return the longitudes of a lattice so that neighbours are less than half the Earth apart."""
    if not longitudes.size or not np.isfinite(longitudes).all():
        return longitudes
    lattice = longitudes.reshape(LATTICE, LATTICE)
    return np.unwrap(np.unwrap(lattice, period=360, axis=1), period=360, axis=0).ravel()


def _lattice(width: int, height: int) -> tuple[Degrees, Degrees]:
    steps = np.linspace(0, 1, LATTICE)
    across, down = np.meshgrid(steps * width, steps * height)
    return across.ravel(), down.ravel()


def groups_of(footprints: Sequence[Footprint | None]) -> list[str]:
    """Return one name per footprint, the same for all that overlap, directly or through others; ``""`` for None.

    The name is a hash of the cell of the southernmost member, which says nothing to a reader.
    """
    known = [i for i, footprint in enumerate(footprints) if footprint is not None]
    boxes = [footprint for footprint in footprints if footprint is not None]
    names = [""] * len(footprints)
    for members in _connected(boxes):
        cell = min(boxes[member].cell for member in members)
        digest = hashlib.sha256(f"srkit place {cell}".encode()).hexdigest()[:12]
        for member in members:
            names[known[member]] = f"place:{digest}"
    return names


def _connected(boxes: Sequence[Footprint]) -> list[list[int]]:
    """Return the members of each cluster of overlapping boxes."""
    if not boxes:
        return []
    south, north, west, width = (np.array(column) for column in zip(*map(_fields, boxes), strict=True))
    groups: list[list[int]] = []
    left = np.ones(len(boxes), dtype=np.bool_)
    for seed in range(len(boxes)):
        if not left[seed]:
            continue
        left[seed] = False
        members, waiting = [seed], [seed]
        while waiting:
            box = waiting.pop()
            near = left & (south <= north[box] + MARGIN_DEGREES) & (north >= south[box] - MARGIN_DEGREES)
            near &= ((west - west[box]) % 360 <= width[box] + MARGIN_DEGREES) | (
                (west[box] - west) % 360 <= width + MARGIN_DEGREES
            )
            found = np.flatnonzero(near).tolist()
            left[found] = False
            members += found
            waiting += found
        groups.append(members)
    return groups


def _fields(box: Footprint) -> tuple[float, float, float, float]:
    return box.south, box.north, box.west, box.width
