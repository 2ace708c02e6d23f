"""Every real file: treated rightly, or refused in one sentence; and nothing beside a source changes."""

import hashlib

import numpy as np
import pytest
import rasterio
from affine import Affine

import srkit
from srkit.plugins import default_options, load_plugins

REFUSED = {
    "complex64.tif", "real_complex64.tif", "real_slc_cint16.tif", "dtype_int64.tif", "dtype_uint64.tif",
    "real_int64.tif", "nbits1.tif", "palette_landcover.tif", "real_color_table.tif", "real_landcover_rat.tif",
    "LC08_L1TP_090084_20160121_20170405_01_T1_BQA.TIF",
}  # fmt: skip
BROKEN = {
    "corrupt_block.tif", "header_only.tif", "html_error.tif", "ifd_out_of_range.tif", "png_named_tif.tif",
    "real_corrupt_18_bytes.tif", "text.tif", "truncated_60.tif", "zero_bytes.tif",
}  # fmt: skip


@pytest.fixture(scope="module")
def plugins():
    return load_plugins(environment={"SRKIT_PLUGINS": "satellite"})


def hashes(folder):
    return {p: hashlib.sha256(p.read_bytes()).digest() for p in sorted(folder.rglob("*")) if p.is_file()}


def upscaled(plugins, folder, out, scale, model="nearest", **options):
    chosen = default_options(plugins)
    chosen["satellite"].update(options)
    return srkit.upscale(folder, out, scale=scale, model=model, domain="satellite", options=chosen, plugins=plugins)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_strange_files_are_treated_or_refused(data, plugins, tmp_path):
    before = hashes(data / "corner")
    report = upscaled(plugins, data / "corner", tmp_path / "out", "2,1")
    assert hashes(data / "corner") == before
    assert {r.path.name for r in report.results if r.status != "done"} == REFUSED
    for result in report.results:
        if result.path.suffix in (".xml", ".txt"):
            continue  # a product of many files: test_products compares those
        if result.status == "done":
            _compare(result.path, result.output, (2, 1))
        else:
            assert result.reason.count("\n") == 0


def _compare(path, output, scale):
    """Compare pixels and ground as rasterio sees them; a world file is believed where GDAL takes identity instead."""
    with rasterio.open(path) as before, rasterio.open(output) as after:
        assert after.shape == (before.height * scale[0], before.width * scale[1])
        if not before.transform.is_identity:
            assert after.transform == before.transform @ Affine.scale(1 / scale[1], 1 / scale[0])
        assert after.crs == before.crs
        assert after.dtypes == before.dtypes
        np.testing.assert_array_equal(after.read(), before.read().repeat(scale[0], 1).repeat(scale[1], 2))
        if path.name != "nir_tagged_alpha.tif":
            masks = before.read_masks().repeat(scale[0], 1).repeat(scale[1], 2)
            np.testing.assert_array_equal(after.read_masks() > 0, masks > 0)


def test_classes_are_repeated_on_request(data, plugins, tmp_path):
    report = upscaled(
        plugins, data / "corner" / "real_landcover_rat.tif", tmp_path, 2, "bicubic", categorical="nearest"
    )
    with rasterio.open(report.results[0].output) as after, rasterio.open(report.results[0].path) as before:
        assert set(np.unique(after.read())) == set(np.unique(before.read()))


def test_broken_files_fail_one_by_one_and_leave_nothing(data, plugins, tmp_path):
    before = hashes(data / "bad")
    report = upscaled(plugins, data / "bad", tmp_path / "out", 2)
    assert hashes(data / "bad") == before
    assert {r.path.name for r in report.results if r.status == "failed"} == BROKEN
    assert {r.status for r in report.results} == {"failed"}
    assert report.exit_code == 4
    assert list(tmp_path.rglob("*.tif")) == []


