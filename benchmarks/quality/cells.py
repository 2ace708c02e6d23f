"""Tables of figures as Markdown, and how a gain is told in a cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

ENOUGH = 5
"""Subjects from which on an interval is told."""


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are figures."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def gain_cell(found: Mapping[str, float]) -> str:
    """Return a gain over subjects: its mean, the worst and the best, and the interval of the mean of many."""
    interval = f", 95 %: {found['low']:+.2f} to {found['high']:+.2f}" if found["subjects"] >= ENOUGH else ""
    return f"{found['mean']:+.2f} ({found['worst']:+.2f} to {found['best']:+.2f}{interval})"
