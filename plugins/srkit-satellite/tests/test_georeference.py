import json
import shutil
import subprocess

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.rpc import RPC
from rasterio.transform import RPCTransformer
from srkit_satellite.georeference import CRS_TAG, Georeference
from srkit_satellite.source import RasterSource

from srkit import UsageError

NUMBERS = st.floats(-1e7, 1e7).filter(lambda x: x == 0 or abs(x) > 1e-6)
PIXELS = st.floats(1e-5, 1e3)
PICTURE = np.arange(12 * 15, dtype=np.uint16).reshape(12, 15) + 1
TURNED = Affine(8.66, 5, 531180, 5, -8.66, 5068800)
TRANSFORMS = {
    "north up": Affine(10, 0, 531180, 0, -10, 5068800),
    "south up": Affine(10, 0, 531180, 0, 10, 5068800),
    "mirrored": Affine(-10, 0, 531180, 0, -10, 5068800),
    "turned": TURNED,
    "sheared": Affine(10, 3, 531180, 0, -10, 5068800),
    "oblong": Affine(10, 0, 531180, 0, -20, 5068800),
    "degrees": Affine(8.98e-5, 0, 14.123456789, 0, -8.98e-5, 45.5),
    "third of a pixel": Affine(10 / 3, 0, 531180 + 1 / 3, 0, -10 / 3, 5068800 - 1 / 3),
}


@settings(max_examples=200, deadline=None)
@given(PIXELS, PIXELS, st.sampled_from([1, -1]), NUMBERS, NUMBERS, st.integers(1, 8), st.integers(1, 8))
def test_transform_is_scaled_from_the_right(a, e, sign, c, f, rows, columns):
    transform = Affine(a, 0, c, 0, sign * e, f)
    finer = Georeference(transform=transform).upscaled((rows, columns)).transform
    assert finer == transform @ Affine.scale(1 / columns, 1 / rows)


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("scale", [(2, 2), (3, 3), (4, 4), (8, 8), (2, 3)])
def test_written_transform_is_exact_and_corners_stay(make, upscale, reopen, transform, scale):
    path = make("in.tif", PICTURE, transform=transform, crs="EPSG:32633")
    before, after = reopen(path), reopen(upscale(path, scale))
    rows, columns = scale
    assert after.transform == before.transform @ Affine.scale(1 / columns, 1 / rows)
    assert after.shape == (12 * rows, 15 * columns)
    for x, y in ((0, 0), (15, 0), (0, 12), (15, 12), (7.5, 6)):
        shift = (~before.transform) @ (after.transform @ (x * columns, y * rows))
        assert shift == pytest.approx((x, y), abs=1e-8)


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_grid_index_is_the_centre_that_rasterio_gives(make, reopen, transform):
    path = make("in.tif", PICTURE, transform=transform, crs="EPSG:32633")
    dataset, source = reopen(path), RasterSource(path, {})
    for row, column in ((0, 0), (11, 14), (3, 7)):
        expected = dataset.transform @ (column + 0.5, row + 0.5)
        np.testing.assert_allclose(source.grid.world((row, column)), expected, rtol=1e-12)
    source.close()


def test_area_and_point_twins_have_one_geometry(make, upscale, reopen):
    twins = [
        make(f"{kind}.tif", PICTURE, edit=lambda d, kind=kind: d.update_tags(AREA_OR_POINT=kind))
        for kind in ("Area", "Point")
    ]
    before = [reopen(path) for path in twins]
    after = [reopen(upscale(path, name=path.name)) for path in twins]
    assert before[0].transform == before[1].transform
    assert after[0].transform == after[1].transform
    assert [d.tags()["AREA_OR_POINT"] for d in after] == ["Area", "Point"]


@pytest.mark.parametrize("kind", ["Area", "Point"])
@pytest.mark.skipif(shutil.which("gdal_translate") is None, reason="needs GDAL's command line tools")
def test_gdal_translate_places_pixels_alike(make, upscale, tmp_path, kind):
    path = make("in.tif", PICTURE, edit=lambda d: d.update_tags(AREA_OR_POINT=kind))
    judge = tmp_path / "judge.tif"
    command = ["gdal_translate", "-q", "-outsize", "400%", "400%", "-r", "nearest", str(path), str(judge)]
    subprocess.run(command, check=True)
    ours, theirs = (_gdalinfo(p) for p in (upscale(path, (4, 4)), judge))
    for key in ("geoTransform", "cornerCoordinates", "size", "coordinateSystem"):
        assert ours[key] == theirs[key]


