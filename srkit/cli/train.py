"""`srkit train`."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from srkit.allocator import tune_allocator
from srkit.cli.failures import INTERRUPTED
from srkit.cli.panels import with_panels
from srkit.cli.printing import print_json, print_table, say
from srkit.cli.progress import progress_on_stderr
from srkit.cli.rehearsal import print_rehearsal
from srkit.cli.session import session_of
from srkit.cli.train_options import Foresight, Lesson, Machines, Place
from srkit.errors import UsageError

if TYPE_CHECKING:
    from srkit.training import TrainResult


@with_panels
def train(context: typer.Context, lesson: Lesson, place: Place, machines: Machines, foresight: Foresight) -> None:
    """Train a model; checkpoints, log, pictures and models go into the run folder.

    Ctrl-C finishes the step, saves, and says how to go on.
    """
    from srkit.training.processes.world import processes_planned

    asked = lesson.asked_in(session_of(context))
    if foresight.print_config:
        _explain(asked)
    elif foresight.dry_run:
        _rehearse(asked, lesson, place, foresight)
    elif machines.print_slurm or (machines.devices * machines.nodes > 1 and processes_planned() == 1):
        _hand_over(machines)
    else:
        _train(asked, lesson, place, foresight)


def _explain(asked: Mapping[str, Any]) -> None:
    from srkit.api import explain_recipe

    print(explain_recipe(**asked), end="")


def _rehearse(asked: Mapping[str, Any], lesson: Lesson, place: Place, foresight: Foresight) -> None:
    from srkit.api import rehearse_training

    if place.resume:
        raise UsageError("--dry-run tells of a new run, and --resume goes on with one; leave out one of them")
    tune_allocator()
    try:
        found = rehearse_training(data=lesson.data or (), **asked)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("nothing was left behind; run the command again") from error
    print_json(found) if foresight.json else print_rehearsal(found)


def _train(asked: Mapping[str, Any], lesson: Lesson, place: Place, foresight: Foresight) -> None:
    from srkit.api import train as job
    from srkit.training.processes.world import leads_by_plan

    tune_allocator()
    leads = leads_by_plan()
    with progress_on_stderr("training") if leads else _in_silence() as progress:
        result = job(data=tuple(lesson.data or ()), progress=progress, **asked, **place.asked())
    if leads:
        _print(result, foresight.json)
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)


def _hand_over(machines: Machines) -> None:
    """Have this command run by several processes on each of several machines, or print how SLURM does it."""
    from srkit.training.processes.launch import launch
    from srkit.training.processes.slurm import job_script

    arguments = [argument for argument in sys.argv[1:] if argument != "--print-slurm"]
    devices, nodes = machines.devices, machines.nodes
    if machines.print_slurm:
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
