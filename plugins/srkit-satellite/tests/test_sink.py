import hashlib
import json
import os
import shutil
import subprocess
import warnings
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from srkit_satellite.sink import create_sink
from srkit_satellite.source import RasterSource
from srkit_satellite.tags import made_at

import srkit
from srkit import OutputError, UsageError
from srkit.testing.outputs import write_repeated

RNG = np.random.default_rng(0)


def scene(bands=4, shape=(30, 41), dtype=np.uint16):
    return RNG.integers(1, 250, (bands, *shape)).astype(dtype)


def repeated(values, scale=(2, 2)):
    return values.repeat(scale[0], 1).repeat(scale[1], 2)


def test_everything_said_of_bands_is_said_again(make, upscale, reopen):
    def edit(raster):
        raster.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.nir]
        raster.descriptions = ("B02", None, "rouge é", "B08")
        raster.scales, raster.offsets = (1e-4, 1.0, 2.5, 1e-4), (-0.1, 0.0, 3.0, 0.0)
        raster.units = ("reflectance", "", "K", "1")

    path = make("in.tif", scene(), nodata=0, edit=edit)
    before, after = reopen(path), reopen(upscale(path))
    for what in ("colorinterp", "descriptions", "scales", "offsets", "units", "nodatavals", "dtypes", "crs"):
        assert getattr(after, what) == getattr(before, what)


def test_tags_of_all_domains_are_kept_and_stale_ones_are_not(make, upscale, reopen):
    def edit(raster):
        raster.update_tags(MISSION="S2B", é="ü", TIFFTAG_IMAGEDESCRIPTION="scene", TIFFTAG_SOFTWARE="maker 1")
        raster.update_tags(TIFFTAG_DATETIME="2023:08:13 10:07:12", TIFFTAG_XRESOLUTION="300", REFLECTIVE_LINES="7000")
        raster.update_tags(GRID_CELL_SIZE_REFLECTIVE="30", TIFFTAG_RESOLUTIONUNIT="2", TIFFTAG_YRESOLUTION="300")
        raster.update_tags(ns="ORBIT", number="122", LINES="x")
        raster.update_tags(2, STATISTICS_MEAN="7", WAVELENGTH_NM="665")
        raster.update_tags(3, ns="CALIBRATION", gain="0.5")

    after = reopen(upscale(make("in.tif", scene(), edit=edit), (3, 2)))
    tags = after.tags()
    assert (tags["MISSION"], tags["é"], tags["TIFFTAG_IMAGEDESCRIPTION"]) == ("S2B", "ü", "scene")
    assert float(tags["TIFFTAG_XRESOLUTION"]) == 600
    assert float(tags["TIFFTAG_YRESOLUTION"]) == 900
    assert not {"REFLECTIVE_LINES", "GRID_CELL_SIZE_REFLECTIVE", "TIFFTAG_DATETIME"} & set(tags)
    assert tags["SRKIT_SOURCE_DATETIME"] == "2023:08:13 10:07:12"
    assert tags["TIFFTAG_SOFTWARE"] == "srkit 0.1.0"
    assert tags["SRKIT_HISTORY"].startswith("made by maker 1; ")
    assert after.tags(ns="ORBIT")["number"] == "122"
    assert after.tags(2) == {"WAVELENGTH_NM": "665"}
    assert after.tags(3, ns="CALIBRATION") == {"gain": "0.5"}


def test_domains_that_geotiff_cannot_hold_are_kept_as_json(make, upscale, reopen):
    path = make("in.tif", scene(), edit=lambda d: d.update_tags(ns="xml:ISO", **{"xml:ISO": "<a>é</a>"}))
    path.with_suffix(".IMD").write_text("numRows = 30;\nsatId = WV02;\nEND;\n")
    target = upscale(path)
    folded = json.loads(reopen(target).tags()["SRKIT_SOURCE_DOMAINS"])
    assert "<a>é</a>" in folded["xml:ISO"]
    assert folded["IMD"] == {"satId": "WV02"}
    assert sorted(p.name for p in target.parent.iterdir()) == ["out.tif"]


