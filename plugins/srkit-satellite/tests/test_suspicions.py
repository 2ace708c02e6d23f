"""What `srkit inspect` says of bands and of odd numbers."""

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from srkit_satellite.findings import inspect_raster
from srkit_satellite.source import RasterSource
from srkit_satellite.suspicions import PIECE, PIECES, _looked_at

from srkit.cli.app import run

RNG = np.random.default_rng(0)
DATA = Path(os.environ.get("SRKIT_DATA", Path(__file__).parents[4] / "shared" / "data")) / "satellite"


def told(path: Path, level: str = "warning") -> str:
    source = RasterSource(path, {})
    try:
        return "; ".join(finding.text for finding in inspect_raster(source) if finding.level == level)
    finally:
        source.close()


def test_bands_are_said_with_colour_wavelength_and_quantity(make):
    def edit(raster):
        raster.descriptions, raster.units = ("B04 red", "", "B8A"), ("reflectance", "", "")
        raster.update_tags(SENSOR="Sentinel-2 MSI")

    text = told(make("in.tif", RNG.integers(1, 9000, (3, 30, 30)).astype(np.uint16), edit=edit), "info")
    assert "B04 red: red, 664.6 nm, reflectance; B8A: 864.7 nm; nothing is known of band 2" in text


def test_ordinary_numbers_are_not_suspicious(make):
    for values in (
        RNG.integers(0, 256, (3, 60, 60)).astype(np.uint8),
        RNG.normal(0, 300, (2, 60, 60)).astype(np.int16),
    ):
        assert told(make("in.tif", values)) == ""


@pytest.mark.parametrize("mark", [-9999.0, -32768.0, float(np.finfo(np.float32).min)])
def test_marks_that_nothing_declares_are_told(make, mark):
    values = RNG.uniform(0, 0.6, (1, 60, 60)).astype(np.float32)
    values[:, :20] = mark
    assert "looks like a mark for no data" in told(make("in.tif", values))
    assert "mark" not in told(make("declared.tif", values, nodata=mark))
    depth = RNG.uniform(-20000, 0, (1, 60, 60)).astype(np.float32)
    depth[:, :20] = -9999
    assert "mark" not in told(make("depth.tif", depth))


@pytest.mark.parametrize("number", [0, 255])
def test_an_empty_collar_that_nothing_declares_is_told(make, number):
    values = RNG.integers(1, 255, (3, 60, 60)).astype(np.uint8)
    values[:, :, :6] = number
    assert f"10.0% of the pixels looked at are {number} in all bands" in told(make("in.tif", values))
    assert "in all bands" not in told(make("declared.tif", values, nodata=number))
    values[0, :, :6] = 7
    assert "in all bands" not in told(make("one.tif", values))


def test_a_band_in_which_nothing_changes_is_told(make):
    values = RNG.integers(1, 99, (2, 60, 60)).astype(np.uint16)
    values[1] = 7
    assert "nothing changes in band 2" in told(make("in.tif", values))


@pytest.mark.parametrize("nodata", [0, np.nan])
def test_a_raster_without_any_data_is_told_and_done(make, tmp_path, capsys, reopen, nodata):
    dtype = np.float32 if nodata else np.uint16
    path, out = make("empty.tif", np.full((2, 30, 30), nodata, dtype), nodata=nodata), tmp_path / "out.tif"
    assert run(["upscale", str(path), "-o", str(out), "--model", "bicubic"]) == 0
    assert "no pixel looked at in band 1, band 2 is data" in " ".join(capsys.readouterr().err.split())
    assert not reopen(out).dataset_mask().any()


def test_little_of_a_large_raster_is_read(make):
    values = RNG.integers(1, 99, (1, 1100, 1300)).astype(np.uint16)
    values[:, :, :300] = 0
    with rasterio.open(make("in.tif", values, tiled=True)) as dataset:
        seen = _looked_at(dataset, [0])
    assert seen.shape == (1, PIECES**2 * PIECE**2)
    assert 0.1 < (seen == 0).mean() < 0.4


@pytest.mark.skipif(not DATA.is_dir(), reason="real data are absent")
def test_the_collar_of_a_real_scene_is_told():
    assert "13." in told(DATA / "scenes" / "s2l1c_20181013_a.tif")
    assert "255 in all bands" in told(DATA / "scenes" / "s2l1c_20181013_a.tif")
    assert told(DATA / "scenes" / "s2l2a_33twl_20230815.tif") == ""
