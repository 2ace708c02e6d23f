"""Agreement with the input in tags, and maps beside a raster; numbers are checked on what GDAL reads of both files."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from srkit_satellite.rules import AGREEMENT_RULES

import srkit
from srkit.grid import Scale
from srkit.networks.interpolation import Interpolation
from srkit.plugins import load_plugins
from srkit.upscaling import Enlarger
from srkit.upscaling.fidelity.agreement import CUT

PROFILE = {"driver": "GTiff", "crs": "EPSG:32633", "transform": Affine(10, 0, 500000, 0, -10, 5200000)}


def scene(path: Path, nodata: float | None = None, size: int = 70) -> Path:
    rng = np.random.default_rng(4)
    rows, columns = np.indices((size, size)) / size
    waves = 4000 + 2000 * np.sin(9 * rows + 4 * columns) * np.cos(7 * columns)
    values = np.rint(waves + rng.normal(0, 40, (2, size, size))).astype(np.uint16)
    if nodata is not None:
        values[:, 10:20, 30:50] = nodata
    with rasterio.open(
        path, "w", height=size, width=size, count=2, dtype="uint16", nodata=nodata, **PROFILE
    ) as dataset:
        dataset.write(values)
        dataset.descriptions = ("red", "nir")
    return path


def written(path: Path) -> tuple[np.ndarray, dict, dict]:
    with rasterio.open(path) as dataset:
        tags = dataset.tags()
        return dataset.read().astype(np.float64), tags, json.loads(tags["SRKIT_CONSISTENCY"])


@pytest.fixture(scope="module")
def plugins():
    return load_plugins(environment={"SRKIT_PLUGINS": "satellite"})


@pytest.fixture
def fields(make):
    """Fields of grass and soil; red and near infrared."""
    rows, columns = np.indices((60, 80))
    grass = (np.sin(rows / 9) * np.cos(columns / 11) > 0).astype(float)
    red, nir = 2500 - 2100 * grass, 3000 + 1500 * grass
    texture = np.random.default_rng(4).normal(0, 60, (2, 60, 80))

    def edit(raster):
        raster.descriptions = ("red", "nir")

    return make("in.tif", np.rint(np.stack([red, nir]) + texture).astype(np.uint16), edit=edit)


@pytest.mark.parametrize("profile", ["gtiff", "cog"])
def test_the_tag_says_how_far_box_means_are_the_input(profile: str, tmp_path: Path) -> None:
    lr = rasterio.open(scene(tmp_path / "in.tif")).read().astype(np.float64)
    options = {"satellite": {"profile": profile}}
    srkit.upscale(tmp_path / "in.tif", tmp_path / "out.tif", model="bicubic", options=options)
    sr, _, figures = written(tmp_path / "out.tif")
    difference = sr.reshape(2, 70, 2, 70, 2).mean(axis=(2, 4)) - lr
    for band, figure in enumerate(figures["channels"]):
        rmse = np.sqrt((difference[band] ** 2).mean())
        assert figure["rmse"] == pytest.approx(rmse, rel=1e-4)
        assert figure["bias"] == pytest.approx(difference[band].mean(), abs=1e-3)
        assert figure["relative"] == pytest.approx(rmse / lr[band].std(), rel=1e-4)
    assert [figure["name"] for figure in figures["channels"]] == ["red", "nir"]
    assert not list(tmp_path.glob("*.aux.xml"))


def test_enforced_consistency_leaves_half_a_count_at_most(tmp_path: Path) -> None:
    lr = rasterio.open(scene(tmp_path / "in.tif", nodata=0)).read().astype(np.float64)
    srkit.upscale(tmp_path / "in.tif", tmp_path / "out.tif", model="lanczos", consistency=True)
    sr, tags, _ = written(tmp_path / "out.tif")
    difference = sr.reshape(2, 70, 2, 70, 2).mean(axis=(2, 4)) - lr
    assert np.abs(difference[lr > 0]).mean() <= 0.5
    assert np.array_equal(sr == 0, (lr == 0).repeat(2, 1).repeat(2, 2))
    assert json.loads(tags["SRKIT_CONSISTENCY_ENFORCED"])["rounds"] == 6
    assert "consistent in 6 rounds" in tags["SRKIT_HISTORY"]


@pytest.mark.parametrize("nodata", [None, 0])
def test_maps_lie_on_the_outputs_grid_as_named_bands(nodata: float | None, tmp_path: Path) -> None:
    scene(tmp_path / "in.tif", nodata=nodata)
    report = srkit.upscale(tmp_path / "in.tif", tmp_path / "out.tif", model="lanczos", maps=True)
    output = rasterio.open(tmp_path / "out.tif")
    for kind, place in zip(("residual", "departure", "spread"), report.results[0].maps, strict=True):
        with rasterio.open(place) as chart:
            assert place.name == f"out_{kind}.tif"
            assert (chart.transform, chart.crs, chart.shape) == (output.transform, output.crs, output.shape)
            assert chart.descriptions == (f"{kind} red", f"{kind} nir")
            assert set(chart.dtypes) == {"float32"}
            values = chart.read()
        assert np.isnan(values).tolist() == (np.isin(output.read(), [nodata])).tolist()


def test_strength_is_told(tmp_path: Path) -> None:
    scene(tmp_path / "in.tif")
    srkit.upscale(tmp_path / "in.tif", tmp_path / "out.tif", model="nearest", strength=0.5)
    assert written(tmp_path / "out.tif")[1]["SRKIT_STRENGTH"] == "0.5"


def test_a_window_is_compared_with_what_it_was_made_of(fields, plugins, tmp_path):
    report = srkit.upscale(fields, tmp_path / "cut", model="nearest", scale=2, window="10:42,20:70", plugins=plugins)
    found = report.results[0].consistency
    assert found.samples == 2 * 32 * 50
    assert found.relative == 0
    with rasterio.open(report.results[0].output) as raster:
        assert json.loads(raster.tags()["SRKIT_CONSISTENCY"])["samples"] == found.samples


def test_a_window_under_whole_axes_says_why_it_is_not_compared(fields, plugins, tmp_path):
    network = Interpolation("bicubic", (2, 2))
    model = Enlarger("m", Scale(2, 2), network, ("row", "column"), degradation=({"name": "kspace"},), sha256="0" * 64)
    more = {"model": model, "plugins": plugins, "options": {"satellite": {}}}
    (whole,) = srkit.upscale(fields, tmp_path / "whole", **more).results
    assert whole.consistency is not None
    (cut,) = srkit.upscale(fields, tmp_path / "cut", window="10:42,20:70", **more).results
    assert cut.consistency is None
    assert CUT in [finding.text for finding in cut.findings]


def test_the_index_of_vegetation_is_compared(fields, plugins, tmp_path):
    report = srkit.upscale(fields, tmp_path / "out", model="nearest", scale=2, plugins=plugins)
    assert report.results[0].consistency.ratios == {"NDVI": 0}
    output = report.results[0].output
    with rasterio.open(output) as raster:
        assert json.loads(raster.tags()["SRKIT_CONSISTENCY"])["ratios"] == {"NDVI": 0}
    with rasterio.open(output, "r+") as raster:
        raster.write((raster.read(2) * 0.8).astype(np.uint16), 2)
        red, nir = raster.read().astype(float).reshape(2, 60, 2, 80, 2).mean(axis=(2, 4))
    with rasterio.open(fields) as raster:
        wanted_red, wanted_nir = raster.read().astype(float)
    shift = ((nir - red) / (nir + red) - (wanted_nir - wanted_red) / (wanted_nir + wanted_red)).mean()
    found = srkit.verify(fields, output, consistency_limit=0.2, plugins=plugins)
    assert found.consistency.ratios["NDVI"] == pytest.approx(shift, rel=1e-6)
    assert set(AGREEMENT_RULES.values()) <= {finding.code for finding in found.findings}