def test_provenance_says_what_was_done_and_names_no_folder_or_date(make, upscale, reopen):
    path = make("in.tif", scene())
    tags = reopen(upscale(path)).tags()
    assert tags["SRKIT_SOURCE"] == "in.tif"
    assert tags["SRKIT_SOURCE_SHA256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "from pixels of 10 x 10 metre to 5 x 5 metre" in tags["SRKIT_NOTICE"]
    assert "estimated, not observed" in tags["SRKIT_NOTICE"]
    assert not any(str(path.parent) in value for value in tags.values())


def test_history_grows_with_every_upscaling(make, upscale, reopen):
    once = upscale(make("in.tif", scene()), name="once.tif")
    tags = reopen(upscale(once, name="twice.tif")).tags()
    assert tags["SRKIT_HISTORY"].count("super-resolution") == 2
    assert tags["SRKIT_SOURCE"] == "once.tif"


@pytest.mark.parametrize("internal", [True, False])
def test_mask_stays_a_mask_inside_the_file(make, upscale, reopen, internal):
    mask = RNG.random((30, 41)) > 0.3
    target = upscale(make("in.tif", scene(3), mask=mask, internal=internal))
    after = reopen(target)
    assert after.mask_flag_enums == ([MaskFlags.per_dataset],) * 3
    np.testing.assert_array_equal(after.dataset_mask() > 0, repeated(mask[None])[0])
    assert sorted(p.name for p in target.parent.iterdir()) == ["out.tif"]


def test_mask_and_nodata_agree_in_the_output(make, upscale, reopen):
    values = scene(1)
    values[0, 0, 0] = 7
    mask = np.ones((30, 41), bool)
    mask[5] = False
    after = reopen(upscale(make("in.tif", values, nodata=7, mask=mask)))
    valid = after.dataset_mask() > 0
    assert not (after.read(1)[valid] == 7).any()
    assert after.nodata == 7


def test_what_lies_under_invalid_pixels_is_the_sources_own(make, upscale, reopen):
    values = RNG.normal(size=(2, 30, 41)).astype(np.float32)
    values[0, 3], values[1, :, 5], values[1, 2, 2] = np.nan, -9999.0, np.inf
    after = reopen(upscale(make("in.tif", values, nodata=-9999.0)))
    np.testing.assert_array_equal(after.read(), repeated(values))


def test_nodata_that_differs_between_bands_is_kept_in_a_side_file(make, upscale, reopen):
    values = scene(3)
    path = make("in.tif", values)
    bands = "".join(
        f"<PAMRasterBand band='{i}'><NoDataValue>{n}</NoDataValue></PAMRasterBand>" for i, n in ((1, 7), (3, 9))
    )
    path.with_name("in.tif.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>")
    after = reopen(upscale(path, overviews="auto"))
    assert after.nodatavals == (7, None, 9)
    np.testing.assert_array_equal(after.read_masks(1) > 0, repeated(values != 7)[0])
    np.testing.assert_array_equal(after.read_masks(3) > 0, repeated(values != 9)[2])


def test_nodata_that_no_pixel_can_have_is_kept_as_a_tag(make, upscale, reopen):
    after = reopen(upscale(make("in.tif", scene(1), nodata=0.5)))
    assert after.tags()["SRKIT_SOURCE_NODATA"] == "0.5"
    assert after.nodata is None


@pytest.mark.parametrize(
    ("shape", "block", "tiled"),
    [
        ((5, 3), (10, 6), False),
        ((100, 120), (200, 240), False),
        ((128, 200), (256, 256), True),
        ((511, 513), (256, 256), True),
        ((513, 600), (512, 512), True),
    ],
)
def test_blocks_fit_the_size_of_the_output(make, upscale, reopen, shape, block, tiled):
    path = make("in.tif", np.ones((1, *shape), np.uint8), blockysize=7)
    after = reopen(upscale(path))
    assert after.block_shapes == [block]
    assert after.profile["tiled"] is tiled


def test_tiny_raster_makes_a_tiny_file(make, upscale):
    assert upscale(make("in.tif", np.ones((4, 3, 5), np.uint16))).stat().st_size < 5000


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"compress": "zstd"}, "zstd"),
        ({"compress": "lzw"}, "lzw"),
        ({"compress": "packbits"}, "deflate"),
        ({"compress": "lzma"}, "deflate"),
        ({"compress": "lerc"}, "deflate"),
        ({}, "deflate"),
    ],
)
def test_compression_is_the_sources_where_that_is_lossless(make, upscale, reopen, given, expected):
    values = scene(3)
    after = reopen(upscale(make("in.tif", values, **given)))
    assert after.compression.value.lower() == expected
    np.testing.assert_array_equal(after.read(), repeated(values))


