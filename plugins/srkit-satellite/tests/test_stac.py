"""STAC items beside outputs, by the fields that the specification asks for."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.warp import transform, transform_bounds

from srkit.cli.app import run

VALUES = np.random.default_rng(0).integers(1, 9000, (2, 30, 40)).astype(np.uint16)


def upscale(path, out, *more):
    return run(["upscale", str(path), "-o", str(out), "--model", "bicubic", *more])


def describe(raster):
    raster.descriptions, raster.scales = ("red", "nir"), (1e-4, 1e-4)
    raster.update_tags(DATE_ACQUIRED="2023-08-13", SCENE_CENTER_TIME="10:00:31.1234560Z")


def test_an_item_says_where_when_and_how(make, tmp_path):
    path, out = make("scene.tif", VALUES, nodata=0, edit=describe), tmp_path / "sharp.tif"
    assert upscale(path, out, "--stac", "auto") == 0
    item = json.loads((tmp_path / "sharp.json").read_text())
    assert (item["type"], item["stac_version"], item["id"], item["links"]) == ("Feature", "1.0.0", "sharp", [])
    assert item["properties"]["datetime"] == "2023-08-13T10:00:31.123456Z"
    with rasterio.open(out) as raster:
        assert item["properties"]["proj:transform"] == list(raster.transform)[:6]
        assert item["properties"]["proj:shape"] == list(raster.shape)
        assert item["properties"]["proj:epsg"] == 32633
        assert item["bbox"] == pytest.approx(transform_bounds(raster.crs, "EPSG:4326", *raster.bounds), abs=1e-6)
        assert item["properties"]["srkit:consistency"] == json.loads(raster.tags()["SRKIT_CONSISTENCY"])
        assert item["properties"]["processing:lineage"] == raster.tags()["SRKIT_HISTORY"]
    asset = item["assets"]["image"]
    assert (asset["href"], asset["roles"]) == ("./sharp.tif", ["data"])
    assert asset["raster:bands"][1] == {"name": "nir", "data_type": "uint16", "scale": 1e-4, "offset": 0, "nodata": 0}
    ring = np.array(item["geometry"]["coordinates"][0])
    assert (ring[0] == ring[-1]).all()
    assert [*ring.min(axis=0), *ring.max(axis=0)] == pytest.approx(item["bbox"], abs=1e-9)


@pytest.mark.parametrize("angle", [30, -120])
def test_the_outline_is_that_of_a_turned_image_and_no_box(make, tmp_path, angle):
    turned = Affine(10, 0, 5e5, 0, -10, 5e6) @ Affine.rotation(angle)
    path = make("scene.tif", VALUES, crs="EPSG:32633", transform=turned, edit=describe)
    assert upscale(path, tmp_path / "sharp.tif", "--stac", "auto") == 0
    item = json.loads((tmp_path / "sharp.json").read_text())
    ring = np.array(item["geometry"]["coordinates"][0])
    x, y = transform("EPSG:4326", "EPSG:32633", ring[:, 0], ring[:, 1])
    corners = [turned @ corner for corner in ((0, 0), (0, 30), (40, 30), (40, 0))]
    assert {tuple(point) for point in np.round([x, y], 3).T} == {tuple(point) for point in np.round(corners, 3)}
    assert np.sum(ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1]) > 0  # counter-clockwise, RFC 7946, 3.1.6
    assert item["bbox"] == pytest.approx([*ring.min(axis=0), *ring.max(axis=0)], abs=1e-6)


def test_maps_are_no_items(make, tmp_path):
    path = make("scene.tif", VALUES, edit=describe)
    assert upscale(path, tmp_path / "out.tif", "--stac", "auto", "--maps") == 0
    assert [found.name for found in tmp_path.glob("*.json")] == ["out.json"]


def test_no_date_is_guessed(make, tmp_path, capsys):
    path = make("scene.tif", VALUES)
    for asked in ("auto", "yesterday"):
        assert upscale(path, tmp_path / "out.tif", "--stac", asked) == 2
        assert "2023-08-13T10:00:00Z" in " ".join(capsys.readouterr().err.split())
    assert upscale(path, tmp_path / "out.tif", "--stac", "2020-02-29T12:00:00+02:00") == 0
    assert json.loads((tmp_path / "out.json").read_text())["properties"]["datetime"] == "2020-02-29T10:00:00Z"


def test_an_image_across_the_date_line_has_two_boxes(make, tmp_path):
    place = {"crs": "EPSG:4326", "transform": Affine(0.1, 0, 179, 0, -0.1, 10)}
    assert upscale(make("scene.tif", VALUES, **place), tmp_path / "out.tif", "--stac", "2020-01-01") == 0
    item = json.loads((tmp_path / "out.json").read_text())
    assert item["bbox"] == pytest.approx([179, 7, -177, 10])
    assert item["geometry"]["type"] == "MultiPolygon"


def test_longitudes_are_counted_from_the_date_line(make, tmp_path):
    place = {"crs": "EPSG:4326", "transform": Affine(0.1, 0, 200, 0, -0.1, 10)}
    assert upscale(make("scene.tif", VALUES, **place), tmp_path / "out.tif", "--stac", "2020-01-01") == 0
    item = json.loads((tmp_path / "out.json").read_text())
    ring = np.array(item["geometry"]["coordinates"][0])
    assert item["bbox"] == pytest.approx([-160, 7, -156, 10])
    assert [*ring.min(axis=0), *ring.max(axis=0)] == pytest.approx(item["bbox"])


@pytest.mark.parametrize("west", [-180, 0])
def test_the_box_of_the_whole_earth_is_whole(make, tmp_path, west):
    columns, rows = 40, 30
    place = {"crs": "EPSG:4326", "transform": Affine(360 / columns, 0, west, 0, -180 / rows, 90)}
    assert upscale(make("scene.tif", VALUES, **place), tmp_path / "out.tif", "--stac", "2020-01-01") == 0
    item = json.loads((tmp_path / "out.json").read_text())
    ring = np.array(item["geometry"]["coordinates"][0])
    assert item["bbox"] == pytest.approx([-180, -90, 180, 90])
    assert [*ring.min(axis=0), *ring.max(axis=0)] == pytest.approx(item["bbox"])


def test_nothing_is_written_unless_asked_for(make, tmp_path):
    (tmp_path / "out.json").write_text("mine")
    assert upscale(make("scene.tif", VALUES), tmp_path / "out.tif") == 0
    assert (tmp_path / "out.json").read_text() == "mine"
