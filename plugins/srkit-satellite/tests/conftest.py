"""Rasters made in code, and the plainest way to an output: every pixel repeated."""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from srkit_satellite.domain import OPTIONS
from srkit_satellite.sink import create_sink
from srkit_satellite.source import RasterSource
from srkit_satellite.verify import verify_output

from srkit import OutputPlan, Provenance
from srkit.testing.outputs import write_repeated

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves `zoo` beside the tests unfound
UTM = {"crs": "EPSG:32633", "transform": Affine(10, 0, 531180, 0, -10, 5068800)}
DEFAULTS = {option.name: option.default for option in OPTIONS}


@pytest.fixture
def make(tmp_path):
    """Return a function that writes a GeoTIFF; `edit` is called on it before its pixels are written."""

    def write(name, values, *, edit=None, mask=None, internal=True, georeferenced=True, **extra):
        values = np.asarray(values)
        values = values[np.newaxis] if values.ndim == 2 else values
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = {"count": values.shape[0], "height": values.shape[1], "width": values.shape[2]}
        place = UTM if georeferenced and not {"gcps", "transform"} & set(extra) else {}
        with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            arguments = {"driver": "GTiff", "dtype": values.dtype.name, **shape, **place, **extra}
            with rasterio.open(path, "w", **arguments) as raster:
                if edit is not None:
                    edit(raster)
                raster.write(values)
                if mask is not None:
                    raster.write_mask(mask)
        return path

    return write


@pytest.fixture
def plan_of():
    """Return a function that plans an output of a source."""

    def plan(source, scale=(2, 2), **options):
        return OutputPlan(
            grid=source.grid.upscaled(scale),
            channels=source.channels,
            encoding=source.encoding,
            frames=1,
            scale=tuple(scale),
            provenance=Provenance("0.1.0", "nearest", None, "x".join(map(str, scale))),
            options={**DEFAULTS, **options},
        )

    return plan


@pytest.fixture
def upscale(tmp_path, plan_of):
    """Return a function that upscales a file by repeating pixels, verifies the output, and returns its path."""

    def run(path, scale=(2, 2), *, name="out.tif", verify=True, **options):
        target = tmp_path / "out" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = RasterSource(path, {**DEFAULTS, **options})
        try:
            plan = plan_of(source, scale, **options)
            write_repeated(create_sink(target, source, plan), source, plan)
            if verify:
                failures = [f for f in verify_output(source, target, plan) if f.level == "failure"]
                assert failures == []
        finally:
            source.close()
        return target

    return run


@pytest.fixture
def reopen():
    """Return a function that opens a raster with rasterio alone, without its warning on files without georeference."""
    opened = []

    def read(path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            opened.append(rasterio.open(path))
        return opened[-1]

    yield read
    for dataset in opened:
        dataset.close()


@pytest.fixture(scope="session")
def data():
    """Return the folder of real rasters; tests that need it are skipped where it is not."""
    root = Path(os.environ.get("SRKIT_DATA", Path(__file__).parents[4] / "shared" / "data")) / "satellite"
    if not root.is_dir():
        pytest.skip("the folder of real data is not here (see SRKIT_DATA)")
    return root
