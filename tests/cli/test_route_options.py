from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Run = Callable[..., Result]


def test_explain_says_how_and_why_on_stderr(run: Run, image: Path, tmp_path: Path) -> None:
    result = run("upscale", image, "--out", tmp_path / "out.npy", "--model", "bicubic", "--explain", "--memory", "64M")
    assert result.exit_code == 0, result.output
    assert "bytes of a budget of 64 MiB" in result.stderr
    assert "fp32" in result.stderr
    assert "budget" not in result.stdout


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--precision", "fp8", "no precision 'fp8'"),
        ("--memory", "plenty", "no amount of memory"),
        ("--backend", "onyx", "no backend"),
    ],
)
def test_wishes_that_make_no_sense_end_with_2(
    run: Run, image: Path, tmp_path: Path, option: str, value: str, words: str
) -> None:
    result = run("upscale", image, "--out", tmp_path / "out.npy", "--model", "bicubic", option, value)
    assert result.exit_code == 2
    assert words in result.stderr


def test_the_doctor_knows_what_networks_run_on(run: Run) -> None:
    result = run("doctor")
    assert "networks run on" in result.stdout
    assert "fused convolutions" in result.stdout
