"""A model's figures on test items beside those of public networks, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cells import gain_cell, markdown
from figures import Figures, Measured
from rivals import Rival, RivalFigures

from srkit.evaluation import EvaluationTable

HEADING = "### Against public networks"
WHAT = (
    "Other people's weights, trained on photographs whose LR is antialiased bicubic: under any other degradation, and "
    "on anything but photographs, they are out of their domain. "
    "[Which they are, and how they are run](README.md#against-public-networks)."
)
HEAD = ("degradation; rival", "B-spline", "rival", "model")
GAINS = ("rival over B-spline (worst to best)", "model over rival (worst to best)")


def against_rivals(name: str, figures: Figures, rivals: Sequence[RivalFigures]) -> list[str]:
    """Return the paragraphs on the model `name` and its rivals; none where nothing is known of these."""
    pairs = list(_pairs(figures, rivals))
    if not pairs:
        return []
    table = markdown([*HEAD, *GAINS], [_row(name, entry, rival) for entry, rival in pairs])
    return [HEADING, WHAT, table, "\n".join(_remarks(name, pairs))]


def with_rival(table: EvaluationTable, rival: EvaluationTable) -> EvaluationTable | None:
    """Return `table` with the rows of a rival; None where that had other items, or LR made otherwise."""
    items = [row.item for row in table.rows if row.model == table.models[0]]
    if items != [row.item for row in rival.rows] or list(table.degradation) != list(rival.degradation):
        return None
    return replace(table, models=(*table.models, *rival.models), rows=(*table.rows, *rival.rows))


def _pairs(figures: Figures, rivals: Sequence[RivalFigures]) -> Iterator[tuple[Measured, Rival]]:
    """Yield test tables with a rival's rows, for each degradation that it was measured under as well."""
    for entry in figures.measured:
        for found in rivals if entry.use == "test" else ():
            joined = [with_rival(entry.table, table) for table in found.tables]
            yield from ((replace(entry, table=table), found.rival) for table in joined if table)


def _row(name: str, entry: Measured, rival: Rival) -> list[str]:
    means = [entry.table.means[model]["psnr"] for model in ("bspline", rival.name, name)]
    gains = [entry.table.gain(rival.name, "bspline"), entry.table.gain(name, rival.name)]
    title = f"{entry.condition.title}; {rival.title}"
    return [title, *(f"{mean:.2f}" for mean in means), *(gain_cell(found) for found in gains)]


def _remarks(name: str, pairs: Sequence[tuple[Measured, Rival]]) -> Iterator[str]:
    for entry, rival in pairs:
        found = entry.table.gain(name, rival.name)
        if found["mean"] < 0:
            yield f"- {entry.condition.title}: {rival.title} is better by {-found['mean']:.2f} dB on average."
