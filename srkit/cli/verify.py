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
    from srkit.upscaling.fidelity.agreement import Agreement
    from srkit.upscaling.making.comparison import Comparison


def verify(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="INPUT", help="What was upscaled.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="What was made of it.")],
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="MODEL", help="Whose degradation to compare under, where OUTPUT does not say so itself."
        ),
    ] = None,
    consistency_limit: Annotated[
        float | None,
        typer.Option(
            "--consistency-limit",
            metavar="SHARE",
            help="Fail where both disagree by more than this share of the input's spread (networks: 0.2).",
        ),
    ] = None,
    domain: DomainName = None,
    json: AsJson = False,
) -> None:
    """Say whether OUTPUT is what INPUT must become: geometry, words, validity, and, degraded again, samples.

    Exits with 4 where a rule is broken. Give the domain's options that the output was made with.
    """
    from srkit.api import verify as job

    session = session_of(context)
    found = job(
        path,
        output,
        model=model,
        consistency_limit=consistency_limit,
        domain=domain,
        options=session.options(domain),
        plugins=session.plugins,
    )
    if json:
        print_json(found)
    else:
        _print(found)
    if not found.good:
        raise typer.Exit(OutputError.exit_code)


def _print(found: Comparison) -> None:
    rows = [[finding.code, _mark(finding.level), finding.text] for finding in found.findings]
    rows += [[code, "pass", words] for code, words in found.passed]
    if rows:
        print_table(["rule", "result", "what"], rows)
    if found.consistency is not None:
        _print_figures(found.consistency)
    scale = " x ".join(f"{float(factor):.6g}" for factor in found.scale) or "unknown"
    say(f"scale {scale}: {'every rule that was checked holds' if found.good else 'not what the input must become'}")


def _print_figures(agreement: Agreement) -> None:
    rows = [
        [c.name, *(_short(n) for n in (c.bias, c.relative_bias, c.rmse, c.relative, c.largest))]
        for c in agreement.channels
    ]
    heads = ["channel", "bias", "of mean", "rmse", "of spread", "largest"]
    print_table(heads, rows, title="The output degraded again, minus the input")
    say(agreement.sentence())


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}"


def _mark(level: str) -> str:
    return "FAIL" if level == "failure" else level
