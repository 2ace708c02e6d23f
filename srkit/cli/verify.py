"""`srkit verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from srkit.cli.parameters import AsJson, DomainName
from srkit.cli.printing import print_json, print_table, say
from srkit.cli.session import session_of
from srkit.errors import OutputError

if TYPE_CHECKING:
    from srkit.upscaling.comparison import Comparison


def verify(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="INPUT", help="What was upscaled.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="What was made of it.")],
    domain: DomainName = None,
    json: AsJson = False,
) -> None:
    """Say whether OUTPUT is what INPUT must become: geometry, words, validity, and means of its samples.

    Exits with 4 where a rule is broken. Give the domain's options that the output was made with.
    """
    from srkit.api import verify as job

    session = session_of(context)
    found = job(path, output, domain=domain, options=session.options(domain), plugins=session.plugins)
    if json:
        print_json(found)
    else:
        _print(found)
    if not found.good:
        raise typer.Exit(OutputError.exit_code)


def _print(found: Comparison) -> None:
    rows = [[finding.code, _mark(finding.level), finding.text] for finding in found.findings]
    rows += [[code, "pass", words] for code, words in found.passed]
    print_table(["rule", "result", "what"], rows)
    if found.consistency:
        numbers = [
            [c.channel, f"{c.bias:.4g}", f"{c.relative_bias:.3%}", f"{c.rmse:.4g}", f"{c.largest:.4g}"]
            for c in found.consistency
        ]
        title = "Means over each input sample, minus that sample"
        print_table(["channel", "bias", "relative", "rmse", "largest"], numbers, title=title)
    scale = " x ".join(f"{float(factor):.6g}" for factor in found.scale)
    say(f"scale {scale}: {'every rule that was checked holds' if found.good else 'not what the input must become'}")


def _mark(level: str) -> str:
    return "FAIL" if level == "failure" else level
