import numpy as np
import pytest
import torch

from srkit import degrade
from srkit import plugins as verbs
from srkit.data.cache import ArrayCache
from srkit.data.loader import BatchMaker, iter_batches
from srkit.data.opening import OpenItems, Pairing
from srkit.data.pairs import Place, draw_place, make_pair, normalised
from srkit.domain import Item, Part
from srkit.errors import InputError
from srkit.grid import Scale, Window

AREA = ({"name": "area"},)
KSPACE = ({"name": "kspace"},)
NOISY = ({"name": "area"}, {"name": "gaussian_noise", "sigma": 30.0})
NODATA = 60000


def items_at(plugins, root):
    found = verbs.discover(plugins, root, verbs.default_options(plugins), domain="toy")
    return [entry for entry in found if isinstance(entry, Item)]


def pairing(degradation=AREA, *, scale=None, roles=("row", "column"), patch=(16, 16)):
    normalizer = {"kind": "range", "low": 0, "high": 1000}
    return Pairing("toy", scale or Scale(2, 2), roles, patch, normalizer, degradation)


@pytest.fixture
def opened(toy_plugins):
    """Return a function that opens the items at a path; all are closed at the end."""
    groups = []

    def open_items(root, chosen, megabytes=64):
        parts = [Part(item) for item in items_at(toy_plugins, root)]
        groups.append(OpenItems(toy_plugins, parts, chosen, cache=ArrayCache(megabytes * 2**20)))
        return groups[-1]

    yield open_items
    for group in groups:
        group.close()


def maker(items, chosen, *, size=4, channels=1, seed=0, augment=True, share=(0, 1)):
    return BatchMaker(
        items,
        patch=chosen.patch,
        size=size,
        channels=channels,
        seed=seed,
        augment=augment,
        cache=ArrayCache(2**26),
        share=share,
    )


