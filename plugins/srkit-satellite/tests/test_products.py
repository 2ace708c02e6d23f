"""Sentinel-2 and Landsat products, made in code and real: one output for each group of bands."""

import tarfile
import zipfile

import numpy as np
import pytest
import rasterio
from affine import Affine

import srkit
from srkit.plugins import default_options, load_plugins

NAME = "S2A_MSIL2A_20230815T100601_N0509_R022_T33TWL_20230815T143801"
GRANULE = "GRANULE/L2A_T33TWL_A042549_20230815T100601/IMG_DATA"
BANDS = {10: ("B02", "B03", "B04", "B08"), 20: ("B05", "B06", "B07", "B8A", "B11", "B12"), 60: ("B01", "B09")}
SIDE = {10: 48, 20: 24, 60: 8}
IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")


@pytest.fixture(scope="module")
def plugins():
    return load_plugins(environment={"SRKIT_PLUGINS": "satellite"})


def upscaled(plugins, path, out, model="nearest"):
    return srkit.upscale(path, out, scale=2, model=model, options=default_options(plugins), plugins=plugins)


def jp2(path, values, metres):
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {"crs": "EPSG:32633", "transform": Affine(metres, 0, 499980, 0, -metres, 5100000)}
    shape = {"count": 1, "height": values.shape[0], "width": values.shape[1], "dtype": "uint16"}
    with rasterio.open(path, "w", driver="JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES", **shape, **place) as raster:
        raster.write(values, 1)


def metadata(offset, baseline="05.09"):
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{i}">{offset}</BOA_ADD_OFFSET>' for i in range(13)) if offset else ""
    return f"""<n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/x.xsd"><n1:General_Info>
<Product_Info><PRODUCT_URI>{NAME}.SAFE</PRODUCT_URI><PROCESSING_LEVEL>Level-2A</PROCESSING_LEVEL>
<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE></Product_Info>
<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>{offsets}
<Spectral_Information bandId="3" physicalBand="B4"><Wavelength><CENTRAL unit="nm">664.6</CENTRAL></Wavelength>
</Spectral_Information></n1:General_Info></n1:Level-2A_User_Product>"""


def safe(root, *, offset=-1000, scene=None):
    """Write a small product of level 2A and return its folder, and its bands by name."""
    rng = np.random.default_rng(4)
    folder = root / f"{NAME}.SAFE"
    written = {}
    for metres, names in BANDS.items():
        for name in names:
            values = rng.integers(1, 9000, (SIDE[metres],) * 2).astype(np.uint16)
            values[:3, :4] = 0
            if scene is not None:
                values = scene(values)
            jp2(folder / GRANULE / f"R{metres}m/T33TWL_20230815T100601_{name}_{metres}m.jp2", values, metres)
            written[name] = values
    coarse = np.full((24, 24), 7, np.uint16)
    jp2(folder / GRANULE / "R20m/T33TWL_20230815T100601_B02_20m.jp2", coarse, 20)
    jp2(folder / GRANULE / "R20m/T33TWL_20230815T100601_SCL_20m.jp2", coarse, 20)
    (folder / "MTD_MSIL2A.xml").write_text(metadata(offset))
    return folder, written


