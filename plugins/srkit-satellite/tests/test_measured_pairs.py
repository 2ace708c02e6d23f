"""Co-registered pairs of rasters (R5): where the files say they lie, where they lie, and how their values relate."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from scipy import ndimage

from srkit import InputError
from srkit.config import load_recipe
from srkit.data.catalogue import find_items
from srkit.data.coupling import Terms, coupled
from srkit.grid import Scale
from srkit.plugins import load_plugins

RNG = np.random.default_rng(2)
AREA = ({"name": "area"},)


@pytest.fixture(scope="module")
def plugins():
    return load_plugins(environment={"SRKIT_PLUGINS": "satellite"})


@pytest.fixture
def couple(plugins):
    def run(hr, lr, degradation=AREA, **terms):
        items = [find_items(plugins, [path], domain="satellite", options={})[0][0] for path in (hr, lr)]
        return coupled(plugins, *items, Terms("satellite", {}, Scale(2, 2), ("row", "column"), degradation, **terms))

    return run


def scene(shape):
    smooth = ndimage.gaussian_filter(RNG.normal(size=shape), (0, 1.5, 1.5), mode="wrap")
    return 3000 + 800 * smooth / smooth.std()


def box_means(hr):
    return hr.reshape(hr.shape[0], hr.shape[1] // 2, 2, hr.shape[2] // 2, 2).mean(axis=(2, 4))


def at(east, north, size, **more):
    return {"crs": "EPSG:32633", "transform": Affine(size, 0, 500000 + east, 0, -size, 5000000 - north), **more}


def test_rasters_of_other_extents_meet_where_their_grids_do(make, couple):
    """LR begins 20 LR pixels left of HR and 5 above it, and ends before it does."""
    world = scene((2, 240, 240))
    lr = make("lr.tif", box_means(world)[:, :90, :100].astype(np.float32), **at(0, 0, 20))
    hr = make("hr.tif", world[:, 10:210, 40:230].astype(np.float32), **at(400, 100, 10))
    found = couple(hr, lr)
    assert found.offset == (-10, -40)
    assert found.displacement == pytest.approx((0, 0), abs=0.02)
    assert found.correlation > 0.9999


def test_displacement_and_radiometry_are_measured(make, couple):
    """LR's content lies a pixel further down than its georeference says; its values are others in each band."""
    world = scene((2, 200, 200))
    small = box_means(world)
    lr = np.stack([0.5 * small[0] + 100, 1.25 * small[1] - 40])
    hr_path = make("hr.tif", world[:, 2:122, :120].astype(np.float32), **at(0, 20, 10))
    lr_path = make("lr.tif", lr[:, 0:60, :60].astype(np.float32), **at(0, 20, 20))
    found = couple(hr_path, lr_path, radiometry="linear")
    assert found.displacement == pytest.approx((1, 0), abs=0.02)
    assert found.offset == (-2, 0)
    np.testing.assert_allclose(found.fit, [(0.5, 100), (1.25, -40)], rtol=1e-3, atol=0.5)
    assert couple(hr_path, lr_path).fit == ((1, 0), (1, 0))


def test_clouds_and_collars_have_no_say(make, couple):
    """A collar of nodata in LR and another one in HR, with garbage beneath: the fit is that of the rest."""
    world = scene((1, 160, 160))
    lr = 0.5 * box_means(world) + 100
    world[:, :, :40], lr[:, 60:, :] = 0, 0
    found = couple(
        make("hr.tif", world.astype(np.float32), nodata=0, **at(0, 0, 10)),
        make("lr.tif", lr.astype(np.float32), nodata=0, **at(0, 0, 20)),
        radiometry="linear",
    )
    assert found.fit[0] == pytest.approx((0.5, 100), rel=1e-3)
    assert found.correlation > 0.999


def test_bands_belong_together_by_their_names(make, couple):
    world = scene((2, 80, 80))

    def named(*names):
        return lambda raster: setattr(raster, "descriptions", names)

    hr = make("hr.tif", world.astype(np.float32), edit=named("red", "nir"), **at(0, 0, 10))
    lr = make("lr.tif", box_means(world)[::-1].astype(np.float32), edit=named("nir", "red"), **at(0, 0, 20))
    assert couple(hr, lr).places == (1, 0)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ({"crs": "EPSG:32634"}, "different reference systems"),
        ({"transform": Affine(30, 0, 500000, 0, -30, 5000000)}, "an LR sample is 3 x 3 HR samples"),
        ({"transform": Affine(20, 0, 500000, 0, 20, 4999000)}, "LR sample is"),
        ({"transform": Affine(20, 0, 900000, 0, -20, 5000000)}, "covers nothing"),
    ],
)
def test_rasters_that_share_no_grid_are_refused(make, couple, place, sentence):
    world = scene((1, 80, 80))
    hr = make("hr.tif", world.astype(np.float32), **at(0, 0, 10))
    lr = make("lr.tif", box_means(world).astype(np.float32), **{**at(0, 0, 20), **place})
    with pytest.raises(InputError, match=sentence):
        couple(hr, lr)


def test_the_domain_brings_hr_to_lr_in_its_values():
    from srkit_satellite.domain import SATELLITE

    recipe = load_recipe(None, domain="satellite", domain_defaults={"satellite": SATELLITE.training})
    assert recipe.data.pairs.radiometry == "linear"


@pytest.mark.parametrize(
    ("name", "hr", "lr", "channels"),
    [
        ("wv_rotterdam_1", "_pan", "_ms", "mean"),
        ("wv_rotterdam_2", "_pan", "_ms", "mean"),
        ("wv_rotterdam_3", "_pan", "_ms", "mean"),
        ("l8_016037", "_pan", "_ms", "mean"),
        ("s2_29rkh", "_b08_10m", "_b8a_20m", "same"),
    ],
)
def test_real_pairs_are_registered(data, couple, name, hr, lr, channels):
    """Pan and multispectral of one pass, two of them off by half a pixel or more; less than a quarter is left."""
    hr_path, lr_path = data / "pairs" / f"{name}{hr}.tif", data / "pairs" / f"{name}{lr}.tif"
    found = couple(hr_path, lr_path, None, channels=channels, radiometry="linear")
    with rasterio.open(hr_path) as large, rasterio.open(lr_path) as small:
        corner = ~large.transform @ (small.transform.c, small.transform.f)
    assert max(map(abs, found.residual)) < 0.25
    assert found.correlation > 0.78
    assert 0.9 < found.fit[0][0] < 1.1
    moved = [round(edge) - offset for edge, offset in zip(reversed(corner), found.offset, strict=True)]
    assert [m / 2 + r for m, r in zip(moved, found.residual, strict=True)] == pytest.approx(
        found.displacement, abs=0.011
    )
