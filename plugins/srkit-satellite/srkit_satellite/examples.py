"""Small scenes made in code, for the contract tests of `srkit.testing`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from srkit.testing import Example

NODATA = 0


def scene(bands: int, rows: int, columns: int) -> np.ndarray[Any, Any]:
    """Return uint16 reflectances ``(bands, rows, columns)`` of 500 to 4000 with a corner of nodata."""
    y, x = np.mgrid[0:rows, 0:columns]
    waves = np.stack([1500 + 900 * np.sin(0.3 * (b + 1) * x) * np.cos(0.2 * y) for b in range(bands)])
    stored = np.asarray(np.rint(waves + np.random.default_rng(0).uniform(0, 300, waves.shape)), np.uint16)
    stored[:, y + x < 9] = NODATA
    return stored


def write_geotiff(root: Path) -> Example:
    """Write a three-band UTM scene with nodata, 10 m wide and 20 m high pixels."""
    import rasterio
    from rasterio import Affine

    stored = scene(3, 30, 24)
    profile = {
        "driver": "GTiff",
        "count": stored.shape[0],
        "height": stored.shape[1],
        "width": stored.shape[2],
        "dtype": "uint16",
        "crs": "EPSG:32633",
        "transform": Affine.translation(399_960.0, 5_300_040.0) @ Affine.scale(10.0, -20.0),
        "nodata": NODATA,
        "compress": "deflate",
        "photometric": "minisblack",
    }
    with rasterio.open(root / "scene.tif", "w", **profile) as raster:
        raster.write(stored)
        raster.descriptions = ("blue", "green", "red")
    return Example("satellite", root)


def write_turned_geotiff(root: Path) -> Example:
    """Write a one-band float32 scene with a rotated transform and NaN as nodata."""
    import rasterio
    from rasterio import Affine

    stored = scene(1, 30, 24).astype(np.float32) / 10_000
    stored[stored == NODATA] = np.nan
    profile = {
        "driver": "GTiff",
        "count": 1,
        "height": stored.shape[1],
        "width": stored.shape[2],
        "dtype": "float32",
        "crs": "EPSG:3035",
        "transform": Affine.translation(4_321_000.0, 3_210_000.0) @ Affine.rotation(30) @ Affine.scale(5.0, -5.0),
        "nodata": float("nan"),
        "tiled": True,
        "blockxsize": 16,
        "blockysize": 16,
    }
    with rasterio.open(root / "turned.tif", "w", **profile) as raster:
        raster.write(stored)
    return Example("satellite", root)


EXAMPLES: Mapping[str, Any] = {"satellite GeoTIFF": write_geotiff, "satellite turned GeoTIFF": write_turned_geotiff}
