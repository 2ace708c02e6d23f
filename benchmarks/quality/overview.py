"""The table of shipped models in the README, from their kept figures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cells import markdown
from pages import FOREGROUND

from srkit.evaluation.statistics import by_subject

BEGIN, END = "<!-- models: made by `make evaluate`, not by hand -->", "<!-- end of models -->"
HEAD = ("model", "over B-spline", "over linear", "over linear, in the foreground", "over linear, with noise")


def overview(results: Iterable[Path]) -> str:
    """Return one line per file of figures: mean gains over test subjects in dB, worst to best in brackets."""
    return markdown(HEAD, [_line(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(results)])


def _line(figures: Mapping[str, Any]) -> list[str]:
    name = figures["model"]
    tested = [entry for entry in figures["conditions"] if entry["own"] and entry["items"] == "test"]
    clean, noisy = tested[0], tested[1:]
    gains = [_gain(clean["rows"], name, "bspline"), _gain(clean["rows"], name, "wiener")]
    gains.append(_gain(clean["rows"], name, "wiener", FOREGROUND))
    return [f"[{name}](docs/models/{name}.md)", *gains, *(_gain(entry["rows"], name, "wiener") for entry in noisy[:1])]


def _gain(rows: Sequence[Mapping[str, Any]], name: str, over: str, figure: str = "psnr") -> str:
    """Return what a model gains over another in a figure, a subject at a time; a dash where an item has none."""
    found = {(row["item"], row["model"]): row.get(figure) for row in rows}
    if None in found.values():
        return "–"
    own = [row for row in rows if row["model"] == name]
    gains = [row[figure] - found[row["item"], over] for row in own]
    means = by_subject(gains, [row["subject"] for row in own])
    return f"{means.mean():+.2f} ({means.min():+.2f} to {means.max():+.2f})"
