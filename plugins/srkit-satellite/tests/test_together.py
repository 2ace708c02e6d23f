"""One virtual raster over the outputs of a call, as another GDAL and rasterio read it."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from srkit import OutputError, upscale
from srkit.testing import plugins_with

UTM = {"crs": "EPSG:32633", "transform": Affine(10, 0, 531180, 0, -10, 5068800)}


@pytest.fixture
def plugins():
    return plugins_with("srkit_satellite.plugin")


@pytest.fixture
def run(plugins, tmp_path):
    """Return a function that upscales the folder `in` to `out`, with a mosaic."""

    def upscaled(**options):
        options = {"satellite": {"mosaic": True, **options}}
        return upscale(tmp_path / "in", tmp_path / "out", scale=2, model="bicubic", plugins=plugins, options=options)

    return upscaled


def say(raster):
    raster.descriptions = ["red", "infrared"]
    raster.scales, raster.offsets, raster.units = [1e-4] * 2, [-0.1] * 2, ["reflectance"] * 2
    raster.colorinterp = [ColorInterp.red, ColorInterp.undefined]


def at(row, column):
    return {"crs": UTM["crs"], "transform": UTM["transform"] @ Affine.translation(column, row)}


def test_mosaic_is_the_output_of_the_whole_scene(make, plugins, tmp_path, run, reopen):
    values = np.random.default_rng(0).integers(1, 5000, (2, 30, 40)).astype(np.uint16)
    values[:, 12:18, 5:30] = 0
    whole = make("../whole/scene.tif", values, **UTM, nodata=0, edit=say)
    for name, box in {"a/0": (0, 0, 30, 16), "a/1": (0, 16, 13, 40), "b/2": (13, 16, 30, 40)}.items():
        make(f"{name}.tif", values[:, box[0] : box[2], box[1] : box[3]], **at(*box[:2]), nodata=0, edit=say)
    report = run()
    assert report.gathered == (tmp_path / "out" / "mosaic.vrt",)
    upscale(whole, tmp_path / "whole.tif", scale=2, model="bicubic", plugins=plugins)
    mosaic, wanted = reopen(tmp_path / "out" / "mosaic.vrt"), reopen(tmp_path / "whole.tif")
    np.testing.assert_array_equal(mosaic.read(), wanted.read())
    np.testing.assert_array_equal(mosaic.read_masks(), wanted.read_masks())
    for what in (
        "transform",
        "crs",
        "dtypes",
        "descriptions",
        "scales",
        "offsets",
        "units",
        "nodatavals",
        "colorinterp",
    ):
        assert getattr(mosaic, what) == getattr(wanted, what), what


@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="GDAL's tools are not here")
def test_another_gdal_reads_the_mosaic_wherever_its_folder_is_moved(make, tmp_path, run):
    values = np.random.default_rng(0).integers(1, 250, (2, 10, 20)).astype(np.uint8)
    make("left.tif", values[..., :9], **at(0, 0))
    make("right.tif", values[..., 9:], **at(0, 9))
    run()
    (tmp_path / "out").rename(tmp_path / "moved")
    told = subprocess.run(
        ["gdalinfo", "-json", "-checksum", tmp_path / "moved" / "mosaic.vrt"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert (told.stderr, json.loads(told.stdout)["size"]) == ("", [40, 20])


def test_mask_goes_along_and_where_there_is_no_tile_there_is_no_data(make, run, tmp_path, reopen):
    values = np.random.default_rng(0).integers(1, 250, (1, 10, 10)).astype(np.uint8)
    mask = np.random.default_rng(1).random((10, 10)) > 0.3
    make("a.tif", values, mask=mask, **at(0, 0))
    make("b.tif", values, mask=mask, **at(10, 10))
    run()
    found = reopen(tmp_path / "out" / "mosaic.vrt").read_masks(1) != 0
    wanted = np.zeros((20, 20), np.bool_)
    wanted[:10, :10] = wanted[10:, 10:] = mask
    np.testing.assert_array_equal(found, wanted.repeat(2, 0).repeat(2, 1))


def test_other_grids_get_a_mosaic_of_their_own_and_colours_stay(make, run, tmp_path, reopen):
    codes = np.random.default_rng(0).integers(0, 3, (1, 10, 10)).astype(np.uint8)
    colours = {0: (0, 0, 0, 255), 1: (9, 99, 9, 255), 2: (200, 0, 0, 255)}
    make("a.tif", codes, **at(0, 0), edit=lambda raster: raster.write_colormap(1, colours), photometric="palette")
    make("b.tif", codes, **at(0, 10), edit=lambda raster: raster.write_colormap(1, colours), photometric="palette")
    for name, column in (("c", 0), ("d", 50)):
        make(f"{name}.tif", codes + 1, crs="EPSG:32634", transform=at(0, column)["transform"])
    make("alone.tif", codes + 1, crs="EPSG:32635", transform=UTM["transform"])
    report = run(categorical="nearest")
    assert [path.name for path in report.gathered] == ["mosaic.vrt", "mosaic_2.vrt"]
    palette = reopen(report.gathered[0])
    assert colours.items() <= palette.colormap(1).items()
    assert reopen(report.gathered[1]).crs == rasterio.CRS.from_epsg(32634)


def test_nothing_is_written_unless_asked_for_and_no_other_file_is_replaced(make, run, tmp_path):
    make("a.tif", np.ones((1, 9, 9), np.uint8), **at(0, 0))
    make("b.tif", np.ones((1, 9, 9), np.uint8), **at(0, 9))
    assert run(mosaic=False).gathered == ()
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    (tmp_path / "out" / "mosaic.vrt").write_text("notes")
    with pytest.raises(OutputError, match="in the way"):
        run()
    assert (tmp_path / "out" / "mosaic.vrt").read_text() == "notes"
