from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit.builtin.split import split_by_group
from srkit.domain import Item
from srkit.errors import RecipeError

THREE = {"train": 0.8, "val": 0.1, "test": 0.1}


def items(count: int, group: str = "", root: str = "/data") -> list[Item]:
    return [Item((Path(f"{root}/s{i:03}/scan.nii"),), "any", group=group and f"{group}{i // 2}") for i in range(count)]


@given(st.integers(0, 40), st.integers(0, 5), st.booleans())
@settings(max_examples=40, deadline=None)
def test_every_item_is_in_one_split_and_no_group_in_two(count: int, seed: int, grouped: bool) -> None:
    given_items = items(count, "subject" if grouped else "")
    parts = split_by_group(given_items, THREE, seed)
    placed = [part.item for members in parts.values() for part in members]
    assert sorted(item.path for item in placed) == [item.path for item in given_items]
    groups = [{part.item.group or str(part.item.path) for part in members} for members in parts.values()]
    assert sum(len(g) for g in groups) == len(set().union(*groups))


@pytest.mark.parametrize(("count", "sizes"), [(10, [8, 1, 1]), (100, [80, 10, 10]), (5, [3, 1, 1]), (3, [1, 1, 1])])
def test_shares_are_met_and_nobody_goes_without(count: int, sizes: list[int]) -> None:
    parts = split_by_group(items(count), THREE, 0)
    assert [len(parts[name]) for name in THREE] == sizes


def test_a_single_group_trains() -> None:
    parts = split_by_group(items(1), THREE, 0)
    assert {name: len(members) for name, members in parts.items()} == {"train": 1, "val": 0, "test": 0}


def test_a_share_of_zero_gets_nothing() -> None:
    assert split_by_group(items(10), {"train": 1, "val": 0}, 0)["val"] == []


def test_another_seed_gives_another_split() -> None:
    first, again, other = (split_by_group(items(40), THREE, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_moving_the_data_or_listing_it_backwards_changes_nothing() -> None:
    here, there = items(20), items(20, root="/another/place")
    names = [
        {name: {part.item.path.parent.name for part in members} for name, members in split.items()}
        for split in (split_by_group(here, THREE, 3), split_by_group(there[::-1], THREE, 3))
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize("fractions", [{}, {"train": -1, "val": 2}, {"train": 0}])
def test_fractions_that_are_no_shares_are_refused(fractions: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match="shares"):
        split_by_group(items(3), fractions, 0)