def packed(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
    return path


def test_product_gives_one_output_for_each_pixel_size(plugins, tmp_path, reopen):
    _, written = safe(tmp_path / "in")
    report = upscaled(plugins, tmp_path / "in", tmp_path / "out")
    assert sorted(r.output.name for r in report.results) == [f"{NAME}_{metres}m.tif" for metres in (10, 20, 60)]
    assert {r.output.parent for r in report.results} == {tmp_path / "out"}
    for metres, names in BANDS.items():
        after = reopen(tmp_path / "out" / f"{NAME}_{metres}m.tif")
        ordered = sorted(names, key=IDS.index)
        assert list(after.descriptions) == ordered
        assert after.bounds == (499980, 5100000 - 480, 499980 + 480, 5100000)
        assert after.res == (metres / 2, metres / 2)
        expected = np.stack([written[name] for name in ordered]).repeat(2, 1).repeat(2, 2)
        np.testing.assert_array_equal(after.read(), expected)
        np.testing.assert_array_equal(after.read_masks() > 0, expected > 0)


def test_metadata_says_what_the_numbers_mean(plugins, tmp_path, reopen):
    folder, _ = safe(tmp_path / "in")
    upscaled(plugins, folder / "MTD_MSIL2A.xml", tmp_path / "out")
    after = reopen(tmp_path / "out" / f"{NAME}_10m.tif")
    assert after.scales == (1e-4,) * 4
    assert after.offsets == (-0.1,) * 4
    assert after.units == ("reflectance",) * 4
    assert after.nodata == 0
    assert after.tags(3)["WAVELENGTH_NM"] == "664.6"
    assert after.tags()["PROCESSING_BASELINE"] == "05.09"
    assert after.tags()["SRKIT_SOURCE"] == NAME


def test_saturated_pixels_of_a_product_stay_so(plugins, tmp_path, reopen):
    """V17: 65535, as the format has it, block by block; no network sees it."""

    def saturated(values):
        values[5:7, 5:7] = 65535
        return values

    folder, written = safe(tmp_path / "in", scene=saturated)
    upscaled(plugins, folder, tmp_path / "out", "lanczos")
    after = reopen(tmp_path / "out" / f"{NAME}_10m.tif")
    np.testing.assert_array_equal(after.read(1) == 65535, (written["B02"] == 65535).repeat(2, 0).repeat(2, 1))
    assert after.read(1)[after.read(1) < 65535].max() < 12000
    assert after.tags()["SPECIAL_VALUE_SATURATED"] == "65535"


def test_reflectance_is_the_same_before_and_after_the_offset_of_baseline_4(plugins, tmp_path, reopen):
    """V14: numbers of the newer baseline are larger by 1000, and no valid one turns into nodata."""
    before, _ = safe(tmp_path / "old", offset=0)
    after, _ = safe(tmp_path / "new", scene=lambda v: np.where(v == 0, 0, v + 1000).astype(np.uint16))
    found = []
    for folder in (before, after):
        report = upscaled(plugins, folder, tmp_path / f"out-{folder.parent.name}", "bicubic")
        raster = reopen(report.results[0].output)
        reflectance = raster.read(1).astype(float) * raster.scales[0] + raster.offsets[0]
        found.append(np.ma.masked_array(reflectance, raster.read_masks(1) == 0))
    np.testing.assert_array_equal(found[0].mask, found[1].mask)
    inside = found[0] > 0.0002  # below, the older numbers saturate at 1, since 0 is nodata
    assert np.abs(found[0] - found[1])[inside].max() <= 1.01e-4


def test_zip_is_read_as_it_is(plugins, tmp_path, reopen):
    folder, written = safe(tmp_path / "in")
    path = packed(folder, tmp_path / "product.zip")
    content = path.read_bytes()
    report = upscaled(plugins, path, tmp_path / "out")
    assert [r.status for r in report.results] == ["done"] * 3
    after = reopen(tmp_path / "out" / f"{NAME}_60m.tif")
    np.testing.assert_array_equal(after.read(2), written["B09"].repeat(2, 0).repeat(2, 1))
    assert path.read_bytes() == content
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out", "product.zip"]


def test_broken_band_fails_its_group_alone(plugins, tmp_path):
    folder, _ = safe(tmp_path / "in")
    band = next(folder.rglob("*_B03_10m.jp2"))
    band.write_bytes(band.read_bytes()[:60])
    for path in (folder, packed(folder, tmp_path / "product.zip")):
        report = upscaled(plugins, path, tmp_path / "out" / path.suffix[1:])
        assert sorted(r.status for r in report.results) == ["done", "done", "failed"]
        reason = next(r.reason for r in report.results if r.status == "failed")
        assert "B03" in reason
        assert "\n" not in reason


def test_band_of_another_size_than_its_group_is_refused(plugins, tmp_path):
    folder, _ = safe(tmp_path / "in")
    jp2(next(folder.rglob("*_B03_10m.jp2")), np.ones((40, 48), np.uint16), 10)
    report = upscaled(plugins, folder, tmp_path / "out")
    assert "they cannot form one image" in next(r.reason for r in report.results if r.status == "failed")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("<broken", "broken metadata"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "entities"),
        ("<x><QUANTIFICATION_VALUE>0</QUANTIFICATION_VALUE></x>", "broken metadata"),
        ('<x><BOA_ADD_OFFSET band_id="77">1</BOA_ADD_OFFSET></x>', "broken metadata"),
        ("<x/>", "without any of its bands"),
    ],
)
def test_broken_metadata_is_a_sentence(plugins, tmp_path, text, word):
    (tmp_path / "X.SAFE").mkdir()
    (tmp_path / "X.SAFE" / "MTD_MSIL1C.xml").write_text(text)
    report = upscaled(plugins, tmp_path / "X.SAFE", tmp_path / "out")
    assert [r.status for r in report.results] == ["failed"]
    assert word in report.results[0].reason


