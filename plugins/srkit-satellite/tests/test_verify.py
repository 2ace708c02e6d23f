"""Every fault that is seeded into a good output is found, under the number of its rule."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, Resampling
from rasterio.rpc import RPC
from srkit_satellite.source import RasterSource
from srkit_satellite.verify import verify_output

RNG = np.random.default_rng(0)
ONE = [1.0] + [0.0] * 19


def model():
    return RPC(
        height_off=0, height_scale=500, lat_off=46, lat_scale=0.05, long_off=14, long_scale=0.05, line_off=9.5,
        line_scale=6, samp_off=7, samp_scale=7, line_num_coeff=ONE, line_den_coeff=ONE, samp_num_coeff=ONE,
        samp_den_coeff=ONE,
    )  # fmt: skip


def say_all(raster):
    raster.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.nir]
    raster.descriptions = ("R", "G", "B", "N")
    raster.scales, raster.offsets, raster.units = [1e-4] * 4, [-0.1] * 4, ["reflectance"] * 4
    raster.update_tags(AREA_OR_POINT="Point", MISSION="S2B")
    raster.update_tags(ns="ORBIT", number="122")
    raster.update_tags(2, gain="0.5")
    raster.rpcs = model()


@pytest.fixture
def source_path(make):
    values = RNG.integers(1, 9000, (4, 300, 280)).astype(np.uint16)
    values[:, :9] = 0
    path = make("in.tif", values, nodata=0, edit=say_all, tiled=True)
    with rasterio.open(path, "r+") as raster:
        raster.build_overviews([2], Resampling.average)
    return path


def findings(path, target, plan_of, scale=(2, 2)):
    source = RasterSource(path, {})
    try:
        found = verify_output(source, target, plan_of(source, scale))
        return sorted({f.code for f in found if f.level == "failure"})
    finally:
        source.close()


def rewritten(target, edit=None, values=None, build=True, **changes):
    """Write the output anew with some of its profile changed, keeping what it says."""
    with rasterio.open(target) as old:
        profile = {**old.profile, "predictor": 2, **changes}
        data = old.read() if values is None else values(old.read())
        keep = {
            name: getattr(old, name) for name in ("colorinterp", "descriptions", "scales", "offsets", "units", "rpcs")
        }
        tags, orbit = old.tags(), old.tags(ns="ORBIT")
        bands = [old.tags(i) for i in old.indexes]
    target.unlink()
    with rasterio.open(target, "w", **profile) as new:
        for name, value in keep.items():
            if value is not None:
                setattr(new, name, value)
        new.update_tags(**tags)
        new.update_tags(ns="ORBIT", **orbit)
        for number, entries in enumerate(bands, start=1):
            new.update_tags(number, **entries)
        if edit is not None:
            edit(new)
        new.write(data.astype(profile["dtype"]))
    if build:
        with rasterio.open(target, "r+") as new:
            new.build_overviews([2], Resampling.average)


def punched(values):
    values[2, 100, 100] = 0
    return values


def shifted(raster):
    raster.transform = raster.transform @ Affine.translation(0.5, 0)


def swap_colours(raster):
    raster.colorinterp = [*raster.colorinterp[2::-1], raster.colorinterp[3]]


def swapped_rpc(raster):
    wrong = model()
    wrong.line_off = 9.5 * 2  # as gdal_translate does
    raster.rpcs = wrong


PLACE = Affine(5, 0, 531180, 0, -5, 5068800)
FAULTS = {
    "nothing": ({}, []),
    "transform of the source": ({"transform": Affine(10, 0, 531180, 0, -10, 5068800)}, ["G1"]),
    "half a pixel off": ({"edit": shifted}, ["G1"]),
    "CRS lost": ({"crs": None}, ["G8"]),
    "other CRS": ({"crs": "EPSG:32634"}, ["G8"]),
    "Area instead of Point": ({"edit": lambda d: d.update_tags(AREA_OR_POINT="Area")}, ["G4"]),
    "RPC scaled naively": ({"edit": swapped_rpc}, ["G7"]),
    "nodata lost": ({"nodata": None}, ["V3", "V6", "V7"]),
    "nodata changed": ({"nodata": 9999}, ["V3", "V7"]),
    "one pixel invalid": ({"values": punched}, ["V7"]),
    "other type": ({"dtype": "int32"}, ["V1"]),
    "strips": ({"tiled": False, "blockysize": 16}, ["L1"]),
    "no overviews": ({"build": False}, ["L7"]),
    "description lost": ({"edit": lambda d: d.set_band_description(2, "")}, ["D1"]),
    "colours swapped": ({"edit": swap_colours}, ["D2"]),
    "scale lost": ({"edit": lambda d: setattr(d, "scales", [1, 1, 1, 1])}, ["D3"]),
    "unit lost": ({"edit": lambda d: d.set_band_unit(1, "")}, ["D3"]),
    "tag changed": ({"edit": lambda d: d.update_tags(MISSION="S2A")}, ["D4"]),
    "provenance lost": ({"edit": lambda d: d.update_tags(SRKIT_MODEL="other")}, ["D4"]),
    "domain changed": ({"edit": lambda d: d.update_tags(ns="ORBIT", number="1")}, ["D6"]),
    "band tag changed": ({"edit": lambda d: d.update_tags(2, gain="2")}, ["D6"]),
    "old statistics": ({"edit": lambda d: d.update_tags(1, STATISTICS_MEAN="5")}, ["D5"]),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "codes"), FAULTS.values(), ids=FAULTS)
def test_seeded_fault_is_found(source_path, upscale, plan_of, fault, codes):
    target = upscale(source_path)
    rewritten(target, **fault)
    assert findings(source_path, target, plan_of) == codes


def test_lossy_compression_is_found(make, upscale, plan_of):
    path = make("in.tif", RNG.integers(0, 255, (3, 200, 200)).astype(np.uint8), photometric="RGB")
    target = upscale(path)
    with rasterio.open(target) as old:
        profile, tags, values = old.profile, old.tags(), old.read()
    with rasterio.open(target, "w", **{**profile, "compress": "jpeg"}) as new:
        new.update_tags(**tags)
        new.write(values)
    assert findings(path, target, plan_of) == ["L2"]


def test_size_other_than_planned_is_found(make, upscale, plan_of):
    path = make("in.tif", RNG.integers(0, 255, (1, 20, 20)).astype(np.uint8))
    assert "G9" in findings(path, upscale(path, (2, 2)), plan_of, (3, 3))


def test_control_points_left_where_they_were_are_found(make, upscale, plan_of):
    points = [GroundControlPoint(r, c, 14 + c / 10, 45 - r / 10, 0) for r, c in ((0, 0), (0, 20), (20, 0))]
    path = make("in.tif", np.ones((1, 20, 20), np.uint8), gcps=points, crs="EPSG:4326")
    target = upscale(path)
    assert findings(path, target, plan_of) == []
    with rasterio.open(target, "r+") as raster:
        raster.gcps = (points, raster.gcps[1])
    assert findings(path, target, plan_of) == ["G6"]


def test_mask_that_was_lost_is_found(make, upscale, plan_of):
    path = make("in.tif", np.ones((1, 20, 20), np.uint8), mask=RNG.random((20, 20)) > 0.5)
    bare = make("bare.tif", np.ones((1, 20, 20), np.uint8))
    target, wrong = upscale(path, name="a.tif"), upscale(bare, name="b.tif")
    assert findings(path, target, plan_of) == []
    assert {"V6", "V7"} <= set(findings(path, wrong, plan_of))


def test_a_cog_is_judged_as_one_whatever_is_asked_for_now(source_path, upscale, plan_of):
    assert findings(source_path, upscale(source_path, name="cog.tif", profile="cog"), plan_of) == []