def _gdalinfo(path):
    return json.loads(subprocess.run(["gdalinfo", "-json", str(path)], check=True, capture_output=True).stdout)


def test_raster_without_georeference_gets_none(make, upscale, reopen):
    after = reopen(upscale(make("in.tif", PICTURE, georeferenced=False)))
    assert after.transform.is_identity
    assert after.crs is None
    assert not after.gcps[0]


def test_crs_without_transform_and_transform_without_crs_stay_so(make, upscale, reopen):
    crs_only = reopen(upscale(make("a.tif", PICTURE, georeferenced=False, crs="EPSG:32633"), name="a.tif"))
    assert crs_only.crs == CRS.from_epsg(32633)
    assert crs_only.transform.is_identity
    transform_only = reopen(upscale(make("b.tif", PICTURE, transform=TURNED), name="b.tif"))
    assert transform_only.crs is None
    assert transform_only.transform == TURNED @ Affine.scale(0.5, 0.5)


def test_control_points_move_with_the_corner_of_pixels(make, upscale, reopen):
    points = [
        GroundControlPoint(0.5, 10, 14.25, 45.5, 120.5),
        GroundControlPoint(12, 0, 14.5, 45.25, 0),
        GroundControlPoint(3.25, 15, 14.75, 45.75, -3),
    ]
    path = make("in.tif", PICTURE, gcps=points, crs="EPSG:4326")
    found, crs = reopen(upscale(path, (4, 2))).gcps
    assert [(p.row, p.col) for p in found] == [(p.row * 4, p.col * 2) for p in points]
    assert [(p.x, p.y, p.z) for p in found] == [(p.x, p.y, p.z) for p in points]
    assert crs == CRS.from_epsg(4326)


def rpc_model():
    zeros = [0.0] * 20
    line, sample, one = list(zeros), list(zeros), list(zeros)
    line[2], sample[1], one[0] = -1.0, 1.0, 1.0
    return RPC(
        height_off=300, height_scale=500, lat_off=46, lat_scale=0.05, long_off=14, long_scale=0.05, line_off=9.5,
        line_scale=6, samp_off=7.25, samp_scale=7.5, line_num_coeff=line, line_den_coeff=one, samp_num_coeff=sample,
        samp_den_coeff=one, err_bias=0.5, err_rand=0.25,
    )  # fmt: skip


@pytest.mark.parametrize("scale", [(2, 2), (4, 4), (3, 2)])
def test_rpc_model_sees_the_same_ground(make, upscale, reopen, scale):
    path = make("in.tif", PICTURE, georeferenced=False, edit=lambda d: setattr(d, "rpcs", rpc_model()))
    before, after = reopen(path).rpcs, reopen(upscale(path, scale)).rpcs
    assert after.line_off == scale[0] * (9.5 + 0.5) - 0.5
    assert after.samp_off == scale[1] * (7.25 + 0.5) - 0.5
    assert after.err_bias == 0.5
    with RPCTransformer(before) as coarse, RPCTransformer(after) as fine:
        for row, column in ((0, 0), (5, 3), (12, 15)):
            ours = fine.xy(row * scale[0], column * scale[1], offset="ul")
            np.testing.assert_allclose(ours, coarse.xy(row, column, offset="ul"), rtol=0, atol=1e-9)


def test_transform_and_rpc_model_of_one_raster_are_both_kept(make, upscale, reopen):
    path = make("in.tif", PICTURE, transform=TURNED, edit=lambda d: setattr(d, "rpcs", rpc_model()))
    after = reopen(upscale(path, (2, 3)))
    assert after.transform == TURNED @ Affine.scale(1 / 3, 1 / 2)
    assert (after.rpcs.line_off, after.rpcs.samp_off) == (2 * (9.5 + 0.5) - 0.5, 3 * (7.25 + 0.5) - 0.5)