def test_jpeg_source_becomes_lossless(make, upscale, reopen):
    path = make("in.tif", scene(3, (64, 64), np.uint8), compress="jpeg", photometric="YCBCR", tiled=True)
    after = reopen(upscale(path))
    assert after.compression.value.lower() == "deflate"
    np.testing.assert_array_equal(after.read(), repeated(reopen(path).read()))


def test_bits_are_not_cut_off(make, upscale, reopen):
    values = RNG.integers(0, 4096, (1, 30, 30)).astype(np.uint16)
    after = reopen(upscale(make("in.tif", values, NBITS=12)))
    assert "NBITS" not in after.tags(1, ns="IMAGE_STRUCTURE")
    np.testing.assert_array_equal(after.read(), repeated(values))


@pytest.mark.parametrize("interleave", ["band", "pixel"])
def test_interleave_is_kept(make, upscale, reopen, interleave):
    assert reopen(upscale(make("in.tif", scene(), interleave=interleave))).interleaving.value.lower() == interleave


def test_every_block_is_written_once(make, upscale):
    values = RNG.integers(0, 60000, (4, 300, 520)).astype(np.uint16)
    target = upscale(make("in.tif", values), co=("BLOCKSIZE=64",))
    direct = target.with_name("direct.tif")
    with rasterio.open(target) as done:
        arguments = {**done.profile, "predictor": 2, "zlevel": 1}
        tags = done.tags()
    with rasterio.open(direct, "w", **arguments) as raster:
        raster.update_tags(**tags)
        raster.write(repeated(values))
    assert target.stat().st_size <= 1.05 * direct.stat().st_size


def test_user_may_set_creation_options(make, upscale, reopen):
    path = make("in.tif", scene(3, (300, 300)))
    after = reopen(upscale(path, co=("COMPRESS=zstd", "ZSTD_LEVEL=3", "interleave=BAND", "BLOCKSIZE=128")))
    assert after.compression.value.lower() == "zstd"
    assert after.interleaving.value.lower() == "band"
    assert after.block_shapes == [(128, 128)] * 3


@pytest.mark.parametrize("option", ["COMPRESS=JPEG", "NBITS=4", "TILED", "BLOCKSIZE=100", "ZLEVEL=many", "=1"])
def test_creation_options_that_would_do_harm_are_refused(make, upscale, option):
    with pytest.raises(UsageError, match="creation option"):
        upscale(make("in.tif", scene()), co=(option,))


def test_overviews_are_built_anew_where_the_source_has_some(make, upscale, reopen):
    values = np.where(np.arange(600) < 300, 0, 200).astype(np.uint8) * np.ones((1, 600, 1), np.uint8)
    path = make("in.tif", values, nodata=0)
    plain = reopen(upscale(path, name="plain.tif"))
    with rasterio.open(path, "r+") as raster:
        raster.build_overviews([2], rasterio.enums.Resampling.nearest)
    target = upscale(path, name="pyramid.tif")
    with rasterio.open(target, overview_level=0) as smaller:
        assert smaller.shape == (600, 600)
        assert set(np.unique(smaller.read())) == {0, 200}
    assert plain.overviews(1) == []
    assert reopen(target).overviews(1) == [2, 4]
    assert reopen(upscale(path, name="none.tif", overviews="none")).overviews(1) == []


def test_same_input_gives_the_same_bytes(make, upscale):
    def edit(raster):
        raster.update_tags(**{f"key{i}": str(i) for i in range(20)})

    path = make("in.tif", scene(3, (300, 300)), mask=RNG.random((300, 300)) > 0.5, edit=edit)
    with rasterio.open(path, "r+") as raster:
        raster.build_overviews([2], rasterio.enums.Resampling.nearest)
    assert upscale(path, name="a.tif").read_bytes() == upscale(path, name="b.tif").read_bytes()


