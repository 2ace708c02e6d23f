"""What the domain brings to training: normalisers, patches, degradation, the defaults of a recipe."""

import math

import numpy as np
import pytest
import torch
from srkit_satellite.domain import SATELLITE
from srkit_satellite.normalizers import fitted, normalizer_of
from srkit_satellite.patches import SceneSampler
from srkit_satellite.plugin import srkit_degradation
from srkit_satellite.source import RasterSource

from srkit import InputError, RecipeError, Window
from srkit.config import load_recipe
from srkit.degrade import apply

RNG = np.random.default_rng(0)


@pytest.fixture
def opened():
    sources = []

    def open_(path):
        sources.append(RasterSource(path, {}))
        return sources[-1]

    yield open_
    for source in sources:
        source.close()


def test_band_constants_are_percentiles_of_the_valid_training_pixels(make, opened):
    first = RNG.normal(1000, 100, (2, 60, 70)).clip(1).astype(np.uint16)
    second = RNG.normal(3000, 100, (2, 60, 70)).clip(1).astype(np.uint16)
    first[:, :20] = 0
    sources = [opened(make(name, values, nodata=0)) for name, values in (("a.tif", first), ("b.tif", second))]
    spec = fitted({"kind": "bands"}, sources)
    pooled = np.concatenate([first[:, 20:].reshape(2, -1), second.reshape(2, -1)], axis=1)
    np.testing.assert_allclose([spec["low"], spec["high"]], np.percentile(pooled, (0.1, 99.9), axis=1))
    shared = fitted({"kind": "bands", "shared": True}, sources)
    assert shared["low"] == [np.percentile(pooled, 0.1)]


def test_item_range_is_the_items_own_and_the_same_for_all_bands(make, opened):
    values = RNG.integers(100, 5000, (3, 50, 60)).astype(np.uint16)
    normalizer = normalizer_of({"kind": "item-range"}, opened(make("in.tif", values)))
    low, high = np.percentile(values, (0.1, 99.9))
    np.testing.assert_allclose(
        normalizer.normalise(values.astype(np.float32)), (values - low) * 2 / (high - low) - 1, atol=1e-5
    )
    own = normalizer_of({"kind": "item-range", "shared": False}, opened(make("in.tif", values)))
    assert len(own.low) == 3


def test_nothing_is_clipped_on_the_way_there_and_back(make, opened):
    source = opened(make("in.tif", RNG.integers(100, 5000, (1, 50, 60)).astype(np.uint16)))
    normalizer = normalizer_of({"kind": "bands", "low": 0, "high": 10000}, source)
    values = np.array([[[-500.0, 0.0, 14000.0, 65535.0]]], np.float32)
    np.testing.assert_allclose(
        normalizer.denormalise(normalizer.normalise(values), values), values, rtol=1e-5, atol=0.01
    )


def test_values_under_nodata_have_no_say(make, opened):
    values = RNG.integers(100, 5000, (1, 50, 60)).astype(np.float32)
    specs = []
    for garbage in (-9999.0, np.nan, np.inf):
        values[:, :10] = garbage
        path = make("in.tif", values, nodata=-9999.0)
        specs.append(dict(normalizer_of({"kind": "item-range"}, opened(path)).spec))
    assert specs[0] == specs[1] == specs[2]


def test_constant_and_empty_scenes_can_be_normalised(make, opened):
    for values in (np.full((2, 9, 9), 7, np.uint16), np.zeros((2, 9, 9), np.uint16)):
        normalizer = normalizer_of({"kind": "item-range"}, opened(make("in.tif", values, nodata=0)))
        assert np.isfinite(normalizer.normalise(values.astype(np.float32))).all()


def test_alpha_does_not_count_as_a_band(make, opened):
    values = RNG.integers(0, 256, (4, 30, 30)).astype(np.uint8)
    values[3] = 255
    source = opened(make("in.tif", values))
    assert len(fitted({"kind": "bands"}, [source])["low"]) == 3


