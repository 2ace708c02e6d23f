"""What others say of outputs, and what becomes of inputs that cannot be treated, through the command line."""

import os
import shutil
import subprocess

import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine

from srkit.cli.app import run

UTM = {"crs": "EPSG:32633", "transform": Affine(10, 0, 531180, 0, -10, 5068800)}
HERE = {name: value for name, value in os.environ.items() if not name.startswith(("PROJ_", "GDAL_"))}


@pytest.mark.skipif(shutil.which("gdalwarp") is None, reason="needs GDAL's command line tools")
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_means_of_the_output_lie_where_the_input_lies(make, tmp_path, scale):
    values = np.random.default_rng(0).integers(1, 9000, (3, 41, 57)).astype(np.uint16)
    values[:, 10:20, 30:50] = 0
    path = make("scene.tif", values, nodata=0, **UTM)
    out, back = tmp_path / "out.tif", tmp_path / "back.tif"
    assert run(["upscale", str(path), "-o", str(out), "--scale", str(scale), "--model", "nearest"]) == 0
    with rasterio.open(path) as source:
        box = [str(edge) for edge in source.bounds]
    command = ["gdalwarp", "-q", "-r", "average", "-te", *box, "-ts", "57", "41", str(out), str(back)]
    subprocess.run(command, check=True, env=HERE)
    with rasterio.open(back) as found:
        np.testing.assert_array_equal(found.read(), values)


def test_geolocation_array_is_refused_with_advice(make, tmp_path, capsys):
    words = {"X_DATASET": "lon.tif", "Y_DATASET": "lat.tif", "PIXEL_STEP": "1", "LINE_STEP": "1"}
    values = np.ones((1, 9, 9), np.uint8)
    path = make(
        "swath.tif", values, georeferenced=False, edit=lambda raster: raster.update_tags(ns="GEOLOCATION", **words)
    )
    assert (
        run(["upscale", str(path), "-o", str(tmp_path / "out.tif"), "--model", "nearest", "--domain", "satellite"]) == 4
    )
    assert "gdalwarp -geoloc" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["Area", "Point"])
def test_tifffile_sees_the_same_corner(make, tmp_path, kind):
    path = make("scene.tif", np.ones((1, 20, 30), np.uint16), edit=lambda r: r.update_tags(AREA_OR_POINT=kind))
    out = tmp_path / "out.tif"
    assert run(["upscale", str(path), "-o", str(out), "--scale", "4", "--model", "nearest"]) == 0
    corners = [_corner(file) for file in (path, out)]
    assert corners[0] == corners[1] == (UTM["transform"].c, UTM["transform"].f)


def _corner(path):
    """Return where the outer corner of the first pixel lies, by the raw tags of the file."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        tags = page.geotiff_tags
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE or path.name == "scene.tif"
    i, j, _, x, y, _ = tags["ModelTiepoint"]
    width, height, _ = tags["ModelPixelScale"]
    centre = 0.5 if tags["GTRasterTypeGeoKey"] == 2 else 0.0  # of a point raster the raw tie point is a centre
    return x - (i + centre) * width, y + (j + centre) * height


def test_an_output_says_how_it_came_about(make, tmp_path, reopen):
    path, out = make("scene.tif", np.full((1, 20, 30), 900, np.uint16)), tmp_path / "out.tif"
    assert run(["upscale", str(path), "-o", str(out), "--scale", "1,2", "--model", "bicubic"]) == 0
    said = reopen(out).tags()
    given = (
        "VERSION",
        "MODEL",
        "SCALE",
        "SOURCE",
        "SOURCE_SHA256",
        "BANDS",
        "HALO",
        "CONSISTENCY",
        "HISTORY",
        "NOTICE",
    )
    assert {f"SRKIT_{name}" for name in given} <= set(said)
    assert said["SRKIT_HALO"] == "0x2"  # bicubic sees two pixels to each side, along the axis that it enlarges
    assert "from pixels of 10 x 10 metre to 5 x 10 metre" in said["SRKIT_NOTICE"]


@pytest.mark.parametrize(("names", "warned"), [(("red", "pan"), True), (("pan",), False), (("red", "nir"), False)])
def test_who_may_expect_pansharpening_is_told_of_it(make, tmp_path, capsys, names, warned):
    values = np.random.default_rng(0).integers(1, 99, (len(names), 20, 30)).astype(np.uint16)
    path = make("scene.tif", values, edit=lambda raster: setattr(raster, "descriptions", names))
    assert run(["upscale", str(path), "-o", str(tmp_path / "out.tif"), "--model", "nearest"]) == 0
    assert ("gdal_pansharpen.py" in " ".join(capsys.readouterr().err.split())) == warned


def test_blocks_that_were_never_written_are_told(make, tmp_path, capsys):
    path = tmp_path / "sparse.tif"
    shape = {
        "width": 512,
        "height": 512,
        "count": 1,
        "dtype": "uint16",
        "tiled": True,
        "blockxsize": 128,
        "blockysize": 128,
    }
    with rasterio.open(path, "w", driver="GTiff", sparse_ok=True, **shape, **UTM) as raster:
        raster.write(np.full((1, 128, 512), 9, np.uint16), window=rasterio.windows.Window(0, 0, 512, 128))
    assert run(["inspect", str(path)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "75 % of its blocks were never written" in told
    with rasterio.open(path, "r+") as raster:
        raster.nodata = 0
    assert run(["inspect", str(path)]) == 0
    assert "never written" not in capsys.readouterr().out


def test_folder_goes_on_past_every_broken_file(make, tmp_path, capsys):
    values = np.random.default_rng(0).integers(1, 9000, (1, 200, 200)).astype(np.uint16)
    good = make("good.tif", values, compress="deflate", **UTM)
    whole = good.read_bytes()
    with rasterio.open(good) as raster:
        block = int(raster.get_tag_item("BLOCK_OFFSET_0_1", "TIFF", bidx=1))
    folder = tmp_path / "in"
    content = {"zero.tif": b"", "text.tif": b"hello", "half.tif": whole[: len(whole) // 2], "head.tif": whole[:6]}
    flipped = bytearray(whole)
    flipped[block : block + 40] = b"\xff" * 40
    for name, data in {**content, "flipped.tif": bytes(flipped), "page.tif": b"<html></html>"}.items():
        (folder / name).write_bytes(data)
    assert run(["upscale", str(folder), "-o", str(tmp_path / "out"), "--model", "nearest"]) == 4
    told = capsys.readouterr()
    assert "1 done, 6 failed" in told.out
    assert "Traceback" not in told.out + told.err
    assert [path.name for path in (tmp_path / "out").glob("*.tif")] == ["good.tif"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
def test_disk_too_small_for_the_output_is_a_sentence_and_leaves_nothing(make, tmp_path, capsys):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("mounting is not possible here")
    try:
        values = np.random.default_rng(0).integers(0, 2**16, (2, 400, 300)).astype(np.uint16)
        path = make("scene.tif", values, **UTM)
        for profile in ("gtiff", "cog"):
            arguments = ["upscale", str(path), "-o", str(small / "out.tif"), "--model", "nearest", "--profile", profile]
            assert run(arguments) == 4
            assert "disk" in capsys.readouterr().err
            assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)
