"""Whether training has seen what figures are taken on: the same pixels in two splits, or in training and evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from srkit import plugins as verbs
from srkit.data.fingerprint import file_ends, fingerprint, pixel_digest
from srkit.data.split import NAMES, Split
from srkit.domain import Item, Options
from srkit.errors import InputError, RecipeError
from srkit.image import Source
from srkit.plugins import Plugins

FILE = "fingerprints.json"
"""Where a run folder keeps the fingerprints of its training items."""
MOST_OPENED = 5000
"""Items beyond which copies are known by their files alone: to open a hundred thousand takes an hour."""


@dataclass(frozen=True, slots=True)
class _Member:
    """An item of a split, and what identifies its pixels."""

    item: Item
    split: str
    print: str


def check_leakage(plugins: Plugins, split: Split, options: Options) -> tuple[str, ...]:
    """Return the fingerprints of the training items; none where there are too many to open.

    Raises RecipeError where two items of different splits have the same pixels; blank ones may. Of more than 5,000
    items only copies of files are found.
    """
    items = [(part.item, name) for name in NAMES for part in split.of(name)]
    opened = len(items) <= MOST_OPENED
    members = [_Member(item, name, _print(plugins, item, options, opened=opened)) for item, name in items]
    for group in _suspects(members):
        _compare(plugins, group, options)
    return tuple(sorted({member.print for member in members if member.split == "train"})) if opened else ()


def write_fingerprints(folder: Path, prints: Sequence[str]) -> None:
    """Keep the fingerprints of a run's training items beside its models."""
    (folder / FILE).write_text(json.dumps({"train": list(prints)}, indent=1), encoding="utf-8")


def trained_on(model: Path) -> frozenset[str]:
    """Return the fingerprints of what a model was trained on; none where it does not lie in its run folder."""
    try:
        return frozenset(json.loads((model.parent / FILE).read_text(encoding="utf-8"))["train"])
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def _print(plugins: Plugins, item: Item, options: Options, *, opened: bool) -> str:
    try:
        if not opened:
            return file_ends(item.path)
        with closing(verbs.open_source(plugins, item, options)) as source:
            return fingerprint(source)
    except (InputError, OSError):
        return f"unreadable {item.path} {item.key}"  # like no other; training passes over it with a warning


def _suspects(members: Iterable[_Member]) -> list[list[_Member]]:
    """Return groups of items that look alike and are not all in one split."""
    by_print: dict[str, list[_Member]] = {}
    for member in members:
        by_print.setdefault(member.print, []).append(member)
    return [group for group in by_print.values() if len({member.split for member in group}) > 1]


def _compare(plugins: Plugins, group: Sequence[_Member], options: Options) -> None:
    """Raise RecipeError for two items of different splits with equal pixels."""
    first: dict[str, _Member] = {}
    for member in group:
        with closing(verbs.open_source(plugins, member.item, options)) as source:
            digest = pixel_digest(source)
        other = first.setdefault(digest, member)
        if digest and other.split != member.split and not _is_one(other.item, member.item):
            raise RecipeError(
                f"{member.item.path} in the {member.split} split has the same pixels as {other.item.path} in the "
                f"{other.split} split; remove one of them, or put both into one split with data.split_file"
            )


def _is_one(a: Item, b: Item) -> bool:
    """Tell whether both are windows of one item, which its own split keeps apart."""
    return (a.path, a.key) == (b.path, b.key)


def seen_by(source: Source, known: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return the names of the models that were trained on `source`, after what each was `trained_on`."""
    found = fingerprint(source)
    return tuple(name for name, prints in known.items() if found in prints)
