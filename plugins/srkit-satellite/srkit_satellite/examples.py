"""Small rasters made in code, for the contract tests that come with srkit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp

from srkit.testing import Example
from srkit_satellite.domain import NAME

UTM = {"crs": "EPSG:32633", "transform": Affine(10, 0, 531180, 0, -10, 5068800)}


def multispectral(root: Path) -> Example:
    """Write four bands of reflectance with names, scales, units, tags, and nodata that differs from band to band."""
    values = np.random.default_rng(1).integers(1, 9000, (4, 37, 53)).astype(np.uint16)
    values[:, :9, :11] = 0
    values[2, 20:23] = 0
    with _new(root / "scene.tif", values, nodata=0, tiled=True, blockxsize=16, blockysize=16, **UTM) as raster:
        raster.descriptions = ["B02 blue", "B03 green", "B04 red", "B08 nir"]
        raster.scales, raster.offsets, raster.units = [1e-4] * 4, [-0.1] * 4, ["reflectance"] * 4
        raster.update_tags(MISSION="made", AREA_OR_POINT="Point")
        raster.update_tags(ns="ORBIT", number="122")
        raster.update_tags(4, WAVELENGTH_NM="833")
        raster.write(values)
    return Example(NAME, root, normalizer={"kind": "bands"})


def float_with_holes(root: Path) -> Example:
    """Write one rotated band of floats, with NaN and infinity and no word on either."""
    values = np.random.default_rng(2).normal(0, 1, (1, 21, 30)).astype(np.float32)
    values[0, 3:6, 4:9], values[0, 10, 10] = np.nan, np.inf
    turned = Affine(8.66, 5, 531180, 5, -8.66, 5068800)
    with _new(root / "dem.tif", values, crs="EPSG:3857", transform=turned) as raster:
        raster.write(values)
    return Example(NAME, root, normalizer={"kind": "item-range"})


def masked_colour(root: Path) -> Example:
    """Write colour with an internal mask, in strips, south up."""
    values = np.random.default_rng(3).integers(0, 256, (3, 40, 24)).astype(np.uint8)
    mask = np.random.default_rng(4).random((40, 24)) > 0.2
    south_up = Affine(0.001, 0, 14, 0, 0.001, 45)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        _new(root / "photo.tif", values, crs="EPSG:4326", transform=south_up, blockysize=7) as raster,
    ):
        raster.write(values)
        raster.write_mask(mask)
    return Example(NAME, root, normalizer={"kind": "item-range", "shared": False})


def colour_and_alpha(root: Path) -> Example:
    """Write colour with transparency in steps."""
    values = np.random.default_rng(5).integers(0, 256, (4, 33, 18)).astype(np.uint8)
    values[3] = np.random.default_rng(6).choice([0, 128, 255], (33, 18))
    with _new(root / "rgba.tif", values, photometric="RGB", **UTM) as raster:
        raster.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
        raster.write(values)
    return Example(NAME, root, normalizer={"kind": "bands", "low": 0, "high": 255})


def control_points(root: Path) -> Example:
    """Write a band placed by ground control points alone."""
    values = np.random.default_rng(7).integers(-500, 500, (1, 16, 20)).astype(np.int16)
    points = [GroundControlPoint(r, c, 14 + c / 100, 45 - r / 100, 100.0) for r, c in ((0, 0), (0, 20), (16, 10))]
    with _new(root / "swath.tif", values, gcps=points, crs="EPSG:4326") as raster:
        raster.write(values)
    return Example(NAME, root, normalizer={"kind": "item-range"})


def _new(path: Path, values: np.ndarray[Any, Any], **extra: Any) -> Any:
    count, height, width = values.shape
    shape = {"count": count, "height": height, "width": width, "dtype": values.dtype.name}
    return rasterio.open(path, "w", driver="GTiff", **shape, **extra)


EXAMPLES: dict[str, Callable[[Path], Example]] = {
    "satellite-multispectral": multispectral,
    "satellite-float": float_with_holes,
    "satellite-mask": masked_colour,
    "satellite-alpha": colour_and_alpha,
    "satellite-gcps": control_points,
}
"""Makers of examples by label."""
