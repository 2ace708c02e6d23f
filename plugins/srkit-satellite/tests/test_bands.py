import numpy as np
import pytest
from rasterio.enums import ColorInterp
from srkit_satellite.findings import inspect_raster
from srkit_satellite.source import RasterSource

RNG = np.random.default_rng(0)
COLOURS = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]


def described(path, **options):
    source = RasterSource(path, options)
    found = inspect_raster(source)
    roles = [channel.role for channel in source.channels]
    source.close()
    return roles, found


def four_bands(fourth):
    return np.concatenate([RNG.integers(0, 256, (3, 40, 40)), np.asarray(fourth).reshape(1, 40, 40)]).astype(np.uint8)


NEAR_INFRARED = RNG.normal(120, 30, (40, 40)).clip(0, 255)
COLLARED = np.where(np.arange(40) < 24, 0, NEAR_INFRARED)  # more empty than not
ALPHAS = {
    "opaque": np.full((40, 40), 255),
    "transparent": np.zeros((40, 40)),
    "cut out": np.where(np.arange(40) < 30, 255, 0) * np.ones((40, 1)),
    "in steps": RNG.choice([0, 128, 255], (40, 40)),
    "feathered": np.clip(np.arange(40) * 20.0 - 100, 0, 255) * np.ones((40, 1)),
}


@pytest.mark.parametrize("alpha", ALPHAS.values(), ids=ALPHAS)
def test_real_alpha_is_alpha(make, alpha):
    roles, found = described(make("in.tif", four_bands(alpha)))
    assert roles == ["image"] * 3 + ["alpha"]
    assert [f.level for f in found if f.code == "V11"] == ["info"]


@pytest.mark.parametrize("infrared", [NEAR_INFRARED, COLLARED], ids=["full", "with a collar"])
def test_near_infrared_tagged_as_alpha_is_an_image_band_and_said_so(make, infrared):
    roles, found = described(make("in.tif", four_bands(infrared)))
    assert roles == ["image"] * 4
    assert [f.level for f in found if f.code == "V12"] == ["warning"]


def test_description_of_the_band_decides_before_its_values(make):
    def named(text):
        return lambda d: setattr(d, "descriptions", ("a", "b", "c", text))

    infrared = make("a.tif", four_bands(ALPHAS["opaque"]), edit=named("NIR (B8)"))
    alpha = make("b.tif", four_bands(NEAR_INFRARED), edit=named("Alpha channel"))
    assert described(infrared)[0][3] == "image"
    assert described(alpha)[0][3] == "alpha"


def test_user_decides_on_alpha_before_all_else(make):
    path = make("in.tif", four_bands(NEAR_INFRARED))
    assert described(path, alpha_band="alpha")[0][3] == "alpha"
    assert described(make("b.tif", four_bands(ALPHAS["opaque"])), alpha_band="image")[0][3] == "image"


def test_trapped_infrared_is_not_transparent_in_the_output(make, upscale, reopen):
    values = four_bands(NEAR_INFRARED)
    values[3, :5] = 0
    values[3, 5:] = np.maximum(values[3, 5:], 1)
    path = make("in.tif", values)
    assert (reopen(path).dataset_mask() == 0).sum() == 5 * 40
    after = reopen(upscale(path))
    assert after.colorinterp == (*COLOURS, ColorInterp.undefined)
    assert (after.dataset_mask() == 255).all()
    np.testing.assert_array_equal(after.read(4), values[3].repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("palette.tif", {"photometric": "PALETTE", "edit": lambda d: d.write_colormap(1, {0: (0, 0, 9, 255)})}),
        ("bits.tif", {"NBITS": 1}),
        ("thematic.tif", {"edit": lambda d: d.update_tags(1, LAYER_TYPE="thematic")}),
        ("named.tif", {"edit": lambda d: d.update_tags(1, CLASS_3="forest")}),
        ("described.tif", {"edit": lambda d: d.set_band_description(1, "QA_PIXEL")}),
        ("T33UUP_20200101_SCL_20m.tif", {}),
        ("LC08_L1TP_BQA.tif", {}),
        ("landcover-2020.tif", {}),
        ("CloudMask.tif", {}),
    ],
)
def test_codes_are_refused_unless_they_may_be_repeated(make, name, extra):
    path = make(name, RNG.integers(0, 2, (1, 20, 20)).astype(np.uint8), **extra)
    roles, found = described(path)
    assert roles == ["category"]
    assert ["--categorical nearest" in f.text for f in found if f.level == "refusal"] == [True]
    assert [f.level for f in described(path, categorical="nearest")[1] if f.level == "refusal"] == []


