"""`srkit train`."""

import typer


def train(context: typer.Context) -> None:
    """train."""
