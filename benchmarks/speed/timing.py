"""Timing on a machine that others use too: rivals take turns, and their medians and minima are compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


def interleaved(rivals: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, dict[str, Any]]:
    """Return seconds by rival; the first is what the others are compared with. Warm up before calling.

    What a call returns, figures of its own by name, is kept from its last round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    figures: dict[str, Any] = {}
    for _ in range(rounds):
        for name, call in rivals.items():
            begin = time.perf_counter()
            figures[name] = call()
            seconds[name].append(time.perf_counter() - begin)
    first = next(iter(rivals))
    return {
        name: {
            "seconds": [round(s, 4) for s in found],
            "median": statistics.median(found),
            "minimum": min(found),
            "ratio of medians": statistics.median(seconds[first]) / statistics.median(found),
            "ratio of minima": min(seconds[first]) / min(found),
            **(figures[name] if isinstance(figures[name], dict) else {}),
        }
        for name, found in seconds.items()
    }


def table(title: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a Markdown table."""
    head = [
        f"### {title}",
        "",
        "| route | median, s | minimum, s | times faster (medians) | (minima) |",
        "|---|---:|---:|---:|---:|",
    ]
    rows = [
        f"| {name} | {row['median']:.3f} | {row['minimum']:.3f} | {row['ratio of medians']:.2f} "
        f"| {row['ratio of minima']:.2f} |"
        for name, row in found.items()
    ]
    return "\n".join([*head, *rows, ""])
