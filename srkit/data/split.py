"""Which items train, validate and test: by subject or place, by a table of the user's, or by slabs of a single item."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from srkit import plugins as verbs
from srkit.data.catalogue import Catalogue, Entry
from srkit.data.kept_items import item_from_json, item_to_json
from srkit.domain import Item, Part
from srkit.errors import RecipeError
from srkit.grid import Role, Window
from srkit.plugins import Plugins

NAMES = ("train", "val", "test")
SHORTEST_SLAB = 4
GAP_SHARE = 25  # at least one sample in 25 between slabs is used by nobody
LEAST_TRAINING = 0.5  # of an item; a gap that would leave less is narrowed


NO_GAP: Mapping[Role, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of each split; `note` says in words how they were parted."""

    train: tuple[Part, ...]
    val: tuple[Part, ...]
    test: tuple[Part, ...]
    note: str

    @classmethod
    def of_parts(cls, parts: Mapping[str, Sequence[Part]], note: str) -> Split:
        """Return the split with the parts of each name; a name that is absent has none."""
        train, val, test = (tuple(parts.get(name, ())) for name in NAMES)
        return cls(train, val, test, note)

    def of(self, name: str) -> tuple[Part, ...]:
        """Return the parts of ``train``, ``val`` or ``test``."""
        parts: tuple[Part, ...] = getattr(self, name)
        return parts


def make_split(  # noqa: PLR0913  each is a choice of the recipe's own
    plugins: Plugins,
    catalogue: Catalogue,
    *,
    domain: str,
    fractions: Mapping[str, float],
    seed: int,
    split_file: Path | None = None,
    gap: Mapping[Role, int] = NO_GAP,
) -> Split:
    """Return the split of a catalogue.

    With a single subject or place, slabs of its largest item are held out instead, `gap` samples (per role of the axis)
    apart, and the note says so.
    Raises RecipeError where a subject or place would be in two splits, or nothing is left to train on.
    """
    if split_file is not None:
        split = _from_table(split_file, catalogue.items)
    else:
        shares = {name: share for name, share in fractions.items() if share > 0}
        answer = verbs.split(plugins, domain, catalogue.items, shares, seed)
        split = Split.of_parts(answer, "by subject or place")
        if not split.val and not split.test and set(shares) - {"train"}:
            split = _slabs_of_one(catalogue, split, shares, gap)
    _check_groups(split)
    if not split.train:
        raise RecipeError("the split leaves nothing to train on; change data.split or data.split_file")
    return split


def _check_groups(split: Split) -> None:
    """Refuse whole items of one group in two splits; windows of one scene are the plugin's own, gapped choice."""
    home: dict[str, str] = {}
    for name in NAMES:
        for part in split.of(name):
            if part.window is None and part.item.group and home.setdefault(part.item.group, name) != name:
                raise RecipeError(
                    f"{part.item.path} is in the {name} split, but the same subject or place is in the "
                    f"{home[part.item.group]} split; put all items of a subject or place into one"
                )


# --- a table of the user's -----------------------------------------------------------------------------------------


def _from_table(path: Path, items: Sequence[Item]) -> Split:
    table = _read_table(path)
    parts: dict[str, list[Part]] = {name: [] for name in NAMES}
    for item in items:
        name = next((table[place] for place in _places(item) if place in table), None)
        if name is not None:
            parts[name].append(Part(item))
    return Split.of_parts(parts, f"by the table {path.name}")


def _places(item: Item) -> Iterable[Path]:
    """Yield the item's files, then the folders around them, nearest first."""
    for path in item.paths:
        yield path.resolve()
    yield from item.path.resolve().parents


