"""The options of `srkit train`, a panel of its help each, and what they ask of the call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from srkit.cli.panels import Panel
from srkit.cli.parameters import AsJson, ScaleText
from srkit.cli.session import Session
from srkit.grid import Scale


@dataclass(frozen=True)
class Lesson(Panel):
    """What is learnt, and from what."""

    TITLE: ClassVar[str] = "What to learn, and from what"

    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="PATH", help="A file, or a folder with items to train on (repeatable)."),
    ] = None
    domain: Annotated[
        str | None, typer.Option("--domain", metavar="NAME", help="Kind of imagery, where the recipe does not say.")
    ] = None
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="FILE|NAME", help="A recipe's file, or its name in configs/.")
    ] = None
    scale: ScaleText = None
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a recipe's value: data.batch=4 (repeatable)."),
    ] = None
    from_model: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="Begin with the weights of a model, as far as they fit."),
    ] = None

    def asked_in(self, session: Session) -> dict[str, Any]:
        """Return what settles the recipe: its name, the domain, overrides and the model to begin with.

        Raises UsageError for a scale that is none, and for options of other domains.
        """
        from json import dumps

        session.options(self.domain)
        given = [f"options.{name}={dumps(value)}" for name, value in session.given.items()]
        scale = [f"scale={list(Scale.parse(self.scale).factors)}"] if self.scale else []
        overrides = [*scale, *given, *(self.change or [])]
        asked = {"recipe": self.recipe, "domain": self.domain, "from_model": self.from_model}
        return {**asked, "overrides": overrides, "plugins": session.plugins}


@dataclass(frozen=True)
class Place(Panel):
    """Where a run lives, and whether it goes on."""

    TITLE: ClassVar[str] = "The run"

    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="RUN", help="The run folder (default: runs/ and a title).")
    ] = None
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out exactly where it stopped.")] = (
        False
    )


@dataclass(frozen=True)
class Machines(Panel):
    """How many train one model together."""

    TITLE: ClassVar[str] = "Several devices"

    devices: Annotated[
        int, typer.Option("--devices", metavar="N", min=1, help="Train on so many GPUs here (without GPUs: processes).")
    ] = 1
    nodes: Annotated[
        int, typer.Option("--nodes", metavar="M", min=1, help="Train on so many machines, with --devices on each.")
    ] = 1
    print_slurm: Annotated[
        bool, typer.Option("--print-slurm", help="Print a job script for SLURM that does this, and train nothing.")
    ] = False


@dataclass(frozen=True)
class Foresight(Panel):
    """What is told, of a run or in its place."""

    TITLE: ClassVar[str] = "Report"

    print_config: Annotated[
        bool,
        typer.Option("--print-config", help="Print the whole recipe with the origin of each value, and train nothing."),
    ] = False
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Open the data, take a few steps in one process, tell sizes, memory and time; leave nothing.",
        ),
    ] = False
    json: AsJson = False
