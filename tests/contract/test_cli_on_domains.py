"""The main jobs of the command line on one item of every installed domain."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import srkit
from srkit.cli.app import make_app
from srkit.plugins import load_plugins
from srkit.testing import Example, installed_examples

MAKERS = installed_examples()
AS_OTHERS = ["setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""What makes root obey the permissions of files as everybody else must."""


@pytest.fixture(params=sorted(MAKERS))
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Example:
    monkeypatch.delenv("SRKIT_PLUGINS", raising=False)
    root = tmp_path / "input"
    root.mkdir()
    return MAKERS[request.param](root)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(make_app(), [str(argument) for argument in arguments], prog_name="srkit")


def options_of(example: Example) -> list[object]:
    return [word for name, value in example.options.items() for word in (f"--{name.replace('_', '-')}", value)]


def test_a_folder_is_upscaled_and_the_output_lies_on_the_same_box(example: Example, tmp_path: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in example.root.rglob("*"))
    result = run(
        "upscale", example.root, "--out", tmp_path / "out", "--model", "bspline", "--domain", example.domain,
        "--json", *options_of(example),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    [item] = json.loads(result.stdout)["results"]
    assert item["status"] == "done"
    assert sorted((path, path.stat().st_mtime_ns) for path in example.root.rglob("*")) == before

    [old] = srkit.inspect(example.root, domain=example.domain)
    [new] = srkit.inspect(tmp_path / "out", domain=example.domain)
    assert new.dtype == old.dtype
    assert new.roles == old.roles
    factors = [2 if role in ("row", "column") else 1 for role in old.roles]
    assert list(new.shape) == [n * factor for n, factor in zip(old.shape, factors, strict=True)]
    if old.reference is not None:
        box = [n * step for n, step in zip(old.shape, old.spacing, strict=True)]
        assert [n * step for n, step in zip(new.shape, new.spacing, strict=True)] == pytest.approx(box, rel=1e-5)


def test_a_file_that_may_not_be_read_costs_only_itself(example: Example, tmp_path: Path) -> None:
    item, *_ = example.items_at(load_plugins(), example.root)
    closed = example.root / f"closed{item.path.suffix or '.dcm'}"
    closed.write_bytes(item.path.read_bytes())
    closed.chmod(0)
    arguments = [
        "upscale", example.root, "--out", tmp_path / "out", "--model", "nearest", "--domain", example.domain, "--json",
    ]  # fmt: skip
    found = subprocess.run(
        [*AS_OTHERS, Path(sys.executable).with_name("srkit"), *map(str, arguments), *map(str, options_of(example))],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    results = {Path(entry["path"]): entry for entry in json.loads(found.stdout)["results"]}
    assert found.returncode == 4, found.stderr
    assert results[closed]["reason"].startswith("may not be read")
    assert [entry["status"] for path, entry in results.items() if path != closed] == ["done"]


def test_an_item_is_inspected(example: Example) -> None:
    result = run("inspect", example.root, "--domain", example.domain)
    assert result.exit_code == 0, result.output
    assert example.domain in result.stdout


def test_nothing_is_written_where_the_output_cannot_be(example: Example, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    result = run(
        "upscale", example.root, "--out", blocker / "out", "--model", "nearest", "--domain", example.domain,
        *options_of(example),
    )  # fmt: skip
    assert result.exit_code in (2, 4), result.output
    assert "a bug in srkit" not in result.output
    assert blocker.read_text() == "in the way"
