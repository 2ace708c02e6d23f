"""`srkit.verify` on finished pairs: every change of an output is named by the number of its rule."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from srkit_satellite.rules import RULES

import srkit
from srkit.plugins import load_plugins


@pytest.fixture(scope="module")
def plugins():
    return load_plugins(environment={"SRKIT_PLUGINS": "satellite"})


@pytest.fixture
def pair(make, plugins, tmp_path):
    def edit(raster):
        raster.descriptions, raster.units = ("red", "nir"), ("reflectance", "reflectance")
        raster.update_tags(MISSION="S2B")

    values = np.random.default_rng(0).integers(1, 9000, (2, 40, 50)).astype(np.uint16)
    values[:, :3] = 0
    path = make("in.tif", values, nodata=0, edit=edit)
    return path, srkit.upscale(path, tmp_path / "out", scale=2, model="bicubic", plugins=plugins).results[0].output


def broken(path, output, plugins):
    found = srkit.verify(path, output, plugins=plugins)
    codes = {finding.code for finding in found.findings if finding.level == "failure"}
    assert found.good is (not codes)
    assert codes <= {*RULES, "grid"}
    assert not codes & {code for code, _ in found.passed}
    return codes


def test_output_passes_every_rule(pair, plugins):
    found = srkit.verify(*pair, plugins=plugins)
    assert found.good
    assert {code for code, _ in found.passed} == {*RULES, "grid"}
    assert [c.name for c in found.consistency.channels] == ["red", "nir"]


CHANGES = {
    "G1": lambda d: setattr(d, "transform", d.transform @ Affine.translation(0.25, 0)),
    "G8": lambda d: setattr(d, "crs", "EPSG:32634"),
    "V3": lambda d: setattr(d, "nodata", 7),
    "D1": lambda d: setattr(d, "descriptions", ("nir", "red")),
    "D2": lambda d: setattr(d, "colorinterp", (ColorInterp.gray, ColorInterp.nir)),
    "D3": lambda d: setattr(d, "scales", (2.0, 1.0)),
    "D4": lambda d: d.update_tags(MISSION="other"),
    "D5": lambda d: d.update_tags(1, STATISTICS_MEAN="7"),
    "L7": lambda d: d.build_overviews([2]),
    "V7": lambda d: d.write(np.zeros((1, 1), np.uint16), 1, window=((50, 51), (50, 51))),
}


@pytest.mark.parametrize("code", CHANGES)
def test_change_is_named_by_its_rule(pair, plugins, code):
    with rasterio.open(pair[1], "r+") as raster:
        CHANGES[code](raster)
    assert code in broken(*pair, plugins)


def changed(path, band, row, column, value):
    with rasterio.open(path, "r+") as raster:
        raster.write(np.full((1, 1), value, raster.dtypes[0]), band, window=((row, row + 1), (column, column + 1)))


def test_a_changed_alpha_a_changed_class_and_a_changed_hole_are_named_by_their_rules(make, plugins, tmp_path):
    """One pixel of each, in an output that is right in all else."""
    values = np.random.default_rng(0).integers(1, 200, (3, 30, 30)).astype(np.uint8)
    values[2] = np.where(np.arange(30) < 20, 255, 128)
    colours = [ColorInterp.gray, ColorInterp.undefined, ColorInterp.alpha]

    def edit(raster):
        raster.colorinterp, raster.descriptions = colours, ("grey", "SCL", "alpha")

    options = {"satellite": {"categorical": "nearest"}}
    more = {"scale": 2, "model": "bicubic", "plugins": plugins, "options": options}
    path = make("in.tif", values, edit=edit)
    output = srkit.upscale(path, tmp_path / "out", **more).results[0].output
    assert srkit.verify(path, output, plugins=plugins, options=options).good
    for code, band, value in [("V20", 2, 250), ("V11", 3, 200)]:
        changed(output, band, 5, 5, value)
        found = srkit.verify(path, output, plugins=plugins, options=options)
        assert code in {finding.code for finding in found.findings if finding.level == "failure"}


def test_what_lies_under_a_mask_must_stay(make, plugins, tmp_path):
    values = np.random.default_rng(0).integers(1, 200, (1, 30, 30)).astype(np.uint8)
    path = make(
        "in.tif", values, mask=np.where(np.arange(30) < 10, 0, 255).astype(np.uint8) * np.ones((30, 1), np.uint8)
    )
    output = srkit.upscale(path, tmp_path / "out", scale=2, model="bicubic", plugins=plugins).results[0].output
    assert srkit.verify(path, output, plugins=plugins).good
    changed(output, 1, 5, 5, 250)
    assert broken(path, output, plugins) == {"V9b"}


def test_output_of_another_input_has_another_mean(pair, make, plugins):
    shifted = make("in.tif", np.full((2, 40, 50), 3000, np.uint16), nodata=0)
    found = srkit.verify(shifted, pair[1], plugins=plugins)
    assert not found.good
    assert min(c.rmse for c in found.consistency.channels) > 500


def test_cog_is_verified_as_one(pair, plugins, tmp_path):
    options = {"satellite": {"profile": "cog"}}
    report = srkit.upscale(pair[0], tmp_path / "cog", scale=2, model="nearest", plugins=plugins, options=options)
    assert srkit.verify(pair[0], report.results[0].output, plugins=plugins, options=options).good
    found = srkit.verify(pair[0], pair[1], plugins=plugins, options=options)
    assert "L8" in {finding.code for finding in found.findings}


def test_agreement_is_judged_by_what_the_output_says_of_its_model(make, plugins, tmp_path):
    """An output made consistent names its degradation in its tags; changed since, it fails by the rule's number."""
    rows, columns = np.indices((40, 50))
    waves = 4000 + 2000 * np.sin(rows / 4) * np.cos(columns / 5)
    path = make("in.tif", np.stack([waves, waves * 0.9 + 30 * np.cos(columns)]).astype(np.uint16))
    more = {"scale": 2, "model": "lanczos", "consistency": True, "plugins": plugins}
    output = srkit.upscale(path, tmp_path / "out", **more).results[0].output
    found = srkit.verify(path, output, plugins=plugins)
    assert found.good
    assert {"V18", "V19"} <= {code for code, _ in found.passed}
    with rasterio.open(output, "r+") as raster:
        raster.write((raster.read() * 0.8).astype(np.uint16))
    found = srkit.verify(path, output, plugins=plugins)
    assert {finding.code for finding in found.findings if finding.level == "failure"} == {"V18"}
    assert "V19" in {finding.code for finding in found.findings if finding.level == "warning"}
