import shutil

import numpy as np
import pytest

from srkit import plugins as verbs
from srkit.arrays import ArraySource
from srkit.data import leakage
from srkit.data.fingerprint import fingerprint, pixel_digest
from srkit.data.leakage import check_leakage, trained_on, write_fingerprints
from srkit.data.split import Split
from srkit.domain import Item, Part
from srkit.errors import RecipeError
from srkit.grid import Window


@pytest.fixture
def parts(toy_plugins, toy_data):
    found = verbs.discover(toy_plugins, toy_data, verbs.default_options(toy_plugins), domain="toy")
    return [Part(entry) for entry in found if isinstance(entry, Item)]


def split_of(parts, held=2):
    return Split(tuple(parts[held:]), tuple(parts[:1]), tuple(parts[1:held]), "")


def copied(part, name):
    path = part.item.path.with_name(name)
    shutil.copy(part.item.path, path)
    return Part(Item((path,), "toy", folder="", stem=path.stem, suffix=".npy"))


def test_items_of_their_own_pixels_pass_and_are_known_again(toy_plugins, parts, tmp_path):
    prints = check_leakage(toy_plugins, split_of(parts), {})
    assert len(prints) == 4
    write_fingerprints(tmp_path, prints)
    assert trained_on(tmp_path / "best.safetensors") == set(prints)
    assert trained_on(tmp_path / "elsewhere" / "best.safetensors") == set()


def test_the_same_pixels_under_another_name_in_another_split_are_refused(toy_plugins, parts):
    again = copied(parts[2], "x9_again.npy")
    with pytest.raises(
        RecipeError, match=r"x9_again.npy in the val split has the same pixels as .*s2_image.npy in the tr"
    ):
        check_leakage(toy_plugins, split_of([again, *parts]), {})
    with pytest.raises(
        RecipeError, match=r"x9_again.npy in the test split has the same pixels as .*s2_image.npy in the"
    ):
        check_leakage(toy_plugins, split_of([parts[0], again, *parts[1:]]), {})


def test_the_same_pixels_twice_in_training_leak_nothing(toy_plugins, parts):
    assert len(check_leakage(toy_plugins, split_of([*parts, copied(parts[3], "x9_again.npy")]), {})) == 4


def test_windows_of_one_scene_are_their_own_splits_business(toy_plugins, parts):
    item = parts[0].item
    split = Split((Part(item, Window((0, 0), (20, 44))),), (Part(item, Window((24, 0), (40, 44))),), (), "")
    assert len(check_leakage(toy_plugins, split, {})) == 1


def test_images_that_differ_outside_of_their_middle_alone_are_two(toy_plugins, save_array):
    for number in range(2):
        path = save_array(f"s{number}_image", (300, 300), seed=0)
        array = np.zeros((300, 300), np.uint16)
        array[0, 0] = number
        np.save(path, array)
    found = verbs.discover(toy_plugins, path.parent, verbs.default_options(toy_plugins), domain="toy")
    first, second = (Part(item) for item in found)
    assert len(check_leakage(toy_plugins, Split((first,), (second,), (), ""), {})) == 1


def test_blank_images_are_no_copies_of_each_other(toy_plugins, parts):
    for part in parts[:4]:
        np.save(part.item.path, np.full((30, 30), 7, np.uint16))
    check_leakage(toy_plugins, split_of(parts), {})


def test_an_item_that_cannot_be_read_is_a_matter_of_training(toy_plugins, parts):
    parts[3].item.path.write_bytes(b"no array")
    assert len(check_leakage(toy_plugins, split_of(parts), {})) == 4


def test_of_very_many_items_copies_of_files_are_found_still(toy_plugins, parts, monkeypatch):
    monkeypatch.setattr(leakage, "MOST_OPENED", 3)
    assert check_leakage(toy_plugins, split_of(parts), {}) == ()
    with pytest.raises(RecipeError, match="same pixels"):
        check_leakage(toy_plugins, split_of([copied(parts[2], "x9_again.npy"), *parts]), {})


def test_storage_does_not_change_a_fingerprint():
    values = np.arange(600).reshape(1, 20, 30)
    sources = [ArraySource(values.astype(dtype)) for dtype in ("uint16", "int32", "float32")]
    assert len({fingerprint(source) for source in sources}) == 1
    assert len({pixel_digest(source) for source in sources}) == 1
    other = ArraySource(values.astype("uint16") + np.eye(20, 30, dtype="uint16"))
    assert fingerprint(other) != fingerprint(sources[0])


def test_what_lies_under_invalid_samples_is_no_pixel():
    values = np.arange(600.0).reshape(1, 20, 30)
    valid = np.ones((1, 20, 30), bool)
    valid[0, 3:9, 4:7] = False
    garbage = np.where(valid, values, np.nan)
    assert pixel_digest(ArraySource(values, valid=valid)) == pixel_digest(ArraySource(garbage, valid=valid))