def test_large_scenes_are_thinned_the_same_way_every_time(make, opened):
    values = RNG.normal(500, 50, (1, 1500, 1600)).astype(np.float32)
    path = make("in.tif", values, tiled=True)
    first, second = (normalizer_of({"kind": "item-range"}, opened(path)) for _ in range(2))
    assert first.low == second.low
    assert first.low == pytest.approx(np.percentile(values, 0.1), abs=5)


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "bands", "low": [0, 0, 0], "high": [1, 1, 1]},
        {"kind": "bands", "low": 5, "high": 5},
        {"kind": "bands"},
        {"kind": "bands", "percentile": [1, 99]},
        {"kind": "item-range", "percentiles": [99, 1]},
        {"kind": "bands", "low": "many", "high": 1},
    ],
)
def test_specs_that_cannot_be_meant_are_refused(make, opened, spec):
    with pytest.raises(RecipeError):
        normalizer_of(spec, opened(make("in.tif", np.ones((2, 9, 9), np.uint16))))


def test_scenes_with_different_bands_cannot_be_fitted_together(make, opened):
    sources = [opened(make(f"{n}.tif", np.ones((n, 9, 9), np.uint16))) for n in (2, 3)]
    with pytest.raises(InputError, match="number of bands"):
        fitted({"kind": "bands"}, sources)


def test_patches_are_nearly_all_valid(make, opened):
    values = RNG.integers(1, 99, (2, 100, 100)).astype(np.uint8)
    values[:, :, :50] = 0
    sampler = SceneSampler(opened(make("in.tif", values, nodata=0)), (16, 16))
    rng = np.random.default_rng(1)
    windows = [sampler.draw(rng, Window.whole((100, 100)))[0] for _ in range(30)]
    assert min((values[:, *w.slices] > 0).mean() for w in windows) >= 0.99


def test_patch_with_a_few_holes_is_still_taken(make, opened):
    values = RNG.integers(1, 99, (1, 40, 40)).astype(np.uint8)
    values[:, 20, 20] = 0
    sampler = SceneSampler(opened(make("in.tif", values, nodata=0)), (40, 40))
    assert sampler.draw(np.random.default_rng(0), Window.whole((40, 40)))[0] == Window.whole((40, 40))


def test_empty_scenes_and_large_patches_are_refused(make, opened):
    source = opened(make("in.tif", np.zeros((1, 40, 40), np.uint8), nodata=0))
    with pytest.raises(InputError, match="no valid pixel"):
        SceneSampler(source, (8, 8)).draw(np.random.default_rng(0), Window.whole((40, 40)))
    with pytest.raises(RecipeError, match="do not fit"):
        SceneSampler(source, (64, 64)).draw(np.random.default_rng(0), Window.whole((40, 40)))


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_default_degradation_has_its_response_at_nyquist_and_moves_nothing(factor):
    degradation = srkit_degradation("satellite", None, None)
    size = 24 * factor
    rows = torch.arange(size, dtype=torch.float64)
    centres = (torch.arange(24, dtype=torch.float64) + 0.5) * factor - 0.5
    first = 12 * factor
    shifts = []
    for phase in range(factor):  # one place alone is off by what aliasing does to it; all together are not
        spot = torch.zeros(1, 1, size, size, dtype=torch.float64)
        spot[..., first + phase, first] = 1.0
        lr = apply(spot, degradation, (factor, factor), None)[0, 0].sum(1)
        shifts.append(float((lr * centres).sum() / lr.sum()) - first - phase)
    assert max(map(abs, shifts)) <= 0.03 * factor
    assert sum(shifts) == pytest.approx(0, abs=1e-6)
    wave = torch.cos(2 * math.pi * (rows + 0.5) / (4 * factor)).expand(1, 1, size, size)  # half of Nyquist
    sigma = factor * math.sqrt(-2 * math.log(0.3)) / math.pi
    expected = math.exp(-2 * (math.pi * sigma / (4 * factor)) ** 2)
    seen = apply(wave, degradation, (factor, factor), None)[0, 0, 12, 6:18]
    ideal = torch.cos(2 * math.pi * (centres[6:18] + 0.5) / (4 * factor))
    gain = float((seen * ideal).sum() / (ideal * ideal).sum())
    assert gain == pytest.approx(expected, rel=0.05)


def test_recipe_of_the_domain_is_valid():
    recipe = load_recipe(None, domain="satellite", domain_defaults={"satellite": SATELLITE.training})
    assert recipe.normalizer == {"kind": "item-range"}
    assert recipe.scale == (2, 2, 1)
