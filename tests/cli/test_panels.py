"""Options in panels: typer sees each, the command gets the groups."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from srkit.cli.panels import Panel, with_panels


@dataclass(frozen=True)
class Colour(Panel):
    TITLE: ClassVar[str] = "Which colour"

    tone: Annotated[str, typer.Option("--tone", help="Its name.")]
    bright: Annotated[bool, typer.Option("--bright", help="More of it.")] = False


@pytest.fixture
def calls() -> list[Any]:
    return []


@pytest.fixture
def app(calls: list[Any]) -> typer.Typer:
    @with_panels
    def paint(wall: Annotated[str, typer.Argument(help="Where.")], colour: Colour, coats: int = 1) -> None:
        calls.append((wall, colour, coats))

    made = typer.Typer()
    made.command()(paint)
    return made


def test_a_command_gets_its_panels_filled(app: typer.Typer, calls: list[Any]) -> None:
    assert CliRunner().invoke(app, ["north", "--tone", "red", "--coats", "2", "--bright"]).exit_code == 0
    assert CliRunner().invoke(app, ["south", "--tone", "blue"]).exit_code == 0
    assert calls == [("north", Colour("red", bright=True), 2), ("south", Colour("blue"), 1)]
    assert calls[0][1].asked() == {"tone": "red", "bright": True}


def test_an_option_without_default_is_required(app: typer.Typer, calls: list[Any]) -> None:
    assert CliRunner().invoke(app, ["north"]).exit_code == 2
    assert calls == []


def test_help_shows_panels_under_their_titles(app: typer.Typer) -> None:
    text = CliRunner().invoke(app, ["--help"]).stdout
    own = text[text.index("Which colour") :]
    assert "--tone" in own
    assert "--bright" in own
    assert "--coats" not in own
