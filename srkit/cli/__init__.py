"""The command line: parse, call one function of the library, print. Nothing else of srkit prints or exits."""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process and exit with its code."""
    from srkit.cli.app import run

    raise SystemExit(run())
