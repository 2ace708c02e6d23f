"""TIFF files that hold several images: none is chosen in silence, each that is asked for becomes a file of its own."""

import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine

from srkit.cli.app import run

SIZES = ((31, 40), (20, 33), (9, 9))


@pytest.fixture
def several(tmp_path):
    """A file of three images, each with a size, a place and a name of its own."""
    path = tmp_path / "in" / "several.tif"
    path.parent.mkdir()
    for number, (rows, columns) in enumerate(SIZES):
        place = {"crs": "EPSG:32633", "transform": Affine(10, 0, 5e5 + 1000 * number, 0, -10, 5e6)}
        shape = {"height": rows, "width": columns, "count": 1, "dtype": "uint16", "nodata": number}
        more = {"APPEND_SUBDATASET": "YES"} if number else {}
        with rasterio.open(path, "w", driver="GTiff", **shape, **place, **more) as raster:
            raster.descriptions = [f"image {number}"]
            raster.write(np.random.default_rng(number).integers(0, 99, (1, rows, columns)).astype(np.uint16))
    return path


def upscale(path, out, *more):
    return run(["upscale", str(path), "-o", str(out), "--model", "nearest", *more])


def test_no_image_of_several_is_taken_for_the_file(several, tmp_path, capsys):
    assert upscale(several, tmp_path / "out.tif") == 4
    assert "holds 3 images; say which with --subdatasets, as all, or 1" in capsys.readouterr().err
    assert not (tmp_path / "out.tif").exists()


def test_every_image_becomes_a_file_as_gdal_reads_it(several, tmp_path, capsys, reopen):
    out = tmp_path / "out"
    assert upscale(several, out, "--subdatasets", "all") == 0
    assert sorted(path.name for path in out.glob("*.tif")) == [f"several_{n}.tif" for n in (1, 2, 3)]
    for number in (1, 2, 3):
        found, wanted = reopen(out / f"several_{number}.tif"), reopen(f"GTIFF_DIR:{number}:{several}")
        np.testing.assert_array_equal(found.read(), wanted.read().repeat(2, axis=1).repeat(2, axis=2))
        assert (found.bounds, found.nodata, found.crs) == (wanted.bounds, wanted.nodata, wanted.crs)
        assert found.descriptions == wanted.descriptions
        assert found.tags()["SRKIT_SOURCE"] == f"several.tif, image {number}"
    pair = [str(several), str(out / "several_2.tif")]
    assert run(["verify", *pair, "--subdatasets", "2"]) == 0
    assert run(["verify", *pair, "--subdatasets", "1"]) == 2


def test_numbers_choose_among_them(several, tmp_path):
    assert upscale(several.parent, tmp_path / "out", "--subdatasets", "3,1,3") == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tif")) == ["several_1.tif", "several_3.tif"]


@pytest.mark.parametrize("wanted", ["4", "0", "first", "1,,2"])
def test_what_the_file_does_not_hold_is_an_error(several, tmp_path, capsys, wanted):
    assert upscale(several, tmp_path / "out", "--subdatasets", wanted) == 4
    assert "--subdatasets" in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*.tif"))


def test_a_file_of_one_image_is_that_image(make, tmp_path):
    path = make("one.tif", np.ones((9, 9), np.uint8))
    assert upscale(path, tmp_path / "one_x2.tif", "--subdatasets", "all") == 0


def test_pages_without_ground_are_the_domains_where_it_is_named(tmp_path, capsys):
    path = tmp_path / "pages.tif"
    with tifffile.TiffWriter(path) as pages:
        for rows, columns in SIZES[:2]:
            pages.write(np.full((rows, columns), 7, np.uint16))
    assert upscale(path, tmp_path / "out", "--domain", "satellite", "--subdatasets", "all") == 0
    assert "is an item of" not in capsys.readouterr().out
    assert upscale(path, tmp_path / "out", "--domain", "satellite", "--subdatasets", "3") == 4
    assert "holds 2 images and no number 3" in capsys.readouterr().err
