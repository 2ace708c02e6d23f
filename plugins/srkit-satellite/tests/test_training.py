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

from srkit import ArraySource, InputError, RecipeError, Scale, Window
from srkit.config import load_recipe
from srkit.data.cache import ArrayCache
from srkit.data.catalogue import find_items, make_catalogue
from srkit.data.loader import BatchMaker
from srkit.data.opening import OpenItems, Pairing
from srkit.data.pairs import Place, draw_place, make_pair
from srkit.data.split import make_split
from srkit.degrade import apply
from srkit.domain import Part
from srkit.plugins import load_plugins
from srkit.training import resolve_recipe
from srkit.training.keeping.run_folder import RunFolder
from srkit.training.material.preparation import prepare

RNG = np.random.default_rng(0)
CLOUDY = Window((0, 0), (120, 120))


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


@pytest.mark.parametrize("kind", ["band", "classes beside", "mask beside"])
def test_patches_are_hardly_cloudy(make, opened, kind):
    """The right half is cloud, which a band of the scene says, or a file beside it, of half the resolution."""
    values = RNG.integers(1, 9, (2, 120, 120)).astype(np.uint8)
    cloudy = np.broadcast_to(np.arange(120) >= 60, (120, 120)).astype(np.uint8)
    if kind == "band":
        classes = np.where(cloudy, 9, 4).astype(np.uint8)
        path = make(
            "in.tif",
            np.concatenate([values, classes[None]]),
            edit=lambda file: setattr(file, "descriptions", ("red", "nir", "SCL")),
        )
    else:
        path = make("in.tif", values)
        if kind == "classes beside":
            make("in_SCL.tif", np.where(cloudy, 8, 5).astype(np.uint8)[::2, ::2])
        else:
            make("in_cloudmask.tif", cloudy[::2, ::2])
    sampler = SceneSampler(opened(path), (20, 20))
    rng = np.random.default_rng(1)
    shares = [cloudy[window.slices].mean() for window, _ in (sampler.draw(rng, CLOUDY) for _ in range(40))]
    assert max(shares) <= 0.1
    assert len(set(shares)) > 1  # up to the bound, not only where there is none
    with pytest.raises(InputError, match="no valid and clear pixel"):
        sampler.draw(rng, Window((0, 70), (120, 120)))


def test_any_share_of_cloud_can_be_asked_for(make):
    path = make("in.tif", RNG.integers(1, 9, (1, 60, 60)).astype(np.uint8))
    make("in_clouds.tif", np.ones((60, 60), np.uint8))
    source = RasterSource(path, {"max_cloud": 1.0})
    SceneSampler(source, (20, 20)).draw(np.random.default_rng(0), Window.whole((60, 60)))
    source.close()


def test_no_pixel_of_the_held_out_part_of_a_scene_is_seen_in_training(make):
    """Whatever stands in the validation part, the training batches are the same, bit by bit."""
    values = RNG.integers(1, 60000, (1, 400, 80)).astype(np.uint16)
    batches, gaps = [], []
    for change in (0, 5000):
        split = _split_of_one_scene(make("in.tif", values))
        held, trained = split.val[0].window, split.train[0].window
        gaps.append(held.start[0] - trained.stop[0])
        values[:, held.start[0] :] += change
        make("in.tif", values)
        batches.append(_batch(split))
    torch.testing.assert_close(batches[0], batches[1], rtol=0, atol=0)
    assert min(gaps) >= 32 + 8


def test_footprints_of_a_scene_lie_a_patch_and_more_apart(make, tmp_path):
    """By what was read of the scene, for LR and HR of patches of each split."""
    plugins = load_plugins(environment={"SRKIT_PLUGINS": "satellite"})
    path = make("in.tif", RNG.integers(1, 60000, (1, 500, 90)).astype(np.uint16))
    recipe = resolve_recipe(plugins, domain="satellite", overrides=("data.patch=32",))
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"path": (path,)})})
    material = prepare(plugins, recipe, RunFolder(tmp_path))
    pairing = material.pairing(recipe, {}, recipe.patch)
    cache, spans = ArrayCache(0), {}
    for name in ("train", "val", "test"):
        items = OpenItems(plugins, material.split.of(name), pairing, cache=cache)
        with items.borrowed(0) as item:
            margin, rng, read = item.margin[0], np.random.default_rng(0), item.source.read
            seen = spans.setdefault(name, [])

            def noted(window, frame=0, seen=seen, read=read):
                seen.append(window)
                return read(window, frame)

            item.source.read = noted
            for _ in range(60):
                make_pair(item, draw_place(item, rng), recipe.patch, cache)
        items.close()
    rows = {name: (min(w.start[0] for w in seen), max(w.stop[0] for w in seen)) for name, seen in spans.items()}
    apart = recipe.patch[0] + margin
    assert margin > 0
    assert rows["val"][0] - rows["train"][1] >= apart or rows["train"][0] - rows["val"][1] >= apart
    assert rows["test"][0] - rows["train"][1] >= apart or rows["train"][0] - rows["test"][1] >= apart