def test_archive_without_a_product_is_passed_over(plugins, tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("scene.tif", b"II*\0")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04broken")
    with pytest.raises(srkit.InputError, match="holds no image"):
        upscaled(plugins, tmp_path, tmp_path / "out")


SCENE = "LC09_L2SP_190028_20230801_20230803_02_T1"
BAND_FILES = {"1": "SR_B1", "2": "SR_B2", "3": "SR_B3", "4": "SR_B4", "5": "SR_B5", "ST_B10": "ST_B10"}


def bundle(make, level="L2SP"):
    """Write a small Landsat bundle and return its folder and its bands by name."""
    rng = np.random.default_rng(5)
    lines = ['    SPACECRAFT_ID = "LANDSAT_9"', f'    PROCESSING_LEVEL = "{level}"', "    REFLECTIVE_LINES = 7951"]
    written = {}
    for key, name in {**BAND_FILES, "QA": "QA_PIXEL"}.items():
        values = rng.integers(7273, 43636, (20, 30)).astype(np.uint16)
        values[:4] = 0
        path = make(f"{SCENE}_{name}.TIF", values, edit=lambda d: d.update_tags(AREA_OR_POINT="Point"))
        field = "FILE_NAME_QUALITY_L1_PIXEL" if key == "QA" else f"FILE_NAME_BAND_{key}"
        lines.append(f'    {field} = "{path.name}"')
        written[name] = values
    (path.parent / f"{SCENE}_MTL.txt").write_text("GROUP = X\n" + "\n".join(lines) + "\nEND_GROUP = X\nEND\n")
    return path.parent, written


def test_landsat_bundle_is_stacked_by_what_it_measures(plugins, make, tmp_path, reopen):
    folder, written = bundle(make)
    report = upscaled(plugins, folder, tmp_path / "out")
    status = {r.output.name if r.output else r.path.name: r.status for r in report.results}
    assert status == {
        f"{SCENE}_reflective.tif": "done",
        f"{SCENE}_thermal.tif": "done",
        f"{SCENE}_QA_PIXEL.TIF": "skipped",
    }
    assert report.exit_code == 0
    after = reopen(tmp_path / "out" / f"{SCENE}_reflective.tif")
    assert after.descriptions == ("B1", "B2", "B3", "B4", "B5")
    assert after.tags()["AREA_OR_POINT"] == "Point"
    assert "REFLECTIVE_LINES" not in after.tags()
    np.testing.assert_array_equal(after.read(4), written["SR_B4"].repeat(2, 0).repeat(2, 1))
    assert after.dataset_mask()[:8].max() == 0
    assert 18639 * after.scales[0] + after.offsets[0] == pytest.approx(0.313, abs=5e-4)  # the USGS's own example
    warned = {f.code for r in report.results for f in r.findings if f.level == "warning"}
    assert warned == {"V22"}  # thermal pixels are finer than what was sampled
    kelvin = reopen(tmp_path / "out" / f"{SCENE}_thermal.tif")
    assert 44947 * kelvin.scales[0] + kelvin.offsets[0] == pytest.approx(302.6, abs=0.05)
    assert kelvin.units == ("K",)


@pytest.mark.parametrize("prefix", ["", "./"])  # as tar names files that were given one by one, or as a folder
def test_landsat_archive_is_read_as_it_is(plugins, make, tmp_path, reopen, prefix):
    folder, written = bundle(make)
    archive = tmp_path / "packed" / f"{SCENE}.tar"
    archive.parent.mkdir()
    with tarfile.open(archive, "w") as tar:
        for file in sorted(folder.iterdir()):
            tar.add(file, f"{prefix}{file.name}")
    before = archive.read_bytes()
    report = upscaled(plugins, archive.parent, tmp_path / "out")
    assert sorted(r.output.name for r in report.results if r.output) == [
        f"{SCENE}_reflective.tif",
        f"{SCENE}_thermal.tif",
    ]
    after = reopen(tmp_path / "out" / f"{SCENE}_reflective.tif")
    np.testing.assert_array_equal(after.read(4), written["SR_B4"].repeat(2, 0).repeat(2, 1))
    assert after.units == ("reflectance",) * 5
    assert [archive] == list(archive.parent.iterdir())
    assert archive.read_bytes() == before


def test_broken_and_compressed_archives_are_sentences(plugins, make, tmp_path):
    folder, _ = bundle(make)
    archive, packed = tmp_path / "packed" / f"{SCENE}.tar", tmp_path / "packed" / f"{SCENE}.tar.gz"
    archive.parent.mkdir()
    for path, mode in ((archive, "w"), (packed, "w:gz")):
        with tarfile.open(path, mode) as tar:
            for file in sorted(folder.iterdir(), key=lambda f: "MTL" not in f.name):
                tar.add(file, file.name)
    archive.write_bytes(archive.read_bytes()[:9000])
    (archive.parent / "photos.tar").write_bytes(b"nothing of ours")
    report = upscaled(plugins, archive.parent, tmp_path / "out")
    reasons = {result.path.name: result.reason for result in report.results}
    assert "unpack it" in reasons[packed.name]
    assert all(result.status == "failed" for result in report.results)
    assert archive.name in reasons
    assert "photos.tar" not in reasons
    assert not (tmp_path / "out").exists()


def test_numbers_of_landsat_level_1_are_not_called_reflectance(plugins, make, tmp_path, reopen):
    folder, _ = bundle(make, "L1TP")
    upscaled(plugins, folder, tmp_path / "out")
    after = reopen(tmp_path / "out" / f"{SCENE}_reflective.tif")
    assert (set(after.scales), set(after.offsets), set(after.units)) == ({1.0}, {0.0}, {None})


def test_bundle_without_its_bands_is_a_sentence(plugins, tmp_path):
    (tmp_path / "X_MTL.txt").write_text("GROUP = X\nEND\n")
    report = upscaled(plugins, tmp_path, tmp_path / "out")
    assert "names no band" in report.results[0].reason


def test_real_products_keep_pixels_and_ground(data, plugins, tmp_path, reopen):
    for folder in ("S2A_MSIL1C_20180629T000241_N0206_R030_T56JMM_20180629T012042.SAFE", "landsat_bundle"):
        report = upscaled(plugins, data / "corner" / folder, tmp_path / folder)
        assert report.exit_code == 0
        assert sum(r.status == "done" for r in report.results) == 3
        for result in report.results:
            for number, name in enumerate(reopen(result.output).descriptions if result.output else (), start=1):
                file = next((data / "corner" / folder).rglob(f"*_{name}.[jT]*"))
                before, after = reopen(file), reopen(result.output)
                np.testing.assert_array_equal(after.read(number), before.read(1).repeat(2, 0).repeat(2, 1))
                assert after.bounds == before.bounds
                assert after.crs == before.crs
