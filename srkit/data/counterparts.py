"""Which LR belongs to which HR, where both were measured: by their names in two folders, or by a table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from srkit.data.catalogue import find_items
from srkit.domain import Item, Options, Skipped
from srkit.errors import RecipeError
from srkit.plugins import Plugins

Couple = tuple[Item, Item]
"""The items of HR and LR."""


def find_couples(
    plugins: Plugins, paths: Sequence[Path], lr: Path, *, domain: str, options: Options
) -> tuple[list[Couple], list[Skipped]]:
    """Return the couples of HR below `paths` and LR below the folder `lr`, or those of `lr`, a table.

    In folders, files of one name below both belong together, whatever their format. A table is a CSV file with the
    columns ``lr`` and ``hr``; its paths count from its own folder, and `paths` must be empty. HR without LR is skipped
    with the reason. Raises RecipeError where it remains open what belongs together.
    """
    if lr.is_file():
        if paths:
            raise RecipeError(f"the table {lr} names HR and LR alike; leave out --data (data.path)")
        return _of_table(plugins, lr, domain, options)
    if not lr.exists():
        raise RecipeError(f"data.pairs.lr {lr} does not exist; name a folder of LR files, or a CSV with columns lr, hr")
    hr_items, skipped = find_items(plugins, paths, domain=domain, options=options)
    lr_items, broken = find_items(plugins, [lr], domain=domain, options=options)
    _by_name(hr_items, "HR")
    partners = _by_name(lr_items, "LR")
    couples = [(item, partners[_name(item)]) for item in hr_items if _name(item) in partners]
    alone = [
        Skipped(item.path, f"has no LR of its name below {lr}") for item in hr_items if _name(item) not in partners
    ]
    return couples, [*skipped, *broken, *alone]


def _name(item: Item) -> tuple[str, str, str]:
    return item.folder, item.stem, item.key


def _by_name(items: Sequence[Item], which: str) -> dict[tuple[str, str, str], Item]:
    found: dict[tuple[str, str, str], Item] = {}
    for item in items:
        other = found.setdefault(_name(item), item)
        if other is not item:
            raise RecipeError(
                f"{other.path} and {item.path} are {which} of one name; say with a CSV of the columns lr and hr what "
                "belongs together"
            )
    return found


def _of_table(plugins: Plugins, table: Path, domain: str, options: Options) -> tuple[list[Couple], list[Skipped]]:
    couples: list[Couple] = []
    skipped: list[Skipped] = []
    for hr_path, lr_path in _rows(table):
        sides: list[Item] = []
        for path in (hr_path, lr_path):
            items, broken = find_items(plugins, [path], domain=domain, options=options)
            skipped += broken
            if len(items) > 1:
                raise RecipeError(f"{path} in {table} holds {len(items)} items of {domain}; name one a line")
            sides += items
        if len(sides) == 2:
            couples.append((sides[0], sides[1]))
        else:
            skipped.append(Skipped(hr_path, f"one of it and {lr_path} is no item of {domain}"))
    return couples, skipped


def _rows(table: Path) -> list[tuple[Path, Path]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecipeError(f"{table} cannot be read as a table ({type(error).__name__}); give a CSV file") from error
    if not rows or not {"lr", "hr"} <= set(rows[0]) or not all(row["lr"] and row["hr"] for row in rows):
        raise RecipeError(f"{table} needs a header with the columns lr and hr, and a path in both for each pair")
    named = [row["hr"] for row in rows]
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise RecipeError(f"{table} names the HR {twice} twice; give one LR for each")
    return [(table.parent / row["hr"], table.parent / row["lr"]) for row in rows]
