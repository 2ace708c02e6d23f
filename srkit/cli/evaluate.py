"""`srkit evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from srkit.allocator import tune_allocator
from srkit.cli.panels import Panel, with_panels
from srkit.cli.parameters import AsJson, DomainName, InputPath, ScaleText
from srkit.cli.printing import print_json, print_table, relative, say
from srkit.cli.progress import progress_on_stderr
from srkit.cli.session import Session, session_of

if TYPE_CHECKING:
    from srkit.evaluation import EvaluationTable

TITLES = {"psnr": "PSNR, dB", "ssim": "SSIM", "mse": "MSE", "ms_ssim": "MS-SSIM", "sam": "SAM, degrees"}
TITLES |= {"uiqi": "UIQI", "bias": "bias", "ergas": "ERGAS", "st_lpips": "ST-LPIPS", "cpsnr": "cPSNR, dB"}
TITLES |= {"lpips": "LPIPS", "lpips_vgg": "LPIPS (VGG)"}
TITLES |= {"psnr_foreground": "PSNR, dB, foreground", "ssim_foreground": "SSIM, foreground"}

SHARES = ("ssim", "ms_ssim", "uiqi", "ssim_foreground", "st_lpips", "lpips", "lpips_vgg", "unsupported", "added")
"""Figures of about 0 to 1, which need digits."""


@dataclass(frozen=True)
class Contest(Panel):
    """What is compared, and how."""

    TITLE: ClassVar[str] = "Comparison"

    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="MODEL", help="A model's name or file, or an interpolation (repeatable)."),
    ] = None
    scale: ScaleText = None
    domain: DomainName = None
    benchmark: Annotated[
        str | None,
        typer.Option(
            "--benchmark",
            metavar="NAME",
            help="INPUT is the folder of this benchmark (set5, set14) with its LR files in lr_x4: measure on the luma.",
        ),
    ] = None
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="A figure beside the usual ones: cpsnr (forgives shifts), st_lpips, lpips or lpips_vgg (need "
            "weights), unsupported or added (detail beyond the input), hallucination (with synthesis, improvement, "
            "omission).",
        ),
    ] = None

    def asked(self) -> dict[str, Any]:
        """Return models and figures, as both kinds of comparison take them."""
        return {"models": tuple(self.model or ()), "metrics": tuple(self.metric or ())}


@with_panels
def evaluate(context: typer.Context, path: InputPath, contest: Contest, json: AsJson = False) -> None:
    """Degrade high-resolution items, upscale them again, and compare; the interpolations are always in the table."""
    tune_allocator()
    session = session_of(context)
    compare = _compared if contest.benchmark is None else _on_benchmark
    table = compare(session, path, contest)
    if json:
        print_json(table.as_dict())
    else:
        _print(table, path)
    raise typer.Exit(table.exit_code)


def _compared(session: Session, path: Path, contest: Contest) -> EvaluationTable:
    from srkit.api import evaluate as job

    asked: dict[str, Any] = {"domain": contest.domain, "scale": contest.scale, **contest.asked()}
    asked |= {"options": session.options(contest.domain), "plugins": session.plugins}
    with progress_on_stderr("evaluating") as progress:
        return job(path, **{**asked, "progress": progress})


def _on_benchmark(session: Session, folder: Path, contest: Contest) -> EvaluationTable:
    from srkit.errors import UsageError
    from srkit.evaluation.benchmark import DEFAULT_SCALE, benchmark

    scale = contest.scale
    if scale is not None and not scale.isdigit():
        raise UsageError(f"--scale {scale}: a benchmark has one factor for rows and columns; write 4")
    factor = int(scale or DEFAULT_SCALE)
    return benchmark(contest.benchmark or "", folder, scale=factor, plugins=session.plugins, **contest.asked())


def _print(table: EvaluationTable, root: Path) -> None:
    items = list(dict.fromkeys(row.item for row in table.rows))
    if items:
        known = [name for name in table.metrics if any(isfinite(row.metrics.get(name, nan)) for row in table.rows)]
        rows = [[model, *(_number(table.means[model][name], name) for name in known)] for model in table.models]
        print_table(["model", *(_title(name) for name in known)], rows, title=_caption(table, len(items)))
        if known and len({row.subject for row in table.rows}) > 1:
            _print_intervals(table, known[0])
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
    for name, count in table.trained_on.items():
        say(f"warning: {name} was trained on {count} of these items; its figures do not say how it does on others")
    for entry in table.skipped:
        place = "" if entry.item in entry.reason else f"{entry.item}: "
        say(f"error: {place}{entry.reason}")


def _print_intervals(table: EvaluationTable, metric: str) -> None:
    """Print how the first figure spreads over subjects."""
    found = {model: table.summary(model, metric) for model in table.models}
    rows = [
        [
            model,
            _number(of["mean"], metric),
            f"{_number(of['low'], metric)} to {_number(of['high'], metric)}",
            *(_number(of[name], metric) for name in ("sd", "median", "worst")),
        ]
        for model, of in found.items()
    ]
    number = max(int(of["subjects"]) for of in found.values())
    title = f"{_title(metric)} over {number} subjects, one number each; interval of the mean at 95 %"
    print_table(["model", "mean", "interval", "sd", "median", "worst"], rows, title=title)


def _title(metric: str) -> str:
    return TITLES.get(metric, metric)


def _caption(table: EvaluationTable, items: int) -> str:
    names = ", ".join(str(step.get("name", step)) for step in table.degradation) or "by its domain's physics"
    return f"x{table.scale}, degraded {names}; " + ("one item" if items == 1 else _counted(table, items))


def _counted(table: EvaluationTable, items: int) -> str:
    subjects = len({row.subject for row in table.rows})
    return f"mean of {items} items" if subjects in (1, items) else f"mean of {subjects} subjects, {items} items"


def _number(value: float, metric: str) -> str:
    return f"{value:.4f}" if metric in SHARES else f"{value:.2f}" if abs(value) < 1e4 else f"{value:.4g}"
