"""`srkit train`."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from srkit.allocator import tune_allocator
from srkit.cli.failures import INTERRUPTED
from srkit.cli.parameters import AsJson, ScaleText
from srkit.cli.printing import print_json, print_table, say
from srkit.cli.progress import progress_on_stderr
from srkit.cli.rehearsal import print_rehearsal
from srkit.cli.session import Session, session_of

if TYPE_CHECKING:
    from srkit.training import TrainResult


def train(
    context: typer.Context,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="PATH", help="A file, or a folder with items to train on (repeatable)."),
    ] = None,
    domain: Annotated[
        str | None, typer.Option("--domain", metavar="NAME", help="Kind of imagery, where the recipe does not say.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", metavar="FILE|NAME", help="A recipe's file, or its name in configs/."),
    ] = None,
    scale: ScaleText = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a recipe's value: data.batch=4 (repeatable)."),
    ] = None,
    from_model: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="Begin with the weights of a model, as far as they fit."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="RUN", help="The run folder (default: runs/ and a title).")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out exactly where it stopped.")
    ] = False,
    devices: Annotated[
        int, typer.Option("--devices", metavar="N", min=1, help="Train on so many GPUs here (without GPUs: processes).")
    ] = 1,
    nodes: Annotated[
        int, typer.Option("--nodes", metavar="M", min=1, help="Train on so many machines, with --devices on each.")
    ] = 1,
    print_slurm: Annotated[
        bool, typer.Option("--print-slurm", help="Print a job script for SLURM that does this, and train nothing.")
    ] = False,
    print_config: Annotated[
        bool,
        typer.Option("--print-config", help="Print the whole recipe with the origin of each value, and train nothing."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Open the data, take a few steps in one process, tell sizes, memory and time; leave nothing.",
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Train a model; checkpoints, log, pictures and models go into the run folder.

    Ctrl-C finishes the step, saves, and says how to go on.
    """
    from srkit.api import explain_recipe, rehearse_training
    from srkit.api import train as job
    from srkit.errors import UsageError
    from srkit.training.processes.world import leads_by_plan, processes_planned

    session = session_of(context)
    overrides = _overrides(session, domain, scale, change or [])
    if print_config:
        shown = explain_recipe(
            recipe, domain=domain, overrides=overrides, from_model=from_model, plugins=session.plugins
        )
        print(shown, end="")
        return
    if dry_run:
        if resume:
            raise UsageError("--dry-run tells of a new run, and --resume goes on with one; leave out one of them")
        tune_allocator()
        found = rehearse_training(
            recipe,
            data=data or (),
            domain=domain,
            overrides=overrides,
            from_model=from_model,
            plugins=session.plugins,
        )
        print_json(found) if json else print_rehearsal(found)
        return
    if print_slurm or (devices * nodes > 1 and processes_planned() == 1):
        _hand_over(devices, nodes, print_slurm)
        return
    tune_allocator()
    leads = leads_by_plan()
    with progress_on_stderr("training") if leads else _in_silence() as progress:
        result = job(
            recipe,
            out=out,
            domain=domain,
            overrides=overrides,
            from_model=from_model,
            data=tuple(data or ()),
            resume=resume,
            plugins=session.plugins,
            progress=progress,
        )
    if leads:
        _print(result, json)
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)


def _hand_over(devices: int, nodes: int, print_slurm: bool) -> None:
    """Have this command run by `devices` processes on each of `nodes` machines, or print how SLURM does it."""
    from srkit.training.processes.launch import launch
    from srkit.training.processes.slurm import job_script

    arguments = [argument for argument in sys.argv[1:] if argument != "--print-slurm"]
    if print_slurm:
        print(job_script(arguments, devices=devices, nodes=nodes), end="")
    elif code := launch([sys.executable, "-m", "srkit", *arguments], devices=devices, nodes=nodes):
        raise typer.Exit(code)


@contextmanager
def _in_silence() -> Iterator[None]:
    """Keep the warnings of a process to itself whose fellow says the same; errors are still told."""
    logging.getLogger("srkit").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _overrides(session: Session, domain: str | None, scale: str | None, changes: list[str]) -> list[str]:
    from json import dumps

    session.options(domain)  # refuses options of other domains
    given = [f"options.{name}={dumps(value)}" for name, value in session.given.items()]
    return [*([f"scale=[{scale}]"] if scale else []), *given, *changes]


def _print(result: TrainResult, json: bool) -> None:
    if json:
        print_json(result)
    else:
        _print_figures(result)
    if result.interrupted:
        again = f"srkit train --resume --out {result.folder}"
        say(f"stopped at step {result.steps} of {result.total}; go on with `{again}`")


def _print_figures(result: TrainResult) -> None:
    rows = [["model", *_figures(result.metrics)]] if result.metrics else []
    rows += [[name, *_figures(figures)] for name, figures in result.baselines.items()]
    if rows:
        print_table(["on held-out data", "PSNR, dB", "SSIM"], rows)
        print(f"Held out: {result.split}." if result.split else "")
    if result.left_out:
        say(f"{result.left_out} file(s) could not be used and were left out")
    print(f"{result.model}  (last of {result.steps} steps)")
    if result.best is not None:
        print(f"{result.best}  (best PSNR)")
    print(f"{result.folder / 'index.html'}  (curves and pictures)")


def _figures(figures: Any) -> list[str]:
    psnr, ssim = figures.get("psnr"), figures.get("ssim")
    return ["" if psnr is None else f"{psnr:.2f}", "" if ssim is None else f"{ssim:.4f}"]
