"""What a model says of valid pixels, whatever it says, becomes numbers of the file's type that are no nodata."""

import warnings

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from srkit_satellite.source import RasterSource

from srkit.cli.app import run

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
SAID = st.lists(st.floats(-1e12, 1e12) | st.integers(-300, 70000).map(float), min_size=6, max_size=6)


def limits(dtype):
    return np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.finfo(dtype)


@st.composite
def marked(draw):
    """A type, a nodata value that it can hold, and what a model says of six pixels, some of it right at that value."""
    dtype = draw(st.sampled_from(DTYPES))
    low, high = float(limits(dtype).min), float(limits(dtype).max)
    nodata = draw(st.sampled_from([low, high, 0.0, 7.0]))
    said = draw(SAID)
    said[:2] = [nodata, nodata + draw(st.floats(-0.5, 0.5))]
    return dtype, nodata, np.array(said, np.float64).reshape(1, 2, 3)


@settings(max_examples=60, deadline=None)
@given(marked())
def test_no_valid_pixel_becomes_nodata_and_none_wraps(tmp_path_factory, case):
    dtype, nodata, said = case
    with MemoryFile() as memory, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        shape = {"driver": "GTiff", "width": 3, "height": 2, "count": 1}
        with memory.open(**shape, dtype=dtype, nodata=nodata) as raster:
            raster.write(np.ones((1, 2, 3), dtype))
        path = tmp_path_factory.getbasetemp() / "values.tif"
        path.write_bytes(memory.getbuffer())
        source = RasterSource(path, {})
    source.close()
    stored = source.encoding.encode(said, np.ones((1, 2, 3), np.bool_))
    assert stored.dtype == dtype
    assert not (stored == nodata).any()
    nearest = np.clip(said, limits(dtype).min, limits(dtype).max)
    step = 1.5 if stored.dtype.kind in "iu" else 2 * np.finfo(dtype).eps * np.abs(nearest) + 1e-40
    assert (np.abs(stored.astype(np.float64) - nearest) <= step).all()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_number_of_16_bits_survives_whatever_the_precision(make, tmp_path, reopen, precision):
    ramp = np.arange(65536, dtype=np.uint16).reshape(1, 128, 512)
    path, out = make("ramp.tif", ramp), tmp_path / "out.tif"
    assert run(["upscale", str(path), "-o", str(out), "--model", "nearest", "--precision", precision]) == 0
    np.testing.assert_array_equal(reopen(out).read(), ramp.repeat(2, 1).repeat(2, 2))


def test_snow_and_dark_water_leave_the_usual_range(make, tmp_path, reopen):
    values = np.random.default_rng(0).normal(0.2, 0.05, (1, 30, 30)).astype(np.float32)
    values[:, :15] += 1.2
    values[:, :, :10] -= 0.4
    path, out = make("reflectance.tif", values), tmp_path / "out.tif"
    assert run(["upscale", str(path), "-o", str(out), "--model", "bspline", "--consistency"]) == 0
    with rasterio.open(out) as raster:
        means = raster.read().reshape(1, 30, 2, 30, 2).mean(axis=(2, 4))
    assert means.min() < -0.1
    assert means.max() > 1.4
    np.testing.assert_allclose(means, values, atol=0.02)
