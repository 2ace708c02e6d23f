"""`srkit evaluate`."""

import typer


def evaluate(context: typer.Context) -> None:
    """evaluate."""
