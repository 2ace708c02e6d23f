"""`srkit evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srkit.allocator import tune_allocator
from srkit.cli.parameters import AsJson, DomainName, InputPath, ScaleText
from srkit.cli.printing import print_json, print_table, relative, say
from srkit.cli.progress import progress_on_stderr
from srkit.cli.session import session_of

if TYPE_CHECKING:
    from srkit.evaluation import EvaluationTable

TITLES = {"psnr": "PSNR, dB", "ssim": "SSIM", "mse": "MSE"}


def evaluate(
    context: typer.Context,
    path: InputPath,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="MODEL", help="A model's name or file, or an interpolation (repeatable)."),
    ] = None,
    scale: ScaleText = None,
    domain: DomainName = None,
    json: AsJson = False,
) -> None:
    """Degrade high-resolution items, upscale them again, and compare; bicubic and B-spline are always in the table."""
    from srkit.api import evaluate as job

    tune_allocator()
    session = session_of(context)
    with progress_on_stderr("evaluating") as progress:
        table = job(
            path,
            scale=scale,
            models=tuple(model or ()),
            domain=domain,
            options=session.options(domain),
            plugins=session.plugins,
            progress=progress,
        )
    if json:
        print_json(table.as_dict())
    else:
        _print(table, path)
    raise typer.Exit(table.exit_code)


def _print(table: EvaluationTable, root: Path) -> None:
    items = list(dict.fromkeys(row.item for row in table.rows))
    if items:
        rows = [[model, *(_number(table.means[model][name], name) for name in table.metrics)] for model in table.models]
        print_table(["model", *(_title(name) for name in table.metrics)], rows, title=_caption(table, len(items)))
    if len(items) > 1:
        first = table.metrics[0]
        found = {(row.item, row.model): row.metrics[first] for row in table.rows}
        rows = [
            [relative(Path(item), root), *(_number(found[item, model], first) for model in table.models)]
            for item in items
        ]
        print_table(["item", *table.models], rows, title=f"{_title(first)} of each item")
    if items:
        print(f"Data range of PSNR and SSIM: {table.range_note}.")
    for entry in table.skipped:
        place = "" if entry.item in entry.reason else f"{entry.item}: "
        say(f"error: {place}{entry.reason}")


def _title(metric: str) -> str:
    return TITLES.get(metric, metric)


def _caption(table: EvaluationTable, items: int) -> str:
    names = ", ".join(str(step.get("name", step)) for step in table.degradation) or "by its domain's physics"
    return f"x{table.scale}, degraded {names}; " + ("one item" if items == 1 else f"mean of {items} items")


def _number(value: float, metric: str) -> str:
    return f"{value:.4f}" if metric == "ssim" else f"{value:.2f}" if abs(value) < 1e4 else f"{value:.4g}"