@pytest.mark.parametrize("finer", [1, 2])
def test_clouds_count_in_no_loss(make, finer):
    """A tenth of each patch may be cloud: it stays in the images, and is invalid."""
    plugins = load_plugins(environment={"SRKIT_PLUGINS": "satellite"})
    values = RNG.integers(1, 60000, (1, 80, 80)).astype(np.uint16)
    cloudy = np.zeros((80, 80), np.uint8)
    cloudy[20:24, 30:36], cloudy[60:64, 8:12] = 1, 1
    make("in_clouds.tif", cloudy[::finer, ::finer])
    items, _ = find_items(plugins, [make("in.tif", values)], domain="satellite", options={})
    spec = {"kind": "bands", "low": 0, "high": 60000}
    pairing = Pairing("satellite", Scale(2, 2), ("row", "column"), (32, 32), spec)
    opened = OpenItems(plugins, [Part(item) for item in items if item.stem == "in"], pairing, cache=ArrayCache(0))
    with opened.borrowed(0) as item:
        pair = make_pair(item, Place(Window((12, 20), (44, 52)), 0), (32, 32), ArrayCache(0))
    opened.close()
    np.testing.assert_array_equal(pair.valid[0], cloudy[12:44, 20:52] == 0)
    np.testing.assert_array_equal(pair.hr, values[:, 12:44, 20:52])


def _split_of_one_scene(path):
    plugins = load_plugins(environment={"SRKIT_PLUGINS": "satellite"})
    items, _ = find_items(plugins, [path], domain="satellite", options={})
    catalogue = make_catalogue(plugins, items, roles=("row", "column"), scale=Scale(2, 2), options={})
    shares = {"train": 0.8, "val": 0.2}
    gap = {"row": 32 + 8, "column": 32 + 8}
    return make_split(plugins, catalogue, domain="satellite", fractions=shares, seed=0, gap=gap)


def _batch(split):
    plugins = load_plugins(environment={"SRKIT_PLUGINS": "satellite"})
    spec = {"kind": "bands", "low": 0, "high": 60000}
    pairing = Pairing("satellite", Scale(2, 2), ("row", "column"), (32, 32), spec)
    cache = ArrayCache(0)
    items = OpenItems(plugins, split.train, pairing, cache=cache)
    maker = BatchMaker(items, patch=(32, 32), size=40, channels=1, seed=0, augment=False, cache=cache)
    lr = maker.make(0).lr
    items.close()
    return lr


def test_empty_scenes_and_large_patches_are_refused(make, opened):
    source = opened(make("in.tif", np.zeros((1, 40, 40), np.uint8), nodata=0))
    with pytest.raises(InputError, match="no valid and clear pixel"):
        SceneSampler(source, (8, 8)).draw(np.random.default_rng(0), Window.whole((40, 40)))
    with pytest.raises(RecipeError, match="do not fit"):
        SceneSampler(source, (64, 64)).draw(np.random.default_rng(0), Window.whole((40, 40)))


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_default_degradation_has_its_response_at_nyquist_and_moves_nothing(factor):
    degradation = srkit_degradation("satellite", None, ArraySource(np.ones((1, 8, 8))))
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


def test_a_normaliser_says_whether_its_numbers_are_the_items_own(make, opened):
    source = opened(make("in.tif", RNG.integers(100, 5000, (1, 50, 60)).astype(np.uint16)))
    assert normalizer_of({"kind": "item-range"}, source).by_item
    assert not normalizer_of({"kind": "bands", "low": 0, "high": 10000}, source).by_item
