"""Random rasters, upscaled by repeating pixels and compared with what other readers say of both, field by field."""

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rioxarray
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp
from rio_cogeo.cogeo import cog_validate
from srkit_satellite.domain import OPTIONS
from srkit_satellite.georeference import says_nothing
from srkit_satellite.sink import create_sink
from srkit_satellite.source import RasterSource
from srkit_satellite.verify import verify_output

from srkit import OutputPlan, Provenance
from srkit.testing.outputs import write_repeated

DEFAULTS = {option.name: option.default for option in OPTIONS}
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
KEYS = st.from_regex(r"[A-Z][A-Z0-9_]{0,9}X", fullmatch=True)
DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")


@st.composite
def rasters(draw, *, placed=True):
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    bands, rows, columns = (draw(st.integers(1, n)) for n in (5, 40, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    low, high = (-1e4, 1e4) if dtype.kind in "fi" and dtype.itemsize > 1 else (1, 100)
    values = rng.uniform(low, high, (bands, rows, columns)).astype(dtype)
    kind = draw(st.sampled_from(["none", "nodata", "mask", "nan"]))
    nodata = None
    if kind == "nodata":
        nodata = draw(st.sampled_from([0.0, 100.0] + ([np.nan, -9999.0, -3.4e38] if dtype.kind == "f" else [])))
        values[rng.random(values.shape) < 0.3] = nodata
    if kind == "nan" and dtype.kind == "f":
        values[rng.random(values.shape) < 0.3] = np.nan
    transform = Affine(
        draw(st.floats(0.1, 100)), draw(st.sampled_from([0.0, 0.5])), draw(st.floats(-1e6, 1e6)),
        draw(st.sampled_from([0.0, -0.25])), draw(st.sampled_from([-10.0, 12.5, -0.3])), draw(st.floats(-1e6, 1e6)),
    )  # fmt: skip
    profile = {
        "dtype": dtype.name,
        "nodata": nodata,
        "transform": transform,
        "crs": draw(st.sampled_from(["EPSG:32633", "EPSG:3857", None])),
        "compress": draw(st.sampled_from(["deflate", "lzw", "zstd", "packbits", None])),
        "interleave": draw(st.sampled_from(["pixel", "band"])),
    }
    if not placed:
        del profile["transform"], profile["crs"]
    says = {
        "descriptions": tuple(draw(st.lists(st.none() | TEXT, min_size=bands, max_size=bands, unique_by=id))),
        "scales": [draw(st.sampled_from([1.0, 1e-4]))] * bands,
        "offsets": [draw(st.sampled_from([0.0, -0.1]))] * bands,
        "units": [draw(st.sampled_from(["", "K"]))] * bands,
        "colorinterp": [ColorInterp.gray] + [ColorInterp.undefined] * (bands - 1),
    }
    tags = draw(st.dictionaries(KEYS, TEXT, max_size=4))
    point = draw(st.sampled_from(["Area", "Point"]))
    domain = draw(st.none() | KEYS)
    mask = rng.random((rows, columns)) > 0.3 if kind == "mask" else None
    scale = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    return values, profile, says, (tags, point, domain), mask, scale


def write(path, values, profile, says, words, mask):
    tags, point, domain = words
    bands, rows, columns = values.shape
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", driver="GTiff", count=bands, height=rows, width=columns, **profile) as raster,
    ):
        for name, value in says.items():
            setattr(raster, name, value)
        raster.update_tags(**tags, AREA_OR_POINT=point)
        raster.update_tags(bands, **tags)
        if domain is not None:
            raster.update_tags(ns=domain, **tags)
        raster.write(values)
        if mask is not None:
            raster.write_mask(mask)


@contextmanager
def upscaled(case, profile="gtiff"):
    """Yield the paths of a drawn raster and of its output, which passed its verification."""
    *raster, scale = case
    with tempfile.TemporaryDirectory() as folder:
        path, target = Path(folder, "in.tif"), Path(folder, "out.tif")
        write(path, *raster)
        options = {**DEFAULTS, "categorical": "nearest", "profile": profile}
        source = RasterSource(path, options)
        plan = OutputPlan(
            source.grid.upscaled(scale), source.channels, source.encoding, 1, scale,
            Provenance("0.1.0", "nearest", None, "2"), options=options,
        )  # fmt: skip
        write_repeated(create_sink(target, source, plan), source, plan)
        assert [f for f in verify_output(source, target, plan) if f.level == "failure"] == []
        source.close()
        yield path, target


@settings(max_examples=40, deadline=None)
@given(rasters())
def test_output_is_the_input_with_more_pixels(case):
    with upscaled(case) as (path, target), rasterio.open(path) as before, rasterio.open(target) as after:
        compare(before, after, case[-1])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@settings(max_examples=10, deadline=None)
@given(rasters(placed=False))
def test_a_raster_that_lies_nowhere_is_put_nowhere(case):
    with upscaled(case) as (path, target), rasterio.open(path) as before, rasterio.open(target) as after:
        assert (after.transform.is_identity, after.crs, after.rpcs) == (True, before.crs, None)
        assert says_nothing(after.crs)  # PixelIsPoint alone gets a nameless one from GDAL, in the source as well
        compare(before, after, case[-1])


@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="needs GDAL's command line tools")
@settings(max_examples=20, deadline=None)
@given(rasters(), st.sampled_from(["gtiff", "cog"]))
def test_another_gdal_says_the_same_of_both(case, profile):
    rows, columns = case[-1]
    with upscaled(case, profile) as (path, target):
        (before, noise), (after, after_noise) = gdalinfo(path), gdalinfo(target)
    assert after_noise == noise
    assert after["size"] == [before["size"][0] * columns, before["size"][1] * rows]
    x, across, skew_x, y, skew_y, down = before["geoTransform"]
    assert after["geoTransform"] == pytest.approx(
        [x, across / columns, skew_x / rows, y, skew_y / columns, down / rows], rel=1e-13, abs=1e-13
    )
    for corner, place in before["cornerCoordinates"].items():
        assert after["cornerCoordinates"][corner] == pytest.approx(place, rel=1e-12, abs=1e-3)  # printed so
    if (
        case[1]["crs"] is not None or profile == "gtiff"
    ):  # the COG driver gives PixelIsPoint without a CRS a nameless one
        assert after.get("coordinateSystem") == before.get("coordinateSystem")
    domains = {"", *before["metadata"]} - {"IMAGE_STRUCTURE", "DERIVED_SUBDATASETS"}
    for domain in domains if profile == "gtiff" else {""}:
        assert before["metadata"].get(domain, {}).items() <= after["metadata"].get(domain, {}).items()
    for ours, theirs in zip(after["bands"], before["bands"], strict=True):
        for what in ("type", "colorInterpretation", "description", "noDataValue", "scale", "offset", "unit"):
            assert repr(ours.get(what)) == repr(theirs.get(what)), what
        assert ours.get("mask", {}).get("flags") == theirs.get("mask", {}).get("flags")


