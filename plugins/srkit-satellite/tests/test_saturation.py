"""Saturated pixels are kept block by block, and no network learns of their number (V17)."""

import numpy as np
import pytest
import rasterio
from srkit_satellite.findings import inspect_raster
from srkit_satellite.source import RasterSource
from srkit_satellite.verify import verify_output

import srkit
from srkit.plugins import default_options, load_plugins

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def plugins():
    return load_plugins(environment={"SRKIT_PLUGINS": "satellite"})


def scene(mark, dtype=np.uint16):
    """Return two bands, some pixels of the first being `mark`, and where those are."""
    values = RNG.integers(50, 200, (2, 40, 44)).astype(dtype)
    marked = np.zeros(values.shape, np.bool_)
    marked[0, 5:9, 30:41] = marked[0, 20, 3] = True
    values[marked] = mark
    return values, marked


def upscaled(plugins, path, out, **options):
    merged = {**default_options(plugins)["satellite"], **options}
    report = srkit.upscale(path, out, scale=2, model="lanczos", options={"satellite": merged}, plugins=plugins)
    assert [r.status for r in report.results] == ["done"]
    return report.results[0].output


def said(path, **options):
    source = RasterSource(path, options)
    try:
        return [(f.level, f.text) for f in inspect_raster(source) if f.code == "V17"]
    finally:
        source.close()


@pytest.mark.parametrize(("dtype", "number"), [(np.uint16, 65535), (np.uint8, 255), (np.int16, -3)])
def test_saturated_pixels_are_repeated_and_seen_by_nobody_else(plugins, make, tmp_path, reopen, dtype, number):
    values, marked = scene(number, dtype)
    holes = np.where(marked, 0, values).astype(dtype)
    path, twin = make("in.tif", values), make("holes.tif", holes, nodata=0)
    after = reopen(upscaled(plugins, path, tmp_path / "a.tif", saturated=str(number)))
    expected = reopen(upscaled(plugins, twin, tmp_path / "b.tif")).read()
    expected[marked.repeat(2, 1).repeat(2, 2)] = number
    np.testing.assert_array_equal(after.read(), expected)
    assert after.nodata is None
    assert after.tags()["SPECIAL_VALUE_SATURATED"] == str(number)


def test_bright_pixels_stay_below_the_number_of_saturated_ones(plugins, make, tmp_path, reopen):
    values = np.full((1, 30, 30), 254, np.uint8)
    values[:, ::2, ::2] = 10
    values[0, 3, 4] = 255
    bright = values == 255
    overshooting = reopen(upscaled(plugins, make("in.tif", values), tmp_path / "plain.tif"))
    assert (overshooting.read() == 255).sum() > 4
    after = reopen(upscaled(plugins, make("in.tif", values), tmp_path / "a.tif", saturated="255"))
    np.testing.assert_array_equal(after.read() == 255, bright.repeat(2, 1).repeat(2, 2))


def test_an_output_knows_its_saturated_pixels_again(plugins, make, tmp_path, reopen):
    values, marked = scene(65535)
    once = upscaled(plugins, make("in.tif", values, nodata=0), tmp_path / "a.tif", saturated="65535")
    twice = reopen(upscaled(plugins, once, tmp_path / "b.tif"))
    np.testing.assert_array_equal(twice.read() == 65535, marked.repeat(4, 1).repeat(4, 2))
    assert said(once) == [
        ("info", "1.28% of the numbers looked at are 65535: saturated, kept, and never measured values")
    ]
    assert said(once, saturated="none") == []


def test_below_a_mask_nothing_counts_as_saturated(plugins, make, tmp_path, reopen):
    values, _ = scene(255, np.uint8)
    mask = np.full((40, 44), 255, np.uint8)
    mask[:, 20:] = 0
    path = make("in.tif", values, mask=mask)
    [(level, text)] = said(path, saturated="255")
    assert level == "warning"
    assert "below a mask" in text
    after = reopen(upscaled(plugins, path, tmp_path / "a.tif", saturated="255"))
    np.testing.assert_array_equal(after.read_masks(1), mask.repeat(2, 0).repeat(2, 1))


def test_a_number_of_saturated_pixels_must_be_one(make):
    values, _ = scene(9)
    with pytest.raises(srkit.UsageError, match="--saturated much is no number"):
        RasterSource(make("in.tif", values), {"saturated": "much"})


def test_tag_that_is_no_number_is_none(make):
    path = make("in.tif", scene(9)[0], edit=lambda raster: raster.update_tags(SPECIAL_VALUE_SATURATED="high"))
    assert said(path) == []


@pytest.mark.parametrize("fault", ["invented", "lost"])
def test_verification_counts_what_is_not_as_saturated_as_before(upscale, make, plan_of, fault):
    values, marked = scene(255, np.uint8)
    path = make("in.tif", values)
    target = upscale(path, saturated="255")
    with rasterio.open(target, "r+") as raster:
        pixels = raster.read()
        pixels[(1, 7, 7) if fault == "invented" else (0, 10, 60)] = 255 if fault == "invented" else 254
        raster.write(pixels)
    source = RasterSource(path, {"saturated": "255"})
    try:
        found = verify_output(source, target, plan_of(source, saturated="255"))
    finally:
        source.close()
    assert [(f.code, f.text[:2]) for f in found if f.level == "failure"] == [("V17", "1 ")]
    assert marked.any()
