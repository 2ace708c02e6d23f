"""Files that are partly broken: refused with what is left of them, or salvaged, where what is broken is no data."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from srkit.cli.app import run

BLOCK = 16
TILED = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate"}
SHAPE = (3, 40, 56)  # 3 x 4 blocks


def upscale(path, out, *more):
    return run(["upscale", str(path), "-o", str(out), "--model", "nearest", "--domain", "satellite", *more])


def spoil(path, row, column, band=1):
    """Overwrite a block, so that it cannot be decoded."""
    with rasterio.open(path) as raster:
        facts = [raster.get_tag_item(f"BLOCK_{w}_{column}_{row}", "TIFF", bidx=band) for w in ("OFFSET", "SIZE")]
    start, length = map(int, facts)
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xff" * length)


def samples(dtype="uint16", low=1):
    return np.random.default_rng(4).integers(low, 200, SHAPE).astype(dtype)


def repeated(values):
    return values.repeat(2, axis=1).repeat(2, axis=2)


def where(row, column, bands=slice(None)):
    """Where an output of `SHAPE` is the block."""
    found = np.zeros(SHAPE, np.bool_)
    found[bands, row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK] = True
    return repeated(found)


def test_refusal_says_what_is_broken_and_what_is_left(make, tmp_path, capsys):
    path = make("scene.tif", samples(), interleave="band", **TILED)
    spoil(path, 1, 2)
    spoil(path, 2, 0, band=3)
    assert upscale(path, tmp_path / "out.tif") == 4
    said = " ".join(capsys.readouterr().err.split())
    assert "IReadBlock failed at X offset 2, Y offset 1" in said
    assert "of the file's blocks 83% can" in said
    assert "--salvage" in said
    assert not (tmp_path / "out.tif").exists()


def test_blocks_that_cannot_be_read_are_nodata_in_their_band_alone(make, tmp_path, capsys, reopen):
    values = samples()
    path, out = make("scene.tif", values, nodata=0, interleave="band", **TILED), tmp_path / "out.tif"
    spoil(path, 1, 2, band=2)
    spoil(path, 2, 3, band=3)
    assert upscale(path, out, "--salvage") == 0
    assert "2 of 36 blocks cannot be read; they count as no data" in " ".join(capsys.readouterr().err.split())
    broken = where(1, 2, slice(1, 2)) | where(2, 3, slice(2, 3))
    np.testing.assert_array_equal(reopen(out).read(), np.where(broken, 0, repeated(values)))
    assert reopen(out).tags()["SRKIT_BROKEN_BLOCKS"] == "2 of 36"
    assert run(["verify", str(path), str(out), "--salvage"]) == 0


def test_what_has_no_mark_for_no_data_gets_a_mask(make, tmp_path, reopen):
    values = samples()
    path, out = make("scene.tif", values, interleave="pixel", **TILED), tmp_path / "out.tif"
    spoil(path, 0, 3)
    assert upscale(path, out, "--salvage") == 0
    output, broken = reopen(out), where(0, 3)
    np.testing.assert_array_equal(output.dataset_mask() == 0, broken[0])
    np.testing.assert_array_equal(output.read()[~broken], repeated(values)[~broken])
    assert run(["verify", str(path), str(out), "--salvage"]) == 0


def test_floats_get_nan_and_nothing_beside_a_broken_block_is_touched(make, tmp_path, reopen):
    values = samples("float32")
    path, out = make("scene.tif", values, interleave="band", **TILED), tmp_path / "out.tif"
    spoil(path, 1, 1, band=1)
    assert upscale(path, out, "--salvage") == 0
    np.testing.assert_array_equal(reopen(out).read(), np.where(where(1, 1, slice(0, 1)), np.nan, repeated(values)))


@pytest.mark.parametrize("alpha", [True, False])
def test_a_mask_or_alpha_band_speaks_for_all_bands(make, tmp_path, reopen, alpha):
    values = samples("uint8")
    hidden = np.ones(SHAPE[1:], np.bool_)
    hidden[:5, :7] = False
    if alpha:
        values = values[:2]
        values[1] = hidden * 255
        colours = [ColorInterp.gray, ColorInterp.alpha]
        path = make("scene.tif", values, edit=lambda r: setattr(r, "colorinterp", colours), interleave="band", **TILED)
    else:
        path = make("scene.tif", values, mask=hidden, interleave="band", **TILED)
    spoil(path, 2, 1, band=1)
    out = tmp_path / "out.tif"
    assert upscale(path, out, "--salvage") == 0
    wanted = hidden.repeat(2, 0).repeat(2, 1) & ~where(2, 1)[0]
    np.testing.assert_array_equal(reopen(out).dataset_mask() != 0, wanted)


def test_infrared_tagged_as_alpha_is_masked_like_an_image(make, tmp_path, reopen):
    values = np.random.default_rng(2).integers(0, 256, (4, 40, 56)).astype(np.uint8)
    path, out = make("rgbn.tif", values, photometric="RGB", interleave="pixel", **TILED), tmp_path / "out.tif"
    spoil(path, 0, 0)
    assert upscale(path, out, "--salvage") == 0
    mask = reopen(out).dataset_mask() != 0
    assert not mask[:32, :32].any()
    assert mask[32:].all()
    assert mask[:, 32:].all()


def test_a_file_cut_short_keeps_what_came_before_the_cut(make, tmp_path, reopen):
    values = samples()
    path, out = make("scene.tif", values, nodata=0, blockysize=8, interleave="pixel"), tmp_path / "out.tif"
    path.write_bytes(path.read_bytes()[: -3 * 8 * 56 * 2 - 5])  # strips lie in order: the last and a bit are gone
    assert upscale(path, out) == 4
    assert upscale(path, out, "--salvage") == 0
    values[:, 24:] = 0
    np.testing.assert_array_equal(reopen(out).read(), repeated(values))


def test_where_nothing_is_left_it_is_refused(make, tmp_path, capsys):
    path = make("scene.tif", samples(), interleave="band", compress="deflate", blockysize=40)
    spoil(path, 0, 0, band=2)
    assert upscale(path, tmp_path / "out.tif", "--salvage") == 4
    assert "state a nodata value (gdal_edit.py -a_nodata) to keep bands apart" in " ".join(
        capsys.readouterr().err.split()
    )


def test_whole_files_are_treated_as_ever(make, tmp_path, reopen):
    path = make("scene.tif", samples(), **TILED)
    assert upscale(path, tmp_path / "a.tif", "--salvage") == 0
    assert upscale(path, tmp_path / "b.tif") == 0
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_a_broken_tile_beside_another_is_salvaged_too(make, tmp_path, reopen):
    values = samples()
    place, beside = Affine(10, 0, 5e5, 0, -10, 5e6), Affine(10, 0, 5e5 + 560, 0, -10, 5e6)
    left = make("tiles/a.tif", values, nodata=0, crs="EPSG:32633", transform=place, **TILED)
    make("tiles/b.tif", values, nodata=0, crs="EPSG:32633", transform=beside, **TILED)
    spoil(left, 0, 3)
    out = tmp_path / "out"
    assert run(["upscale", str(left.parent), "-o", str(out), "--model", "bicubic", "--salvage"]) == 0
    assert (reopen(out / "a.tif").read()[:, :32, 96:] == 0).all()
    assert (reopen(out / "b.tif").read() != 0).all()


def test_a_real_file_is_salvaged(data, tmp_path, reopen):
    path, out = data / "bad" / "corrupt_block.tif", tmp_path / "out.tif"
    assert upscale(path, out, "--salvage") == 0
    assert reopen(out).tags()["SRKIT_BROKEN_BLOCKS"] == "3 of 6"
    with rasterio.open(path) as raster:
        second = raster.read(2)
    found = reopen(out).read(2)
    mask = reopen(out).dataset_mask() != 0
    np.testing.assert_array_equal(found[mask], second.repeat(2, 0).repeat(2, 1)[mask])
