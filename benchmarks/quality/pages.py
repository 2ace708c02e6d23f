"""Figures as Markdown, and their place in a page that is otherwise written by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from cells import gain_cell, markdown
from figures import Figures, Measured
from plan import Entry, Plan
from rivals import RivalFigures
from versus import against_rivals, with_rival

from srkit.evaluation import EvaluationTable
from srkit.evaluation.unreferenced import InputFigures

BEGIN, END = "<!-- figures: made by `make evaluate`, not by hand -->", "<!-- end of figures -->"
RIVALS = {"nearest": "nearest", "bicubic": "bicubic", "lanczos": "Lanczos", "bspline": "B-spline", "wiener": "linear"}
FOREGROUND = "psnr_foreground"
MARGIN = 0.1
"""Decibels by which the model may be below bicubic interpolation on a subject before it is told of."""
ANGLE = 5e-4
"""Degrees that the spectral angle may be larger before it is told of: what three digits show."""


def with_figures(page: str, figures: str, begin: str = BEGIN, end: str = END) -> str:
    """Return a page with `figures` between its marks, which are put at its end where it has none."""
    before, mark, rest = page.partition(begin)
    after = rest.partition(end)[2] if mark else ""
    block = f"{begin}\n\n{figures.strip()}\n\n{end}"
    return "\n\n".join(part for part in (before.strip(), block, after.strip()) if part) + "\n"


def figures_page(name: str, figures: Figures, plan: Plan, rivals: Sequence[RivalFigures] = ()) -> str:
    """Return the figures of a model as Markdown, with what is known of its public `rivals`."""
    tested = [entry for entry in figures.measured if entry.use == "test"]
    seen = all(FOREGROUND in row.metrics for entry in tested for row in entry.table.rows)
    parts = [
        "## Figures",
        "PSNR in dB. What the columns are and how they come about: [how models are judged](README.md).",
        "### Held-out items",
        _summary(name, tested, plan),
        *(("In the foreground, what shows the subject:", _summary(name, tested, plan, FOREGROUND)) if seen else ()),
        "\n".join(_remarks(name, figures)),
        *against_rivals(name, figures, rivals),
    ]
    for entry in figures.measured:
        if entry.condition.own:
            where = "held-out items" if entry.use == "test" else "items from elsewhere"
            parts += [f"### {entry.condition.title}, {where}", _items(name, entry.table, plan.of_use(entry.use))]
    for title, table in figures.benchmarks:
        parts += [f"### {title.capitalize()}, luma", _benchmark(name, title, table, rivals)]
    if figures.inputs:
        parts += ["### Real inputs, enlarged as they are", _inputs(name, figures.inputs)]
    return "\n\n".join(part for part in parts if part)


def _summary(name: str, measured: Sequence[Measured], plan: Plan, figure: str = "psnr") -> str:
    head = ["degradation", *RIVALS.values(), "model", "over B-spline (worst to best)", "over linear (worst to best)"]
    rows = []
    for entry in measured:
        means = [entry.table.means[model][figure] for model in (*RIVALS, name)]
        title = entry.condition.title
        title += "" if title in plan.trained_on else ", *not trained on*"
        gains = [gain_cell(entry.table.gain(name, over, figure)) for over in ("bspline", "wiener")]
        rows.append([title, *(f"{mean:.2f}" for mean in means), *gains])
    return markdown(head, rows)


def _remarks(name: str, figures: Figures) -> Iterator[str]:
    """Yield what must be said of single subjects, of structure, spectra and made-up detail."""
    for entry in figures.measured:
        table, where = entry.table, f"{entry.condition.title}, {entry.use}"
        worst = table.gain(name, "bicubic")["worst"]
        if worst < -MARGIN:
            yield f"- {where}: worse than bicubic interpolation by {-worst:.2f} dB on the worst subject."
        if table.gain(name, "bspline")["mean"] < 0:
            yield f"- {where}: worse than B-spline interpolation on average."
        if table.gain(name, "bspline", "ssim")["worst"] < 0:
            yield f"- {where}: SSIM below that of B-spline interpolation on some subject."
        angle = table.gain(name, "bicubic", "sam")["mean"] if "sam" in table.metrics else math.nan
        if angle > ANGLE:
            yield f"- {where}: the spectral angle is {angle:.3f} degrees larger than with bicubic interpolation."
        if "unsupported" in table.metrics:
            yield f"- {where}: {_looks(name, table)}."


def _looks(name: str, table: EvaluationTable) -> str:
    """Return what is told of a model for looks beside its gain."""
    error, added = (table.means[name][figure] for figure in ("unsupported", "added"))
    said = [f"of detail beyond the input, error {error:.2f} and added energy {added:.2f} of HR's own"]
    shares = [row.agreement["l1"] / row.data_range for row in table.rows if row.model == name]
    said.append(f"degraded again, it differs from its input by {100 * float(np.mean(shares)):.2f} % of the range")
    for other in table.models if "st_lpips" in table.metrics else ():
        if other not in (*RIVALS, name):
            own, theirs = (table.means[model]["st_lpips"] for model in (name, other))
            said.append(f"ST-LPIPS {own:.4f}, {own / theirs:.2f} of that of {other}")
    return "; ".join(said)


def _items(name: str, table: EvaluationTable, entries: Sequence[Entry]) -> str:
    """Return PSNR, SSIM and, of several bands, spectral angle of every item, and their means over subjects."""
    models = [*RIVALS, name]
    known = {entry.path: entry for entry in entries}
    shown = [figure for figure in ("psnr", "ssim", "sam") if _is_told(table, figure)]
    items = list(dict.fromkeys(row.item for row in table.rows))
    found = {(row.item, row.model): row.metrics for row in table.rows}
    rows = [
        [
            _place(known[item]),
            *(_cell([found[item, model].get(figure, math.nan) for figure in shown]) for model in models),
        ]
        for item in items
    ]
    means = [_cell([table.means[model][figure] for figure in shown]) for model in models]
    titles = {"psnr": "PSNR", "ssim": "SSIM", "sam": "spectral angle"}
    head = [" / ".join(titles[figure] for figure in shown), *RIVALS.values(), "model"]
    return markdown(head, [*rows, ["**mean over subjects**", *means]])


def _is_told(table: EvaluationTable, figure: str) -> bool:
    return any(math.isfinite(row.metrics.get(figure, math.nan)) for row in table.rows)


def _place(entry: Entry) -> str:
    note = f"; {entry.note}" if entry.note else ""
    return f"{entry.path.rpartition('/')[2]} (licence {entry.licence}{note})"


def _cell(values: Iterable[float]) -> str:
    forms = (".2f", ".4f", ".2f")
    return " / ".join(
        f"{value:{form}}" if math.isfinite(value) else "–" for value, form in zip(values, forms, strict=False)
    )


def _benchmark(name: str, title: str, table: EvaluationTable, rivals: Sequence[RivalFigures]) -> str:
    """Return the figures of a benchmark, with those of rivals on the same pictures."""
    shown = {model: model for model in table.models if model == "bicubic" or model not in RIVALS}
    for found in rivals:
        joined = with_rival(table, found.benchmarks[title]) if title in found.benchmarks else None
        if joined:
            table, shown[found.rival.name] = joined, found.rival.title
    titles = {"psnr": "PSNR", "ssim": "SSIM", "st_lpips": "ST-LPIPS"}
    told = [figure for figure in titles if _is_told(table, figure)]
    rows = [
        [shown[model], *(_number(table.means[model].get(figure, math.nan), figure) for figure in told)]
        for model in shown
    ]
    left_out = [f"Without {Path(one.item).name}, whose channels are not those of the model." for one in table.skipped]
    return "\n\n".join([markdown(["", *(titles[figure] for figure in told)], rows), *left_out])


def _number(value: float, figure: str) -> str:
    return f"{value:{'.2f' if figure == 'psnr' else '.4f'}}" if math.isfinite(value) else "–"


def _inputs(name: str, inputs: Sequence[InputFigures]) -> str:
    models = [*RIVALS, name]
    found = {(row.item, row.model): row for row in inputs}
    rows = [
        [item.rpartition("/")[2], *(_input(found[item, model]) for model in models)]
        for item in dict.fromkeys(row.item for row in inputs)
    ]
    return markdown(["difference / sharpness / cut-off", *RIVALS.values(), "model"], rows)


def _input(row: InputFigures) -> str:
    cutoff = f"{row.cutoff:.2f}" if math.isfinite(row.cutoff) else "–"
    return f"{row.difference:.3f} / {row.sharpness:.2f} / {cutoff}"