def test_large_output_is_a_bigtiff_from_the_start(make, plan_of, tmp_path):
    source = RasterSource(make("in.tif", np.ones((1, 600, 600), np.float32)), {})
    sink = create_sink(tmp_path / "big.tif", source, plan_of(source, (60, 60)))
    with warnings.catch_warnings(), pytest.raises(ZeroDivisionError), sink:
        raise ZeroDivisionError
    assert (tmp_path / "big.tif").read_bytes()[2] == 43
    source.close()


@pytest.mark.skipif(shutil.which("gdalcompare.py") is None, reason="needs GDAL's command line tools")
def test_gdalcompare_finds_the_pixels_that_gdal_itself_repeats(make, upscale, tmp_path):
    values = scene()
    values[:, :5] = 0
    path = make("in.tif", values, nodata=0)
    judge = tmp_path / "judge.tif"
    enlarge = ["gdal_translate", "-q", "-outsize", "300%", "300%", "-r", "nearest", str(path), str(judge)]
    subprocess.run(enlarge, check=True)
    compare = ["gdalcompare.py", str(judge), str(upscale(path, (3, 3)))]
    said = subprocess.run(compare, check=False, capture_output=True, text=True).stdout.lower()
    assert "checksum" not in said
    assert "pixel" not in said
    assert "srs" not in said
    assert "transform" not in said


def test_reading_and_writing_leave_the_source_folder_as_it_was(make, upscale):
    path = make("in.tif", scene(), nodata=0, mask=RNG.random((30, 41)) > 0.5, internal=False)
    before = {p.name: hashlib.sha256(p.read_bytes()).digest() for p in path.parent.iterdir()}
    upscale(path)
    assert {p.name: hashlib.sha256(p.read_bytes()).digest() for p in path.parent.iterdir()} == before


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder on a file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_is_an_output_error(make, plan_of, small_disk):
    noise = RNG.integers(0, 65535, (4, 400, 400)).astype(np.uint16)
    source = RasterSource(make("in.tif", noise), {})
    plan = plan_of(source, (2, 2), co=("COMPRESS=NONE",))
    with pytest.raises(OutputError, match="disk is full"):
        write_repeated(create_sink(small_disk / "out.tif", source, plan), source, plan)
    source.close()


def test_folder_that_is_not_there_is_an_output_error(make, plan_of, tmp_path):
    source = RasterSource(make("in.tif", scene()), {})
    with pytest.raises(OutputError), create_sink(tmp_path / "no" / "out.tif", source, plan_of(source)):
        pass
    source.close()


@pytest.mark.parametrize("profile", ["gtiff", "cog"])
def test_outputs_say_when_they_were_made_if_that_is_asked_for(make, tmp_path, reopen, monkeypatch, profile):
    def describe(raster):
        raster.update_tags(TIFFTAG_DATETIME="2001:02:03 04:05:06")

    path = make("in.tif", np.arange(1200, dtype=np.uint16).reshape(1, 30, 40), edit=describe)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    for name, asked in (("plain", False), ("dated", True)):
        options = {"satellite": {"timestamp": asked, "profile": profile}}
        srkit.upscale(path, tmp_path / f"{name}.tif", model="bicubic", scale=2, options=options)
    srkit.upscale(tmp_path / "dated.tif", tmp_path / "again.tif", model="bicubic", scale=2)
    assert reopen(tmp_path / "again.tif").tags()["SRKIT_SOURCE_DATETIME"] == "2001:02:03 04:05:06"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")  # verified long after
    later = srkit.verify(path, tmp_path / "dated.tif", options={"satellite": {"timestamp": True, "profile": profile}})
    assert [finding.text for finding in later.findings if finding.level == "failure"] == []
    undated = srkit.verify(path, tmp_path / "plain.tif", options={"satellite": {"timestamp": True, "profile": profile}})
    assert any("TIFFTAG_DATETIME" in finding.text for finding in undated.findings)
    with reopen(tmp_path / "plain.tif") as plain, reopen(tmp_path / "dated.tif") as dated:
        assert "TIFFTAG_DATETIME" not in plain.tags()
        assert dated.tags()["TIFFTAG_DATETIME"] == "2023:11:14 22:13:20"
        assert dated.tags()["SRKIT_SOURCE_DATETIME"] == "2001:02:03 04:05:06"


def test_a_date_is_the_present_where_nothing_else_is_said(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    moment = datetime.strptime(made_at(), "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