@pytest.mark.parametrize("name", ["masked_ndvi.tif", "unclassified_scene.tif", "oblique.tif", "T33_B04.tif"])
def test_words_that_only_look_like_codes_are_images(make, name):
    assert described(make(name, RNG.integers(0, 200, (1, 20, 20)).astype(np.uint8)))[0] == ["image"]


def test_a_name_of_codes_means_nothing_on_floats_or_on_many_bands(make):
    assert described(make("mask.tif", RNG.random((1, 9, 9), np.float32)))[0] == ["image"]
    assert described(make("my_mask.tif", RNG.integers(0, 200, (3, 9, 9)).astype(np.uint8)))[0] == ["image"] * 3


def test_few_levels_in_one_band_are_a_warning(make):
    _, found = described(make("in.tif", RNG.integers(0, 7, (1, 60, 60)).astype(np.uint8)))
    assert [f.level for f in found if f.code == "V20"] == ["warning"]


def test_classes_keep_their_numbers_their_colours_and_their_names(make, upscale, reopen, tmp_path):
    colours = {i: (i * 10, 255 - i, i, 255) for i in range(5)}
    values = RNG.integers(0, 5, (1, 20, 30)).astype(np.uint8)
    path = make("in.tif", values, photometric="PALETTE", edit=lambda d: d.write_colormap(1, colours))
    names = "".join(f"<Category>kind {i}</Category>" for i in range(5))
    band = f"<PAMRasterBand band='1'><CategoryNames>{names}</CategoryNames></PAMRasterBand>"
    path.with_name("in.tif.aux.xml").write_text(f"<PAMDataset>{band}</PAMDataset>")
    target = upscale(path, (3, 2), categorical="nearest")
    after = reopen(target)
    assert {k: after.colormap(1)[k] for k in colours} == colours
    assert after.colorinterp == (ColorInterp.palette,)
    np.testing.assert_array_equal(after.read(), values.repeat(3, 1).repeat(2, 2))
    assert "<Category>kind 4</Category>" in target.with_name("out.tif.aux.xml").read_text()


@pytest.mark.parametrize(
    ("tags", "description", "expected"),
    [
        ({"WAVELENGTH_NM": "665"}, None, 665.0),
        ({"wavelength": "0.665", "wavelength_units": "Micrometers"}, None, 665.0),
        ({"CENTRAL_WAVELENGTH_UM": "0.8421"}, None, 842.1),
        ({"wavelength": "560"}, None, 560.0),
        ({}, "B4, central wavelength 665 nm", 665.0),
        ({"wavelength": "unknown"}, "B4", None),
    ],
)
def test_wavelengths_come_in_nanometres(make, tags, description, expected):
    def edit(raster):
        raster.update_tags(1, **tags)
        raster.descriptions = [description]

    source = RasterSource(make("in.tif", np.ones((1, 4, 4), np.uint8), edit=edit), {})
    assert source.channels[0].wavelength_nm == expected
    source.close()


def test_bands_with_the_same_description_get_names_of_their_own(make):
    path = make("in.tif", np.ones((3, 4, 4), np.uint16), edit=lambda d: setattr(d, "descriptions", ("x", "x", None)))
    source = RasterSource(path, {})
    assert [channel.name for channel in source.channels] == ["x (1)", "x (2)", "band 3"]
    source.close()


def test_an_output_of_srkit_is_known_as_such(make, upscale):
    path = make("scene.tif", four_bands(NEAR_INFRARED))
    assert "own" not in {finding.level for finding in described(path)[1]}
    assert "own" in {finding.level for finding in described(upscale(path))[1]}