CRS_KINDS = {
    "UTM": "EPSG:32633",
    "degrees": "EPSG:4326",
    "web mercator": "EPSG:3857",
    "compound": "EPSG:7415",
    "three-dimensional": "EPSG:4979",
    "feet": "EPSG:2276",
    "polar": "EPSG:3413",
    "Mars": "IAU_2015:49910",
    "ESRI": "ESRI:102001",
    "custom": "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +units=m",
    "shifted datum": "+proj=tmerc +lat_0=0 +lon_0=9 +k=1 +x_0=3500000 +ellps=bessel +towgs84=598,74,418,0.2,0,-2.4,6.7",
    "geostationary": "+proj=geos +h=35785831 +lon_0=-75 +sweep=x +ellps=GRS80",
    "engineering": 'ENGCRS["site",EDATUM["site datum"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],'
    'LENGTHUNIT["metre",1]]',
}


@pytest.mark.parametrize("text", CRS_KINDS.values(), ids=CRS_KINDS)
def test_crs_survives_or_is_kept_in_words(make, upscale, reopen, text):
    path = make("in.tif", PICTURE, transform=TURNED, crs=CRS.from_user_input(text))
    before, after = reopen(path), reopen(upscale(path))
    assert after.crs == before.crs
    assert after.crs.to_wkt() == before.crs.to_wkt()


def test_crs_that_geotiff_cannot_hold_is_kept_in_a_tag(make, upscale, reopen, tmp_path):
    path = make("in.tif", PICTURE, georeferenced=False)
    wkt = CRS.from_user_input(CRS_KINDS["engineering"]).to_wkt(version="WKT2_2019")
    escaped = wkt.replace('"', "&quot;")
    side = path.with_name("in.tif.aux.xml")
    transform = "1000,2000,0,3000,0,-2000"
    side.write_text(f"<PAMDataset><SRS>{escaped}</SRS><GeoTransform>{transform}</GeoTransform></PAMDataset>")
    source = RasterSource(path, {})
    after = reopen(upscale(path))
    assert after.tags()[CRS_TAG] == source.georeference.wkt
    again = RasterSource(tmp_path / "out" / "out.tif", {})
    assert again.grid.reference == source.grid.reference
    source.close()
    again.close()


def test_crs_is_assigned_where_a_raster_states_none_and_nowhere_else(make, upscale, reopen):
    path = make("world.tif", np.ones((1, 8, 9), np.uint8), georeferenced=False)
    path.with_suffix(".tfw").write_text("2\n0\n0\n-2\n101\n199\n")
    after = reopen(upscale(path, assign_crs="EPSG:32633"))
    assert after.crs.to_epsg() == 32633
    assert after.bounds == (100, 184, 118, 200)
    assert reopen(upscale(path, name="plain.tif")).crs is None
    stated = make("utm.tif", np.ones((1, 8, 9), np.uint8), crs="EPSG:3857", transform=Affine(2, 0, 9, 0, -2, 9))
    assert reopen(upscale(stated, name="utm.tif", assign_crs="EPSG:32633")).crs.to_epsg() == 3857
    free = make("free.tif", np.ones((1, 8, 9), np.uint8), georeferenced=False)
    assert reopen(upscale(free, name="free.tif", assign_crs="EPSG:32633")).crs is None


def test_text_that_is_no_crs_is_a_usage_error(make, upscale):
    path = make("in.tif", np.ones((1, 8, 9), np.uint8), georeferenced=False, transform=Affine(2, 0, 9, 0, -2, 9))
    with pytest.raises(UsageError, match="no CRS"):
        upscale(path, assign_crs="nowhere")


def test_point_raster_without_crs_gets_none_and_may_be_assigned_one(make, upscale, reopen):
    path = make("point.tif", np.ones((4, 5), np.uint8), transform=Affine(1, 0, 0, 0, -10, 0), edit=_is_point)
    assert Georeference.of(reopen(path)).crs is None  # GDAL makes up one without a name
    out = reopen(upscale(path))
    assert (out.crs, out.tags()["AREA_OR_POINT"]) == (reopen(path).crs, "Point")
    assert reopen(upscale(path, name="b.tif", assign_crs="EPSG:32633")).crs == CRS.from_epsg(32633)


def _is_point(raster):
    raster.update_tags(AREA_OR_POINT="Point")


def test_origin_near_zero_of_a_point_raster_may_lose_its_last_bit(make, upscale):
    place = {"crs": "EPSG:32633", "transform": Affine(17.5, 0, 2, 0, -10, 0)}
    upscale(make("near.tif", np.ones((1, 1), np.uint8), edit=_is_point, **place), (1, 3), profile="cog")
