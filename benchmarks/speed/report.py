"""The tables of a run as a part of `docs/performance.md`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import paper
from timing import table

MARK = "<!-- made by `make bench` -->"


def page(found: Mapping[str, Any], path: Path) -> str:
    """Write what was found below the mark of the page at `path`, and return it."""
    text = "\n".join([_machine(found), *_tables(found), *_accelerator(found)])
    before = path.read_text(encoding="utf-8").split(MARK)[0]
    path.write_text(f"{before}{MARK}\n\n{text}", encoding="utf-8")
    return text


def _machine(found: Mapping[str, Any]) -> str:
    rates = "; ".join(
        f"{what} of {', '.join(f'{rate:.0f} in {name}' for name, rate in found[f'{what}, GFLOP/s'].items())}"
        for what in ("convolution", "matrix product")
    )
    run = f"{found['rounds']} rounds, three times as many of steps"
    return (
        f"{found['date']}; {found['machine']}; torch {found['versions']['torch']}; {run}. "
        f"Best rates in GFLOP/s: {rates}.\n"
    )


def _tables(found: Mapping[str, Any]) -> list[str]:
    return [f"{table(title, rows)}{_shares(title, rows, found)}" for title, rows in found["tables"].items()]


def _shares(title: str, rows: Mapping[str, Mapping[str, Any]], found: Mapping[str, Any]) -> str:
    """Return what share of the time was the network's, and of the machine's best rate inside of it."""
    size = int(title.split()[0]) if title.endswith("from file to file") else 0
    sentences = []
    for name, row in rows.items():
        if size and "network" in row:
            precision = name.rpartition(" ")[2]
            rate = 2 * paper.MACS * size * size / row["network"] / 1e9
            share = rate / found["convolution, GFLOP/s"][precision]
            sentences.append(
                f"{name}: the network takes {row['share']:.0%} of the time, at {rate:.0f} GFLOP/s of the network as "
                f"published, {share:.0%} of the best convolution."
            )
    return "\n" + "\n".join(sentences) + "\n" if sentences else ""


def _accelerator(found: Mapping[str, Any]) -> list[str]:
    figures = found.get("accelerator")
    return [] if figures is None else ["### GPU", "", *(f"- {name}: {value}" for name, value in figures.items()), ""]
