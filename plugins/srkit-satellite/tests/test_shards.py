"""Parts of rasters with masks, of any orientation, tagged and overviewed: shards are the whole, windows its crop."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.windows import Window

import srkit

GCPS = [GroundControlPoint(r, c, 5e5 + 10 * c + r, 5e6 - 10 * r + c) for r, c in ((0, 0), (0, 40), (300, 0), (300, 40))]
PLACES: dict[str, dict[str, Any]] = {
    "north up": {"transform": Affine(10, 0, 5e5, 0, -10, 5e6)},
    "south up": {"transform": Affine(10, 0, 5e5, 0, 10, 5e6)},
    "rotated": {"transform": Affine.translation(5e5, 5e6) @ Affine.rotation(30) @ Affine.scale(10, -10)},
    "control points": {"gcps": GCPS},
}


def raster(path: Path, place: dict[str, Any], rows: int = 300, columns: int = 290) -> Path:
    """Write two bands with an internal mask, overviews and tags."""
    rng = np.random.default_rng(1)
    shape = {"driver": "GTiff", "height": rows, "width": columns, "count": 2, "dtype": "uint16", "crs": "EPSG:32632"}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        with rasterio.open(path, "w", **shape, **place, tiled=True, blockxsize=64, blockysize=64) as dataset:
            dataset.write(rng.integers(1, 4000, (2, rows, columns)).astype(np.uint16))
            dataset.write_mask(np.where(rng.random((rows, columns)) < 0.8, 255, 0).astype(np.uint8))
            dataset.update_tags(MADE="by hand")
        with rasterio.open(path, "r+") as dataset:
            dataset.build_overviews([2, 4])
    return path


@pytest.mark.parametrize("profile", ["gtiff", "cog"])
def test_three_shards_become_the_bytes_of_the_whole(profile: str, tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", PLACES["south up"], rows=520, columns=140)
    more: dict[str, Any] = {"model": "bicubic", "scale": 2, "options": {"satellite": {"profile": profile}}}
    srkit.upscale(path, tmp_path / "whole.tif", **more)
    for number in (2, 3, 1):
        srkit.upscale(path, tmp_path / "joined.tif", shard=f"{number}/3", **more)
    srkit.merge(tmp_path / "joined.tif")
    assert (tmp_path / "joined.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.tif", "joined.tif", "whole.tif"]


@pytest.mark.parametrize("name", PLACES)
def test_a_window_is_the_crop_of_the_whole_however_the_raster_lies(name: str, tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", PLACES[name])
    srkit.upscale(path, tmp_path / "whole.tif", model="lanczos", scale=2)
    srkit.upscale(path, tmp_path / "part.tif", model="lanczos", scale=2, window="7:290,31:288")
    place = Window(2 * 31, 2 * 7, 2 * (288 - 31), 2 * (290 - 7))
    with rasterio.open(tmp_path / "whole.tif") as whole, rasterio.open(tmp_path / "part.tif") as part:
        np.testing.assert_array_equal(part.read(), whole.read(window=place))
        np.testing.assert_array_equal(part.dataset_mask(), whole.dataset_mask(window=place))
        assert part.overviews(1)
        assert part.tags()["MADE"] == "by hand"
        if whole.gcps[0]:
            moved = [(p.x, p.y, p.row + place.row_off, p.col + place.col_off) for p in part.gcps[0]]
            assert moved == [(p.x, p.y, p.row, p.col) for p in whole.gcps[0]]
        else:
            moved = whole.transform @ Affine.translation(place.col_off, place.row_off)
            assert part.transform.almost_equals(moved, 1e-9)