SCENES = [
    "cbers4a_wfi_221156", "hls_14n_10band", "l5_custom_albers", "l5_lt52240631988227", "l7_022049_2002", "l8_rgb16",
    "naip_3610332_se_small", "neon_osbs_029", "opt_4band_10m", "s2l2a_33twl_20230815",
]  # fmt: skip


@pytest.mark.parametrize("name", SCENES)
def test_scene_keeps_its_ground_and_its_footprint(data, plugins, tmp_path, name):
    report = upscaled(plugins, data / "scenes" / f"{name}.tif", tmp_path, 2, "bicubic")
    with rasterio.open(report.results[0].path) as before, rasterio.open(report.results[0].output) as after:
        assert after.bounds == before.bounds
        assert after.descriptions == before.descriptions
        np.testing.assert_array_equal(after.read_masks(), before.read_masks().repeat(2, 1).repeat(2, 2))


def test_garbage_under_nodata_has_no_influence_on_any_valid_pixel(make, plugins, tmp_path):
    values = np.random.default_rng(0).uniform(0, 100, (2, 40, 50)).astype(np.float32)
    holes = np.random.default_rng(1).random((40, 50)) < 0.3
    results = []
    for number, garbage in enumerate((0.0, 65535.0, 1e30, np.nan)):
        values[:, holes] = garbage
        path = make(f"{number}.tif", values, mask=~holes)
        report = upscaled(plugins, path, tmp_path / str(number), 2, "bicubic")
        with rasterio.open(report.results[0].output) as after:
            results.append(np.where(after.read_masks() > 0, after.read(), 0))
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_constant_raster_with_holes_stays_constant(make, plugins, tmp_path):
    values = np.full((1, 40, 50), 5000, np.uint16)
    values[:, np.random.default_rng(1).random((40, 50)) < 0.3] = 0
    report = upscaled(plugins, make("in.tif", values, nodata=0), tmp_path / "o", 3, "bicubic")
    with rasterio.open(report.results[0].output) as after:
        assert set(np.unique(after.read())) == {0, 5000}


def test_valid_pixel_is_never_stored_as_nodata(make, plugins, tmp_path):
    values = np.where(np.arange(50) % 2, 1, 60000).astype(np.uint16) * np.ones((1, 40, 1), np.uint16)
    values[:, :3] = 0
    report = upscaled(plugins, make("in.tif", values, nodata=0), tmp_path / "o", 2, "bicubic")
    with rasterio.open(report.results[0].output) as after:
        np.testing.assert_array_equal(after.read() == 0, (values == 0).repeat(2, 1).repeat(2, 2))


def test_shift_of_the_input_shifts_the_output(make, plugins, tmp_path):
    values = np.random.default_rng(3).integers(0, 9000, (1, 40, 50)).astype(np.uint16)
    outputs = []
    for name, picture in (("a.tif", values), ("b.tif", np.roll(values, 1, axis=2))):
        report = upscaled(plugins, make(name, picture), tmp_path / name[0], 2, "bicubic")
        with rasterio.open(report.results[0].output) as after:
            outputs.append(after.read())
    np.testing.assert_array_equal(outputs[1][:, :, 12:-10], outputs[0][:, :, 10:-12])


def test_side_files_of_an_older_output_do_not_speak_for_the_new_one(make, plugins, tmp_path):
    """D12: a stale mask or nodata value beside a replaced output would hide its pixels."""
    path = make("in.tif", np.full((1, 10, 12), 7, np.uint16))
    out = upscaled(plugins, path, tmp_path / "o", 2).results[0].output
    out.with_name("in.tif.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>"
    )
    out.with_name("in.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    chosen = default_options(plugins)
    srkit.upscale(path, tmp_path / "o", scale=2, model="nearest", options=chosen, plugins=plugins, overwrite=True)
    assert [p.name for p in out.parent.iterdir()] == ["in.tif"]
    with rasterio.open(out) as after:
        assert after.dataset_mask().all()