def box_means(hr):
    return hr.reshape(hr.shape[0], hr.shape[1] // 2, 2, hr.shape[2] // 2, 2).mean(axis=(2, 4))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (5, 8), (24, 30), (23, 17)])
def test_lr_covers_exactly_its_hr_samples(opened, save_array, row, column):
    items = opened(save_array("a_image", (40, 46)), pairing())
    with items.borrowed(0) as item:
        window = Window((row, column), (row + 16, column + 16))
        pair = make_pair(item, Place(window, 0), (16, 16), ArrayCache(2**20))
        np.testing.assert_array_equal(pair.hr, item.source.read(window).values)
    np.testing.assert_allclose(pair.lr, box_means(pair.hr), rtol=1e-6)
    assert pair.valid is None


def test_lr_at_the_border_is_that_of_the_whole_image(opened, save_array):
    items = opened(save_array("a_image", (48, 56)), pairing(({"name": "bicubic"},)))
    with items.borrowed(0) as item:
        pair = make_pair(item, Place(Window((0, 40), (16, 56)), 0), (16, 16), ArrayCache(2**20))
        hr = torch.tensor(item.source.read(Window.whole((48, 56))).values)[None]
        expected = degrade.apply(hr, item.degradation, (2, 2))[0]
    np.testing.assert_allclose(pair.lr, expected[:, :8, 20:], rtol=1e-5)


@pytest.mark.parametrize("degradation", [({"name": "bicubic"},), ({"name": "gaussian", "sigma": 0.5},), KSPACE])
def test_lr_of_a_window_is_that_of_the_whole_image(opened, save_array, degradation):
    items = opened(save_array("a_image", (48, 56)), pairing(degradation))
    whole, cache = Place(Window((0, 0), (48, 56)), 0), ArrayCache(2**20)
    with items.borrowed(0) as item:
        expected = make_pair(item, whole, (48, 56), cache)
        pair = make_pair(item, Place(Window((14, 20), (30, 36)), 0), (16, 16), cache)
    np.testing.assert_allclose(pair.lr, expected.lr[:, 7:15, 10:18], rtol=1e-4)
    np.testing.assert_array_equal(pair.hr, expected.hr[:, 14:30, 20:36])


def test_a_window_for_a_whole_axis_step_starts_on_the_lr_grid(opened, save_array):
    items = opened(save_array("a_image", (41, 47)), pairing(KSPACE))
    with items.borrowed(0) as item:
        pair = make_pair(item, Place(Window((25, 31), (41, 47)), 0), (16, 16), ArrayCache(2**20))
        expected = item.source.read(Window((24, 30), (40, 46))).values
    np.testing.assert_array_equal(pair.hr, expected)
    assert pair.valid is None


def test_an_item_smaller_than_the_patch_grows_by_its_mirror_and_is_invalid_there(opened, save_array):
    for degradation in (AREA, KSPACE):
        items = opened(save_array("a_image", (10, 40)), pairing(degradation))
        with items.borrowed(0) as item:
            place = draw_place(item, np.random.default_rng(0))
            pair = make_pair(item, place, (16, 16), ArrayCache(2**20))
        assert pair.hr.shape == (1, 16, 16)
        assert pair.lr.shape == (1, 8, 8)
        np.testing.assert_array_equal(pair.valid[0, :, 0], [True] * 10 + [False] * 6)
        np.testing.assert_array_equal(pair.hr[:, 10:16], pair.hr[:, 9:3:-1])


def test_lr_and_hr_are_normalised_by_one_mapping(opened, save_array):
    items = opened(save_array("a_image"), pairing())
    with items.borrowed(0) as item:
        pair = make_pair(item, Place(Window((0, 0), (16, 16)), 0), (16, 16), ArrayCache(2**20))
        result = normalised(item, pair)
    np.testing.assert_allclose(result.lr, pair.lr / 500 - 1, atol=1e-6)
    np.testing.assert_allclose(result.hr, pair.hr / 500 - 1, atol=1e-6)
    assert result.hr.dtype == np.float32


def test_a_plane_of_a_volume_lies_in_its_own_axes(opened, save_array):
    items = opened(save_array("a_volume", (5, 30, 34)), pairing())
    with items.borrowed(0) as item:
        place = draw_place(item, np.random.default_rng(3))
        assert place.window.shape == (1, 16, 16)
        pair = make_pair(item, place, (16, 16), ArrayCache(2**20))
        np.testing.assert_array_equal(pair.hr, item.source.read(place.window).values[:, 0])


def test_samples_without_data_are_masked_and_never_reach_lr(opened, save_array):
    path = save_array("a_image", (32, 32))
    values = np.load(path)
    values[:, 16:] = NODATA
    np.save(path, values)
    items = opened(path, pairing())
    with items.borrowed(0) as item:
        pair = make_pair(item, Place(Window((8, 8), (24, 24)), 0), (16, 16), ArrayCache(2**20))
    assert pair.valid[0, 0].tolist() == [True] * 8 + [False] * 8
    assert pair.lr.max() <= 1000
    assert pair.hr.max() <= 1000


def test_the_batch_of_a_step_depends_on_seed_and_step_alone(opened, toy_data):
    chosen = pairing(NOISY)
    one = maker(opened(toy_data, chosen), chosen)
    other = maker(opened(toy_data, chosen, megabytes=1), chosen)
    for step in (7, 3, 7):
        other.make(step)
    assert torch.equal(one.make(5).hr, other.make(5).hr)
    assert torch.equal(one.make(5).lr, other.make(5).lr)
    assert not torch.equal(one.make(5).hr, one.make(6).hr)
    assert not torch.equal(one.make(5).hr, maker(opened(toy_data, chosen), chosen, seed=1).make(5).hr)


def test_shares_of_processes_have_no_image_in_common_and_are_together_the_whole_step(opened, toy_data):
    chosen = pairing(NOISY)
    items = opened(toy_data, chosen)
    for step in (0, 5):
        shares = [maker(items, chosen, size=2, share=(rank, 3)).make(step) for rank in range(3)]
        whole = maker(items, chosen, size=6).make(step)
        assert torch.equal(torch.cat([share.lr for share in shares]), whole.lr)
        assert torch.equal(torch.cat([share.hr for share in shares]), whole.hr)
        assert len({image.numpy().tobytes() for image in whole.hr}) == 6


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_hand_out_the_same_batches_in_order(opened, toy_data, workers):
    chosen = pairing(KSPACE)
    made = maker(opened(toy_data, chosen), chosen)
    batches = iter_batches(made, 4, workers=workers)
    try:
        for step in range(4, 12):
            assert torch.equal(next(batches).lr, made.make(step).lr)
    finally:
        batches.close()


def test_lr_belongs_to_its_hr_after_augmentation(opened, toy_data):
    chosen = pairing()
    batch = maker(opened(toy_data, chosen), chosen, size=16).make(0)
    means = torch.nn.functional.avg_pool2d(batch.hr, 2)
    torch.testing.assert_close(batch.lr, means, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("augment", "directions"), [(False, 1), (True, 8)])
def test_shadows_keep_their_direction_where_nothing_is_augmented(opened, toy_data, augment, directions):
    slope = np.add.outer(4 * np.arange(40), np.arange(44)).astype(np.uint16)
    for path in toy_data.iterdir():
        np.save(path, slope)
    chosen = pairing()
    hr = maker(opened(toy_data, chosen), chosen, size=64, augment=augment).make(0).hr[:, 0]
    falls = torch.stack([hr.diff(dim=1).mean((1, 2)), hr.diff(dim=2).mean((1, 2))], dim=1)
    assert len({tuple(fall) for fall in (falls * 500).round().int().tolist()}) == directions


def test_a_network_of_one_channel_sees_bands_in_turn(opened, save_array):
    path = save_array("a_bands", (3, 16, 16))
    chosen = pairing()
    batch = maker(opened(path, chosen), chosen, size=6, augment=False).make(0)
    expected = np.load(path).astype(np.float32) / 500 - 1
    assert batch.hr.shape == (6, 1, 16, 16)
    for place in range(6):
        np.testing.assert_allclose(batch.hr[place, 0], expected[place % 3], atol=1e-6)


def test_an_item_that_breaks_later_is_passed_over(opened, toy_data, caplog):
    chosen = pairing()
    items = opened(toy_data, chosen)
    broken = sorted(toy_data.iterdir())[0]
    broken.write_bytes(b"no array any more")
    made = maker(items, chosen)
    for step in range(10):
        assert made.make(step).hr.shape == (4, 1, 16, 16)
    assert set(made.failures) == {0}
    assert caplog.text.count("cannot be used") == 1


def test_without_a_readable_item_there_is_no_batch(opened, save_array):
    path = save_array("a_image")
    chosen = pairing()
    items = opened(path, chosen)
    path.write_bytes(b"no array")
    with pytest.raises(InputError, match="no training item can be read"):
        maker(items, chosen).make(0)


def test_items_beyond_the_limit_are_closed_and_opened_again(toy_plugins, toy_data):
    parts = [Part(item) for item in items_at(toy_plugins, toy_data)]
    items = OpenItems(toy_plugins, parts, pairing(), cache=ArrayCache(1), limit=2)
    for index in (0, 1, 2, 3, 0):
        with items.borrowed(index) as item:
            assert item.source.read(Window((0, 0), (2, 2))).values.shape == (1, 2, 2)
    assert len(items._open) == 2
    items.close()


def test_a_slab_sees_nothing_of_its_neighbours(opened, toy_plugins, save_array):
    path = save_array("a_volume", (20, 24, 24))
    chosen = pairing(({"name": "profile"},), scale=Scale(1, 1, 2), roles=("slice", "row", "column"), patch=(16, 8, 8))
    item = items_at(toy_plugins, path)[0]
    part = Part(item, Window((4, 0, 0), (10, 24, 24)))
    values = np.load(path)
    found = []
    for spoil in (False, True):
        if spoil:
            values[:4], values[10:] = 0, 0
            np.save(path, values)
        items = OpenItems(toy_plugins, [part], chosen, cache=ArrayCache(1))
        with items.borrowed(0) as lent:
            found.append(make_pair(lent, draw_place(lent, np.random.default_rng(0)), (16, 8, 8), ArrayCache(1)))
        items.close()
    np.testing.assert_array_equal(found[0].hr, found[1].hr)
    np.testing.assert_array_equal(found[0].lr, found[1].lr)
    assert found[0].valid.sum() == 6 * 8 * 8