def _read_table(path: Path) -> dict[Path, str]:
    """Return split names by path; paths in the table count from the table's own folder."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"split file {path} cannot be read ({type(error).__name__}); give a CSV file") from error
    if not rows or not {"path", "split"} <= set(rows[0]):
        raise RecipeError(f"split file {path} needs a header with the columns path and split, and a row for each path")
    for number, row in enumerate(rows, start=2):
        if row["split"] not in NAMES:
            raise RecipeError(f"split file {path}, line {number}: {row['split']!r} is none of {', '.join(NAMES)}")
    return {(path.parent / row["path"]).resolve(): row["split"] for row in rows}


# --- slabs of a single item ----------------------------------------------------------------------------------------


def _slabs_of_one(catalogue: Catalogue, split: Split, shares: Mapping[str, float], gap: Mapping[Role, int]) -> Split:
    """Return a split whose held-out parts are slabs of the largest training item."""
    chosen = {id(part.item) for part in split.train}
    entries = [entry for entry in catalogue.entries if id(entry.item) in chosen]
    if not entries:
        return split
    largest = max(entries, key=lambda entry: Window.whole(entry.shape).size)
    windows = slab_windows(largest, shares, gap)
    if windows is None:
        return split
    parts = {name: (Part(largest.item, window),) for name, window in windows.items()}
    others = tuple(part for part in split.train if part.item is not largest.item)
    note = "slabs of one item: there is a single subject or place, so figures say nothing about others"
    return Split(others + parts["train"], parts.get("val", ()), parts.get("test", ()), note)


def slab_windows(
    entry: Entry, shares: Mapping[str, float], gap: Mapping[Role, int] = NO_GAP
) -> dict[str, Window] | None:
    """Return one window per split along slices (rows of an image), with a gap; None where the item is too small.

    The gap is that of the axis's role in `gap`, and at least a share of the item. Where so wide a gap would leave less
    than half of the item to train on, it is narrowed as far as it must be.
    """
    axis = entry.roles.get("slice", entry.roles.get("row", 0))
    if entry.shape[axis] < 2 * SHORTEST_SLAB:
        axis = entry.roles.get("row", 0)
    length = entry.shape[axis]
    held = {name: max(SHORTEST_SLAB, round(length * shares[name])) for name in NAMES[1:] if name in shares}
    apart = _gap(length, sum(held.values()), len(held), _wanted(entry, axis, gap))
    stop = length
    windows: dict[str, Window] = {}
    for name, size in held.items():
        windows[name] = _slab(entry.shape, axis, stop - size, stop)
        stop -= size + apart
    if stop < SHORTEST_SLAB:
        return None
    return {"train": _slab(entry.shape, axis, 0, stop), **windows}


def _wanted(entry: Entry, axis: int, gap: Mapping[Role, int]) -> int:
    return next((gap.get(role, 0) for role, place in entry.roles.items() if place == axis), 0)


def _gap(length: int, held: int, slabs: int, wanted: int) -> int:
    least = max(1, length // GAP_SHARE)
    affordable = int(length * (1 - LEAST_TRAINING) - held) // max(1, slabs)
    return max(least, min(wanted, affordable))


def _slab(shape: Sequence[int], axis: int, start: int, stop: int) -> Window:
    whole = Window.whole(shape)
    first, last = list(whole.start), list(whole.stop)
    first[axis], last[axis] = start, stop
    return Window(tuple(first), tuple(last))


# --- as JSON -------------------------------------------------------------------------------------------------------


def split_to_json(split: Split) -> str:
    """Return the split as JSON, from which `split_from_json` makes the same one, but for the groups of items.

    A group may derive from a patient's number, and has done its work once the split is made.
    """
    entries = {name: [_part_to_json(part) for part in split.of(name)] for name in NAMES}
    return json.dumps({"note": split.note, **entries}, indent=1, ensure_ascii=False)


def split_from_json(text: str, where: Path) -> Split:
    """Return the split of `split_to_json`. Raises RecipeError if the text is damaged."""
    try:
        content = json.loads(text)
        parts = {name: [_part_from_json(part) for part in content[name]] for name in NAMES}
        return Split.of_parts(parts, str(content["note"]))
    except (ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"{where} is damaged; start the run anew in another folder") from error


def _part_to_json(part: Part) -> dict[str, Any]:
    window = None if part.window is None else [list(part.window.start), list(part.window.stop)]
    return {"item": item_to_json(part.item), "window": window}


def _part_from_json(content: Mapping[str, Any]) -> Part:
    window = content["window"]
    return Part(item_from_json(content["item"]), None if window is None else Window(tuple(window[0]), tuple(window[1])))
