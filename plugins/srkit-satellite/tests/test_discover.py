import warnings

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning
from srkit_satellite.discover import discover

from srkit import Item, Skipped

PICTURE = np.arange(20 * 30, dtype=np.uint8).reshape(1, 20, 30)


def found(root):
    return list(discover(root, {}))


def items(root):
    return {entry.path.name: entry for entry in found(root) if isinstance(entry, Item)}


def skipped(root):
    return {entry.path.name: entry for entry in found(root) if isinstance(entry, Skipped)}


def test_raster_tied_to_the_ground_is_sure_and_others_are_possible(make):
    points = [GroundControlPoint(r, c, 14 + c / 10, 45 - r / 10, 0) for r, c in ((0, 0), (0, 20), (20, 0))]
    make("transform.tif", PICTURE)
    make("points.tif", PICTURE, gcps=points, crs="EPSG:4326")
    make("crs.tif", PICTURE, georeferenced=False, crs="EPSG:4326")
    make("world.tif", PICTURE, georeferenced=False).with_suffix(".tfw").write_text("2\n0\n0\n-2\n101\n199\n")
    path = make("plain.tif", PICTURE, georeferenced=False)
    assert {name: item.certainty for name, item in items(path.parent).items()} == {
        "transform.tif": "sure",
        "points.tif": "sure",
        "crs.tif": "sure",
        "world.tif": "sure",
        "plain.tif": "possible",
    }


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("zero.tif", b"", "empty"),
        ("header.tif", b"II*\0\x08\0\0\0", "cannot be opened"),
        ("offset.tif", b"II*\0\xff\xff\xff\x7f" + bytes(56), "cannot be opened"),
        ("text.tif", b"not an image\n", "is none"),
        ("page.tiff", b"<!doctype html>", "is none"),
        ("picture.tif", b"\x89PNG\r\n\x1a\n", "holds PNG"),
        ("camera.tif", b"\xff\xd8\xff\xe0", "holds JPEG"),
        ("band.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "cannot be opened"),
        ("nothing.jp2", b"", "empty"),
    ],
)
def test_file_that_only_claims_to_be_a_raster_is_reported(tmp_path, name, content, word):
    (tmp_path / name).write_bytes(content)
    entry = skipped(tmp_path)[name]
    assert entry.failed
    assert word in entry.reason


def test_side_files_and_foreign_files_are_passed_over(make):
    path = make("in.tif", PICTURE, mask=np.ones((20, 30), bool), internal=False)
    (path.parent / "in.tif.aux.xml").write_text("<PAMDataset/>")
    (path.parent / "notes.txt").write_text("II*")
    (path.parent / "archive.zip").write_bytes(b"PK\x03\x04" + bytes(50))
    (path.parent / "mosaic.vrt").write_text("<VRTDataset rasterXSize='4' rasterYSize='4'/>")
    with rasterio.open(path, "r", driver="GTiff") as raster:
        raster.tags()
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as raster:
        raster.build_overviews([2])
    assert path.with_name("in.tif.ovr").is_file()
    assert [entry.path.name for entry in found(path.parent)] == ["in.tif"]


def test_png_counts_only_with_a_world_file(make, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        path = make("in.png", PICTURE, driver="PNG", georeferenced=False)
    assert items(path.parent) == {}
    path.with_suffix(".pgw").write_text("2\n0\n0\n-2\n101\n199\n")
    item = items(path.parent)["in.png"]
    assert (item.certainty, item.suffix) == ("sure", ".tif")


def test_envi_file_is_known_by_its_header(make):
    path = make("in.img", PICTURE, driver="ENVI")
    assert set(items(path.parent)) == {"in.img"}


def test_tiff_of_another_name_counts_only_on_the_ground(make):
    tied = make("in.dat", PICTURE)
    make("camera.nef", PICTURE, georeferenced=False)
    assert {name: item.suffix for name, item in items(tied.parent).items()} == {"in.dat": ".tif"}


def test_names_and_folders_are_kept(make):
    path = make("2020/août/Szene.TIF", PICTURE)
    item = items(path.parents[2])["Szene.TIF"]
    assert (item.folder, item.stem, item.suffix) == ("2020/août", "Szene", ".TIF")


def at(x, y, metres=10.0):
    return {"transform": Affine(metres, 0, x, 0, -metres, y), "crs": "EPSG:32633"}


def test_scenes_that_overlap_are_one_group_and_others_are_not(make):
    first = make("a.tif", PICTURE, **at(500_000, 5_000_000))
    make("later.tif", PICTURE, **at(500_150, 5_000_010))
    make("chained.tif", PICTURE, **at(500_350, 5_000_000))
    make("inside.tif", PICTURE, **at(500_100, 4_999_950, 1.0))
    make("far.tif", PICTURE, **at(600_000, 5_000_000))
    make("elsewhere.tif", PICTURE, transform=Affine(0.001, 0, -70, 0, -0.001, -20), crs="EPSG:4326")
    groups = {name: item.group for name, item in items(first.parent).items()}
    assert groups["a.tif"] == groups["later.tif"] == groups["chained.tif"] == groups["inside.tif"]
    assert len({groups["a.tif"], groups["far.tif"], groups["elsewhere.tif"]}) == 3


def test_groups_do_not_depend_on_the_projection_and_reach_over_the_date_line(make):
    east = make("east.tif", PICTURE, transform=Affine(0.01, 0, 179.85, 0, -0.01, 10), crs="EPSG:4326")
    make("west.tif", PICTURE, transform=Affine(0.01, 0, -179.9, 0, -0.01, 10), crs="EPSG:4326")
    make("mercator.tif", PICTURE, transform=Affine(1000, 0, 20_024_000, 0, -1000, 1_115_000), crs="EPSG:3857")
    assert len({item.group for item in items(east.parent).values()}) == 1


def test_group_says_no_coordinates_and_without_ground_it_is_the_file(make):
    path = make("tied.tif", PICTURE)
    make("free.tif", PICTURE, georeferenced=False)
    make("local.tif", PICTURE, transform=Affine(2, 0, 1e9, 0, -2, 1e9), crs='LOCAL_CS["site",UNIT["metre",1]]')
    groups = {name: item.group for name, item in items(path.parent).items()}
    assert groups["tied.tif"].startswith("place:")
    assert (groups["free.tif"], groups["local.tif"]) == ("file:free", "file:local")
