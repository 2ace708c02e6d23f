from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from srkit.cli.domain_options import with_domain_options
from srkit.cli.session import Session
from srkit.domain import Domain, Option

Run = Callable[..., Result]


def test_options_appear_under_their_domains_heading(run: Run) -> None:
    text = run("upscale", "--help").stdout
    heading = text.index("Options of: NumPy arrays ")
    assert text.index("--gain") > heading
    assert text.index("--tone") > heading
    assert "low|high" in text
    assert "default: 1.5" in text


def test_an_option_of_two_domains_appears_once_under_both_titles(run: Run) -> None:
    text = run("upscale", "--help").stdout
    assert text.count("--loud") == 1
    assert "NumPy arrays, Other things" in text


def test_a_given_option_reaches_the_domain(run: Run, image: Path, tmp_path: Path) -> None:
    result = run(
        "upscale", image, "--out", tmp_path / "o.npy", "--model", "nearest",
        "--loud", "--gain", "3", "--note", "a", "--note", "b",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    line = next(line for line in result.stdout.splitlines() if line.startswith("LOUD"))
    assert "'gain': 3.0" in line
    assert "'note': ('a', 'b')" in line
    assert "'tone': 'low'" in line


def test_an_option_of_another_domain_than_the_named_one_is_misuse(run: Run, image: Path, tmp_path: Path) -> None:
    result = run("upscale", image, "--out", tmp_path / "o.npy", "--domain", "other", "--gain", "3")
    assert result.exit_code == 2
    assert "--gain" in result.stderr


def test_a_value_outside_the_choices_is_misuse(run: Run, image: Path, tmp_path: Path) -> None:
    result = run("upscale", image, "--out", tmp_path / "o.npy", "--tone", "middle")
    assert result.exit_code == 2
    assert "low, high" in result.stderr


def test_an_option_named_like_the_commands_own_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    def command(context: typer.Context, out: str = "") -> None:
        typer.echo(f"{out} {context.ensure_object(Session).given}")

    domains = [Domain("d", "D", (Option("out", str, "", "mine"), Option("flag", bool, True, "on by default")))]
    app = typer.Typer()
    app.command()(with_domain_options(command, domains))
    assert "--out of D is left out" in capsys.readouterr().err
    result = CliRunner().invoke(app, ["--out", "x", "--no-flag"], obj=Session())
    assert result.stdout.strip() == "x {'flag': False}"
