"""Random rasters, upscaled by repeating pixels and compared with what rasterio says of both."""

import tempfile
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp
from srkit_satellite.domain import OPTIONS
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
def rasters(draw):
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
    says = {
        "descriptions": tuple(draw(st.lists(st.none() | TEXT, min_size=bands, max_size=bands, unique_by=id))),
        "scales": [draw(st.sampled_from([1.0, 1e-4]))] * bands,
        "offsets": [draw(st.sampled_from([0.0, -0.1]))] * bands,
        "units": [draw(st.sampled_from(["", "K"]))] * bands,
        "colorinterp": [ColorInterp.gray] + [ColorInterp.undefined] * (bands - 1),
    }
    tags = draw(st.dictionaries(KEYS, TEXT, max_size=4))
    mask = rng.random((rows, columns)) > 0.3 if kind == "mask" else None
    scale = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    return values, profile, says, tags, mask, scale


def write(path, values, profile, says, tags, mask):
    bands, rows, columns = values.shape
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", driver="GTiff", count=bands, height=rows, width=columns, **profile) as raster,
    ):
        for name, value in says.items():
            setattr(raster, name, value)
        raster.update_tags(**tags)
        raster.update_tags(bands, **tags)
        raster.write(values)
        if mask is not None:
            raster.write_mask(mask)


@settings(max_examples=40, deadline=None)
@given(rasters())
def test_output_is_the_input_with_more_pixels(case):
    *raster, scale = case
    with tempfile.TemporaryDirectory() as folder:
        path, target = Path(folder, "in.tif"), Path(folder, "out.tif")
        write(path, *raster)
        source = RasterSource(path, DEFAULTS)
        plan = OutputPlan(
            source.grid.upscaled(scale), source.channels, source.encoding, 1, scale,
            Provenance("0.1.0", "nearest", None, "2"), options={**DEFAULTS, "categorical": "nearest"},
        )  # fmt: skip
        write_repeated(create_sink(target, source, plan), source, plan)
        assert [f for f in verify_output(source, target, plan) if f.level == "failure"] == []
        source.close()
        with rasterio.open(path) as before, rasterio.open(target) as after:
            compare(before, after, scale)


def compare(before, after, scale):
    rows, columns = scale
    assert after.shape == (before.height * rows, before.width * columns)
    assert after.transform == before.transform @ Affine.scale(1 / columns, 1 / rows)
    for what in ("crs", "dtypes", "count", "descriptions", "scales", "offsets", "units", "colorinterp"):
        assert getattr(after, what) == getattr(before, what), what
    assert after.mask_flag_enums == before.mask_flag_enums
    assert repr(after.nodatavals) == repr(before.nodatavals)
    assert before.tags().items() <= after.tags().items()
    assert before.tags(before.count) == after.tags(before.count)
    np.testing.assert_array_equal(after.read(), before.read().repeat(rows, 1).repeat(columns, 2))
    np.testing.assert_array_equal(after.read_masks(), before.read_masks().repeat(rows, 1).repeat(columns, 2))
