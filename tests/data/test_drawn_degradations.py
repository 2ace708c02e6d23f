"""What is drawn for each sample: recorded, the same for the same seed, and within its margin."""

import numpy as np
import pytest
import torch

from srkit import degrade
from srkit import plugins as verbs
from srkit.data.cache import ArrayCache
from srkit.data.loader import BatchMaker
from srkit.data.opening import OpenItems, Pairing, open_part
from srkit.data.pairs import Place, make_pair
from srkit.domain import Item, Part
from srkit.errors import InputError
from srkit.grid import Scale, Window

RANGES = (
    {"name": "gaussian", "sigma": {"from": 0.3, "to": 1.5}},
    {"name": "one_of", "steps": [{"name": "gaussian_noise", "sigma": {"from": 1, "to": 40}}, []]},
)
SCANNER = ({"name": "kspace"}, {"name": "rician", "sigma": {"from": 1, "to": 40}})


def pairing(degradation):
    normalizer = {"kind": "range", "low": 0, "high": 1000}
    return Pairing("toy", Scale(2, 2), ("row", "column"), (16, 16), normalizer, degradation)


@pytest.fixture
def parts_at(toy_plugins):
    def parts(root):
        found = verbs.discover(toy_plugins, root, verbs.default_options(toy_plugins), domain="toy")
        return [Part(entry) for entry in found if isinstance(entry, Item)]

    return parts


@pytest.fixture
def maker(toy_plugins, toy_data, parts_at):
    groups = []

    def made(degradation, seed=0):
        cache = ArrayCache(2**26)
        groups.append(OpenItems(toy_plugins, parts_at(toy_data), pairing(degradation), cache=cache))
        return BatchMaker(groups[-1], patch=(16, 16), size=6, channels=1, seed=seed, augment=True, cache=cache)

    yield made
    for group in groups:
        group.close()


def test_every_image_says_what_was_drawn_for_it(maker):
    drawn = maker(RANGES).make(3).drawn
    assert len(drawn) == 6
    sigmas = [steps[0]["sigma"] for steps in drawn]
    assert len(set(sigmas)) == 6
    assert all(0.3 <= sigma <= 1.5 for sigma in sigmas)
    assert all("one_of" not in [step["name"] for step in steps] for steps in drawn)


def test_the_record_comes_again_from_the_seed(maker):
    assert maker(RANGES).make(7).drawn == maker(RANGES).make(7).drawn
    assert maker(RANGES).make(7).drawn != maker(RANGES, seed=1).make(7).drawn


def test_nothing_is_recorded_where_nothing_is_drawn(maker):
    assert maker(({"name": "area"}, {"name": "gaussian_noise", "sigma": 3})).make(0).drawn == ()


def test_the_recorded_steps_make_the_lr(toy_plugins, save_array, parts_at):
    path = save_array("a_image", (48, 48))
    cache = ArrayCache(2**20)
    item = open_part(toy_plugins, parts_at(path)[0], pairing(RANGES[:1]), cache)
    pair = make_pair(item, Place(Window((14, 20), (30, 36)), 0, noise_seed=5), (16, 16), cache)
    hr = torch.tensor(item.source.read(Window.whole((48, 48))).values)[None]
    judge = degrade.apply(hr, degrade.parse(pair.drawn), (2, 2))[0, :, 7:15, 10:18]
    item.close()
    np.testing.assert_allclose(pair.lr, judge, rtol=1e-5)


def test_slices_that_are_degraded_whole_are_so_once_for_each_draw(toy_plugins, save_array, parts_at):
    path = save_array("a_volume", (6, 32, 32))
    cache = ArrayCache(2**26)
    item = open_part(toy_plugins, parts_at(path)[0], pairing(SCANNER), cache)
    before = cache.held_bytes
    drawn = set()
    for seed in range(40):
        place = Place(Window((2, seed % 8, 0), (3, seed % 8 + 16, 16)), 0, noise_seed=seed)
        drawn.add(make_pair(item, place, (16, 16), cache).drawn[1]["sigma"])
    one = (32 * 32 + 16 * 16) * 4
    assert len(drawn) == 4
    assert cache.held_bytes - before == 4 * one + 6 * 32 * 32 * 4  # and the volume itself
    other = make_pair(item, Place(Window((3, 0, 0), (4, 16, 16)), 0), (16, 16), cache)
    item.close()
    assert other.drawn[1]["sigma"] not in drawn


def test_patches_of_one_slice_agree_where_they_overlap(toy_plugins, save_array, parts_at):
    path = save_array("a_volume", (3, 33, 35))
    cache = ArrayCache(2**26)
    item = open_part(toy_plugins, parts_at(path)[0], pairing(SCANNER), cache)
    first, second = (
        make_pair(item, Place(Window((1, a, a), (2, a + 16, a + 16)), 0, noise_seed=8), (16, 16), cache).lr
        for a in (16, 10)
    )
    item.close()
    np.testing.assert_array_equal(first[:, :5, :5], second[:, 3:, 3:])


def test_an_item_of_another_type_than_a_step_wants_is_no_item_to_train_on(toy_plugins, save_array, parts_at):
    jpeg = pairing(({"name": "area"}, {"name": "jpeg", "quality": 50}))
    with pytest.raises(InputError, match=r"stored as uint16.*8-bit"):
        open_part(toy_plugins, parts_at(save_array("a_image"))[0], jpeg, ArrayCache(1))
    open_part(toy_plugins, parts_at(save_array("b_image", dtype="uint8"))[0], jpeg, ArrayCache(1)).close()
