"""`srkit merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from srkit.cli.parameters import AsJson
from srkit.cli.progress import progress_on_stderr
from srkit.cli.session import session_of
from srkit.cli.upscale import print_report


def merge(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The output file or folder that shards were made of.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")] = False,
    json: AsJson = False,
) -> None:
    """Join the shards that `srkit upscale --shard` has made into the output, byte for byte that of one run."""
    from srkit.api import merge as job

    with progress_on_stderr("merging") as progress:
        report = job(out, overwrite=overwrite, plugins=session_of(context).plugins, progress=progress)
    print_report(report, out, json)
    raise typer.Exit(report.exit_code)
