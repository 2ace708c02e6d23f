"""Outputs of `--profile cog`, judged by rio-cogeo, and compared with the plain ones."""

import json

import numpy as np
import pytest
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.rpc import RPC
from rio_cogeo.cogeo import cog_validate

from srkit import UsageError

RNG = np.random.default_rng(0)


def judged(path):
    valid, errors, warnings = cog_validate(path, strict=True)
    assert (valid, errors, warnings) == (True, [], [])
    return path


def scene(bands=4, shape=(300, 410), dtype=np.uint16):
    return RNG.integers(1, 9000 if dtype == np.uint16 else 250, (bands, *shape)).astype(dtype)


@pytest.mark.parametrize("shape", [(5, 3), (255, 256), (300, 410), (600, 70), (700, 900)])
def test_output_is_a_valid_cog_of_any_size(make, upscale, reopen, shape):
    values = scene(2, shape)
    after = reopen(judged(upscale(make("in.tif", values), profile="cog")))
    np.testing.assert_array_equal(after.read(), values.repeat(2, 1).repeat(2, 2))
    assert bool(after.overviews(1)) is (max(shape) > 256)


def test_cog_says_all_that_a_plain_output_says(make, upscale, reopen):
    rpc = RPC(
        height_off=500.0, height_scale=100.0, lat_off=45.0, lat_scale=0.1, line_off=150.0, line_scale=150.0,
        long_off=14.0, long_scale=0.1, samp_off=200.0, samp_scale=200.0, line_num_coeff=[0.1] * 20,
        line_den_coeff=[1.0] * 20, samp_num_coeff=[0.1] * 20, samp_den_coeff=[1.0] * 20,
    )  # fmt: skip

    def edit(raster):
        raster.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.nir]
        raster.descriptions = ("B02", None, "rouge é", "B08")
        raster.scales, raster.offsets, raster.units = (1e-4,) * 4, (-0.1,) * 4, ("reflectance",) * 4
        raster.update_tags(AREA_OR_POINT="Point", MISSION="S2B")
        raster.update_tags(2, WAVELENGTH_NM="665")
        raster.rpcs = rpc

    path = make("in.tif", scene(), nodata=0, edit=edit)
    plain, cog = reopen(upscale(path, name="p.tif")), reopen(judged(upscale(path, name="c.tif", profile="cog")))
    same = ("colorinterp", "descriptions", "scales", "offsets", "units", "nodatavals", "crs", "transform", "dtypes")
    assert {what: getattr(cog, what) for what in same} == {what: getattr(plain, what) for what in same}
    wanted = {key: value for key, value in plain.tags().items() if key != "LAYOUT"}
    assert wanted.items() <= cog.tags().items()
    assert cog.tags(2) == plain.tags(2)
    assert cog.rpcs.to_dict() == plain.rpcs.to_dict()


def test_domains_that_the_copy_would_drop_are_kept_as_json(make, upscale, reopen):
    def edit(raster):
        raster.update_tags(ns="ORBIT", number="122")
        raster.update_tags(3, ns="CALIBRATION", gain="0.5")

    tags = reopen(judged(upscale(make("in.tif", scene(), edit=edit), profile="cog"))).tags()
    expected = {"ORBIT": {"number": "122"}, "band 3: CALIBRATION": {"gain": "0.5"}}
    assert json.loads(tags["SRKIT_SOURCE_DOMAINS"]) == expected


def test_mask_goes_along(make, upscale, reopen):
    mask = RNG.random((300, 410)) > 0.3
    target = judged(upscale(make("in.tif", scene(3, dtype=np.uint8), mask=mask), profile="cog"))
    after = reopen(target)
    assert after.mask_flag_enums == ([MaskFlags.per_dataset],) * 3
    np.testing.assert_array_equal(after.dataset_mask() > 0, mask.repeat(2, 0).repeat(2, 1))
    assert [p.name for p in target.parent.iterdir()] == ["out.tif"]


def test_infrared_is_no_alpha_and_alpha_is(make, upscale, reopen):
    def edit(raster):
        raster.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, raster_fourth]

    for raster_fourth in (ColorInterp.undefined, ColorInterp.alpha):
        values = scene(4, dtype=np.uint8)
        values[3] = RNG.choice([0, 255], values.shape[1:])
        after = reopen(judged(upscale(make("in.tif", values, photometric="RGB", edit=edit), profile="cog")))
        assert after.colorinterp[3] == raster_fourth
        np.testing.assert_array_equal(after.read(4), values[3].repeat(2, 0).repeat(2, 1))


def test_control_points_and_rotations_go_along(make, upscale, reopen):
    points = [GroundControlPoint(r, c, 14 + c / 100, 45 - r / 100, 100.0) for r, c in ((0, 0), (0, 20), (16, 10))]
    after = reopen(judged(upscale(make("g.tif", scene(1), gcps=points, crs="EPSG:4326"), profile="cog")))
    assert [(p.row, p.col) for p in after.gcps[0]] == [(0, 0), (0, 40), (32, 20)]
    turned = Affine(8.66, 5, 531180, 5, -8.66, 5068800)
    after = reopen(judged(upscale(make("r.tif", scene(1), crs="EPSG:3857", transform=turned), profile="cog")))
    assert after.transform == turned @ Affine.scale(0.5)


def test_nodata_that_differs_between_bands_goes_along(make, upscale, reopen):
    values = scene(2)
    path = make("in.tif", values)
    bands = "".join(
        f"<PAMRasterBand band='{i}'><NoDataValue>{n}</NoDataValue></PAMRasterBand>" for i, n in ((1, 7), (2, 9))
    )
    path.with_name("in.tif.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>")
    assert reopen(upscale(path, profile="cog")).nodatavals == (7, 9)


def test_creation_options_hold_for_a_cog_or_are_refused(make, upscale, reopen):
    path = make("in.tif", scene(3, (300, 300)))
    after = reopen(judged(upscale(path, profile="cog", co=("COMPRESS=ZSTD", "ZSTD_LEVEL=3", "BLOCKSIZE=256"))))
    assert (after.compression.value.lower(), after.block_shapes[0]) == ("zstd", (256, 256))
    for option, word in (("COMPRESS=PACKBITS", "packbits"), ("INTERLEAVE=BAND", "by pixel")):
        with pytest.raises(UsageError, match=word):
            upscale(path, profile="cog", co=(option,))


def test_same_input_gives_the_same_cog(make, upscale):
    path = make("in.tif", scene(3), mask=RNG.random((300, 410)) > 0.5)
    first, second = (upscale(path, name=f"{name}.tif", profile="cog").read_bytes() for name in "ab")
    assert first == second
