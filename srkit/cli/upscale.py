"""`srkit upscale`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from srkit.allocator import tune_allocator
from srkit.cli.forecast import outline, print_forecast
from srkit.cli.panels import with_panels
from srkit.cli.parameters import InputPaths
from srkit.cli.printing import print_json, print_table, relative, say, shared_root, warn
from srkit.cli.progress import progress_on_stderr
from srkit.cli.session import session_of
from srkit.cli.upscale_options import Fidelity, Machine, Model, Output, Runs, Size, Telling

SAID = {"G12", "agreement"}  # what a window or box was taken for; why an output was not compared with its input

if TYPE_CHECKING:
    from srkit.upscaling.batch.report import ItemResult, UpscaleReport


@with_panels
def upscale(
    context: typer.Context,
    paths: InputPaths,
    output: Output,
    size: Size,
    model: Model,
    fidelity: Fidelity,
    machine: Machine,
    runs: Runs,
    telling: Telling,
) -> None:
    """Enlarge images, volumes and scenes; a folder in gives a folder out.

    Every output is read back and verified before it appears under its name.

    Detail that a network adds is plausible, not measured.
    """
    from srkit.api import upscale as job

    tune_allocator()
    session = session_of(context)
    asked = {**runs.asked_of(paths), "options": session.options(model.domain), "plugins": session.plugins}
    for panel in (output, size, model, fidelity, machine):
        asked |= panel.asked()
    with progress_on_stderr("upscaling") as progress:
        report = job(paths, progress=progress, **asked)
    print_report(report, shared_root(paths), telling.json)
    if telling.explain:
        _print_routes(report)
    raise typer.Exit(report.exit_code)


def print_report(report: UpscaleReport, root: Path, json: bool) -> None:
    """Print what became of each item."""
    if json:
        print_json(_as_json(report))
        return
    if len(report.results) == 1:
        _print_one(report.results[0])
    elif report.results:
        _print_many(report, root)
    for path in report.gathered:
        print(f"{path}  (all outputs together)")
    if report.passed_over:
        say(f"{report.passed_over} file(s) of no installed domain were passed over")


def _as_json(report: UpscaleReport) -> dict[str, object]:
    """Return a report as it is printed as JSON."""
    return {
        "results": report.results,
        "passed_over": report.passed_over,
        "gathered": report.gathered,
        "exit_code": report.exit_code,
    }


def _print_one(result: ItemResult) -> None:
    _print_warnings(result, "")
    for finding in result.findings:
        if finding.level == "info" and finding.code in SAID:
            say(finding.text)
    if result.forecast is not None:
        print_forecast(result)
        return
    if result.status == "done" and result.reason:
        print(result.reason)
        return
    if result.status == "done":
        scale = f"x{result.scale}" + ("" if not result.spacing else f", {_spacing(result)} apart")
        print(f"{result.output}  ({result.domain}, {scale}, {result.model}, {result.seconds:.1f} s)")
        if result.consistency is not None:
            say(result.consistency.sentence())
        for chart in result.maps:
            print(chart)
        return
    place = "" if str(result.path) in result.reason else f"{result.path}: "
    say(f"{'error: ' if result.status == 'failed' else 'skipped: '}{place}{result.reason}")


def _spacing(result: ItemResult) -> str:
    return " x ".join(f"{spacing:.6g}" for spacing in result.spacing)


def _print_many(report: UpscaleReport, root: Path) -> None:
    for result in report.results:
        _print_warnings(result, f"{relative(result.path, root)}: ")
    rows = [
        [relative(r.path, root), r.domain, r.status, outline(r) or r.reason or str(r.output or ""), f"{r.seconds:.1f}"]
        for r in report.results
    ]
    print_table(["item", "domain", "status", "output or reason", "s"], rows)
    made = "planned" if any(r.status == "planned" for r in report.results) else "done"
    counts = {status: sum(r.status == status for r in report.results) for status in (made, "failed", "skipped")}
    counts |= {"copied": copies} if (copies := sum(r.status == "copied" for r in report.results)) else {}
    print(", ".join(f"{number} {status}" for status, number in counts.items()))


def _print_warnings(result: ItemResult, place: str) -> None:
    for finding in result.findings:
        if finding.level in ("warning", "own"):
            warn(place + finding.text)


def _print_routes(report: UpscaleReport) -> None:
    """Say each route once, on stderr, with the first item that took it."""
    told: set[str] = set()
    for result in report.results:
        if result.route and result.route not in told:
            told.add(result.route)
            lines = result.route.replace("\n", "\n  ")
            say(f"{result.path.name}: {lines}")