def gdalinfo(path):
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("PROJ_", "GDAL_"))
    }  # not the wheel's
    told = subprocess.run(["gdalinfo", "-json", str(path)], check=True, capture_output=True, env=own)
    return json.loads(told.stdout), told.stderr


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # rioxarray's own
@settings(max_examples=20, deadline=None)
@given(rasters())
def test_rioxarray_sees_the_same_ground_and_the_same_numbers(case):
    rows, columns = case[-1]
    with (
        upscaled(case) as (path, target),
        rioxarray.open_rasterio(path, masked=True) as before,
        rioxarray.open_rasterio(target, masked=True) as after,
    ):
        assert after.rio.bounds() == pytest.approx(before.rio.bounds(), rel=1e-12, abs=1e-9)
        assert after.rio.crs == before.rio.crs
        assert after.dtype == before.dtype
        assert repr(after.rio.encoded_nodata) == repr(before.rio.encoded_nodata)
        np.testing.assert_array_equal(after.values, before.values.repeat(rows, 1).repeat(columns, 2))


@settings(max_examples=10, deadline=None)
@given(rasters())
def test_every_cog_is_one_to_its_own_validator(case):
    with upscaled(case, "cog") as (_, target):
        assert cog_validate(target, strict=True, quiet=True) == (True, [], [])


def approx(transform):
    return pytest.approx(tuple(transform), rel=1e-13, abs=1e-13)


def compare(before, after, scale):
    rows, columns = scale
    assert after.shape == (before.height * rows, before.width * columns)
    if before.transform.is_identity:
        assert after.transform.is_identity
    else:
        finer = before.transform @ Affine.scale(1 / columns, 1 / rows)
        # PixelIsPoint ties the first pixel's centre: half a pixel there and back costs the last bit of the corner
        assert after.transform == (approx(finer) if "Point" in before.tags().values() else finer)
    for what in ("crs", "dtypes", "count", "descriptions", "scales", "offsets", "units", "colorinterp"):
        assert getattr(after, what) == getattr(before, what), what
    assert after.mask_flag_enums == before.mask_flag_enums
    assert repr(after.nodatavals) == repr(before.nodatavals)
    assert before.tags().items() <= after.tags().items()
    assert before.tags(before.count) == after.tags(before.count)
    np.testing.assert_array_equal(after.read(), before.read().repeat(rows, 1).repeat(columns, 2))
    np.testing.assert_array_equal(after.read_masks(), before.read_masks().repeat(rows, 1).repeat(columns, 2))
