"""Very many items: what is done before the first step grows with their number, not with its square."""

import time
from pathlib import Path

import numpy as np
import pytest

from srkit.data.catalogue import Catalogue, Entry, find_items, make_catalogue, with_channels
from srkit.data.split import NAMES, make_split
from srkit.domain import Item
from srkit.errors import SrkitWarning
from srkit.grid import Scale
from srkit.image import Channel

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
BANDS = tuple(Channel(name) for name in "abc")


def seconds(plugins, number):
    """Return the processor time of settling channels and splits of so many items, one in ten of another kind."""
    roles = {"row": 0, "column": 1}
    entries = tuple(
        Entry(Item((Path(f"/data/{i}.npy"),), "toy", group=f"s{i // 2}"), BANDS[: 2 if i % 10 else 3], (24, 24), roles)
        for i in range(number)
    )
    begin = time.process_time()
    with pytest.warns(SrkitWarning, match="left out"):
        catalogue, _ = with_channels(Catalogue(entries), 2)
    make_split(plugins, catalogue, domain="toy", fractions=SHARES, seed=0)
    return time.process_time() - begin


def test_the_time_for_many_items_grows_with_their_number(toy_plugins):
    few, many = seconds(toy_plugins, 1500), seconds(toy_plugins, 24_000)
    assert many < 60 * max(few, 0.01)  # 16 times as many; their square would be 256 times as much


def test_five_thousand_files_are_listed_opened_and_split(toy_plugins, tmp_path):
    array = np.arange(64, dtype=np.uint16).reshape(8, 8)
    for number in range(5000):
        path = tmp_path / f"{number // 500:02d}" / f"s{number}_image.npy"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"") if number % 1000 == 7 else np.save(path, array)
    items, skipped = find_items(toy_plugins, [tmp_path], domain="toy", options={})
    catalogue = make_catalogue(toy_plugins, items, roles=("row", "column"), scale=Scale(2, 2), options={})
    split = make_split(toy_plugins, catalogue, domain="toy", fractions=SHARES, seed=0)
    assert (len(items), len(skipped)) == (4995, 5)
    assert [len(split.of(name)) for name in NAMES] == [3996, 500, 499]
    assert len({id(entry.channels) for entry in catalogue.entries}) == 1  # said once, not five thousand times
