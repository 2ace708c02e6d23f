"""How large pixels are on the ground, in metres, whatever the raster's own unit."""

from __future__ import annotations

import math

from srkit import Grid
from srkit_satellite.georeference import Georeference

METRES_PER_DEGREE = 111_320.0
"""Along a meridian, and along the equator."""


def ground_sizes(tied: Georeference, grid: Grid) -> tuple[float, float] | None:
    """Return height and width of a pixel in metres, for degrees those at the raster's centre; None without a CRS."""
    crs = tied.crs
    if crs is None or tied.transform is None:
        return None
    rows, columns = grid.spacing
    if not crs.is_geographic:
        factor = float(crs.linear_units_factor[1]) if crs.is_projected else 1.0
        return rows * factor, columns * factor
    latitude = float(grid.corners()[:, 1].mean())
    return rows * METRES_PER_DEGREE, columns * METRES_PER_DEGREE * math.cos(math.radians(latitude))
