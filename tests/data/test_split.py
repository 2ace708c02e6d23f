from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit.data.catalogue import Catalogue, Entry, find_items, make_catalogue, with_channels
from srkit.data.split import make_split, slab_windows, split_from_json, split_to_json
from srkit.domain import Item
from srkit.errors import RecipeError, SrkitWarning
from srkit.grid import Scale, Window
from srkit.image import Channel

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
PLANE = ("row", "column")


def bands(number: int) -> tuple[Channel, ...]:
    return tuple(Channel(f"band {i}") for i in range(number))


def entry(path: Path, *, group: str = "", shape=(40, 40), channels=1) -> Entry:
    roles = {"row": 0, "column": 1} if len(shape) == 2 else {"slice": 0, "row": 1, "column": 2}
    known = bands(channels) if isinstance(channels, int) else channels
    return Entry(Item((path,), "toy", group=group), known, shape, roles)


def catalogue(*entries: Entry) -> Catalogue:
    return Catalogue(entries)


def split(plugins, *entries, **arguments):
    return make_split(plugins, catalogue(*entries), domain="toy", fractions=SHARES, seed=0, **arguments)


def table(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "split.csv"
    path.write_text("path,split\n" + "\n".join(rows) + "\n")
    return path


def names_of(parts):
    return [part.item.path.name for part in parts]


def test_items_of_a_group_stay_together(toy_plugins, tmp_path):
    entries = [entry(tmp_path / f"{g}{i}", group=f"g{g}") for g in range(10) for i in range(3)]
    found = split(toy_plugins, *entries)
    groups = [{part.item.group for part in found.of(name)} for name in SHARES]
    assert [len(group) for group in groups] == [6, 2, 2]
    assert not groups[0] & groups[1]
    assert not (groups[0] | groups[1]) & groups[2]


def test_a_table_decides_by_file_or_folder(toy_plugins, tmp_path):
    entries = [entry(tmp_path / "a" / "x"), entry(tmp_path / "a" / "y"), entry(tmp_path / "b" / "z")]
    found = split(toy_plugins, *entries, split_file=table(tmp_path, "a,train", "a/y,val"))
    assert (names_of(found.train), names_of(found.val), names_of(found.test)) == (["x"], ["y"], [])


def test_a_table_that_parts_a_group_is_refused(toy_plugins, tmp_path):
    entries = [entry(tmp_path / "x", group="g"), entry(tmp_path / "y", group="g")]
    with pytest.raises(RecipeError, match="same subject or place"):
        split(toy_plugins, *entries, split_file=table(tmp_path, "x,train", "y,val"))


@pytest.mark.parametrize(
    ("rows", "words"), [(["x,trian"], "line 2: 'trian'"), ([], "needs a header"), (["y,train"], "nothing to train on")]
)
def test_a_wrong_table_is_refused(toy_plugins, tmp_path, rows, words):
    with pytest.raises(RecipeError, match=words):
        split(toy_plugins, entry(tmp_path / "x"), split_file=table(tmp_path, *rows))


def test_a_missing_table_is_refused(toy_plugins, tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        split(toy_plugins, entry(tmp_path / "x"), split_file=tmp_path / "none.csv")


def test_a_single_item_holds_out_slabs_of_itself(toy_plugins, tmp_path):
    found = split(toy_plugins, entry(tmp_path / "x", shape=(50, 20, 20)))
    assert "slabs of one item" in found.note
    assert [len(found.of(name)) for name in SHARES] == [1, 1, 1]


@given(
    shape=st.one_of(st.tuples(*[st.integers(1, 90)] * 2), st.tuples(*[st.integers(1, 90)] * 3)),
    val=st.floats(0.05, 0.3),
)
@settings(max_examples=60, deadline=None)
def test_slabs_lie_inside_and_apart(shape, val):
    shares = {"train": 1 - val - 0.1, "val": val, "test": 0.1}
    windows = slab_windows(entry(Path("x"), shape=shape), shares)
    if windows is None:
        return
    whole = Window.whole(shape)
    boxes = list(windows.values())
    assert all(whole.contains(box) and box.size > 0 for box in boxes)
    axis = next(i for i in range(len(shape)) if boxes[0].shape[i] != shape[i])
    spans = sorted((box.start[axis], box.stop[axis]) for box in boxes)
    assert all(stop < start for (_, stop), (start, _) in pairwise(spans))


@given(length=st.integers(60, 900), patch=st.integers(1, 200), val=st.floats(0.05, 0.25))
@settings(max_examples=60, deadline=None)
def test_slabs_lie_a_patch_and_its_margin_apart_where_half_remains_to_train_on(length, patch, val):
    shares = {"train": 0.95 - val, "val": val, "test": 0.05}
    windows = slab_windows(entry(Path("x"), shape=(length, 30)), shares, {"row": patch, "column": 7})
    spans = sorted((box.start[0], box.stop[0]) for box in windows.values())
    gaps = [start - stop for (_, stop), (start, _) in pairwise(spans)]
    assert min(gaps) >= min(patch, (length // 2 - spans[-1][1] + spans[-1][0] - (spans[-2][1] - spans[-2][0])) // 2)
    assert max(gaps) <= max(patch, length // 25, 1)
    assert windows["train"].shape[0] >= length // 2 or max(gaps) == max(1, length // 25)


def test_a_split_reads_back_equal_but_for_groups(toy_plugins, tmp_path):
    """What a group derives from may stand inside a medical file: it is not kept."""
    shape = (50, 20, 20)
    text = split_to_json(split(toy_plugins, entry(tmp_path / "ä x", group="hash", shape=shape)))
    assert "hash" not in text
    assert split_from_json(text, tmp_path) == split(toy_plugins, entry(tmp_path / "ä x", shape=shape))


def test_a_damaged_split_is_told_in_words(toy_plugins, tmp_path):
    found = split(toy_plugins, entry(tmp_path / "x", shape=(50, 20, 20)))
    with pytest.raises(RecipeError, match="is damaged"):
        split_from_json(split_to_json(found)[:-9], tmp_path / "split.json")


# --- the catalogue before it ---------------------------------------------------------------------------------------


def test_an_item_found_twice_counts_once(toy_plugins, toy_data):
    items, _ = find_items(toy_plugins, [toy_data, toy_data / "s0_image.npy"], domain="toy", options={})
    assert len(items) == 6


def test_a_path_that_is_not_there_is_a_recipe_error(toy_plugins, tmp_path):
    with pytest.raises(RecipeError, match="does not exist"):
        find_items(toy_plugins, [tmp_path / "none"], domain="toy", options={})


def test_an_item_without_the_networks_axes_is_left_out(toy_plugins, save_array):
    save_array("a_image")
    path = save_array("b_volume", (12, 12, 12))
    items, _ = find_items(toy_plugins, [path.parent], domain="toy", options={})
    with pytest.warns(SrkitWarning, match="a_image.*has no slice axis"):
        found = make_catalogue(toy_plugins, items, roles=("slice", "row", "column"), scale=Scale(1, 1, 2), options={})
    assert [e.item.path.name for e in found.entries] == ["b_volume.npy"]
    assert len(found.left_out) == 1


def test_items_with_other_channels_are_an_error_unless_one_chose(tmp_path):
    grey, colour = entry(tmp_path / "grey"), entry(tmp_path / "colour", channels=3)
    with pytest.raises(RecipeError, match=r"grey has 1, .*colour has 3"):
        with_channels(catalogue(grey, colour), None)
    with pytest.warns(SrkitWarning, match="1 items are left out"):
        found, channels = with_channels(catalogue(grey, colour), 3)
    assert (channels, found.entries) == (bands(3), (colour,))
    assert with_channels(catalogue(grey, colour), 1) == (catalogue(grey, colour), ())
    assert with_channels(catalogue(colour), None) == (catalogue(colour), bands(3))


def test_the_same_number_of_channels_that_mean_other_things_is_refused(tmp_path):
    colour = entry(tmp_path / "colour", channels=(Channel("red"), Channel("green"), Channel("blue")))
    infrared = entry(tmp_path / "infrared", channels=(Channel("nir"), Channel("red"), Channel("green")))
    with pytest.raises(RecipeError, match=r"colour has red, green, blue, .*infrared has nir, red, green; train on one"):
        with_channels(catalogue(colour, infrared), 3)
    assert with_channels(catalogue(colour, infrared), 1)[1] == ()
    with pytest.raises(RecipeError, match=r"names 2 channels, the network has 1; set network.parameters.channels=2"):
        with_channels(catalogue(colour, infrared), 1, ("green", "red"))
    found, inputs = with_channels(catalogue(colour, infrared), None, ("green", "red"))
    assert [channel.name for channel in inputs] == ["green", "red"]
    assert len(found.entries) == 2


def test_items_in_another_order_are_trained_on_together_and_keep_what_they_agree_on(tmp_path):
    one = entry(
        tmp_path / "one",
        channels=(Channel("red", aliases=("r",), quantity="display"), Channel("nir", wavelength_nm=842)),
    )
    two = entry(tmp_path / "two", channels=(Channel("nir"), Channel("red", quantity="reflectance")))
    _, inputs = with_channels(catalogue(one, two), None)
    assert inputs == (Channel("red"), Channel("nir"))


def test_a_network_that_fits_no_item_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="the network has 4 channels"):
        with_channels(catalogue(entry(tmp_path / "x", channels=3)), 4)
    with pytest.raises(RecipeError, match="nothing to train on"):
        with_channels(catalogue(), None)


def test_a_network_of_colours_for_grey_items_is_told_one_number(tmp_path):
    with pytest.raises(RecipeError, match=r"set network\.parameters\.channels=1$"):
        with_channels(catalogue(entry(tmp_path / "x")), 3)


def test_the_catalogue_tells_what_items_are(toy_plugins, save_array):
    path = save_array("a_bands", (2, 12, 14))
    items, _ = find_items(toy_plugins, [path], domain="toy", options={})
    found = make_catalogue(toy_plugins, items, roles=PLANE, scale=Scale(2, 2), options={}).entries[0]
    assert (found.channels, found.shape, dict(found.roles)) == (bands(2), (12, 14), {"row": 0, "column": 1})
    assert np.prod(found.shape) == 168
