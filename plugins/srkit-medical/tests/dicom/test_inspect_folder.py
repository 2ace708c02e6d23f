"""`srkit inspect` of a folder: a row for each series, with its geometry and what can be done with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from typer.testing import CliRunner

import srkit
from srkit.cli.app import make_app

Make = Callable[..., Path]


@pytest.fixture
def archive(make: Make, tmp_path: Path) -> Path:
    """Return a folder with one series of each fate."""

    def localizer(dataset: Dataset, k: int) -> None:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    def burned(dataset: Dataset, k: int) -> None:
        dataset.BurnedInAnnotation = "YES"

    make("archive/even", series="a")
    make("archive/tilted", series="b", kind="CT", step=(0, 1.5, 5.0))
    make("archive/burned", series="c", edit=burned)
    make("archive/scout", series="d", count=1, edit=localizer)
    (make("archive/broken", series="e", count=1) / "000.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 64)
    return tmp_path / "archive"


def test_the_answer_says_what_can_be_done_with_each(archive: Path) -> None:
    found = {item.path.parent.name: item for item in srkit.inspect(archive)}
    assert found["even"].can_scale == ("slice", "row", "column")
    assert found["tilted"].can_scale == ("row", "column")
    assert "tilt of 16.7 degrees" in found["tilted"].cannot_scale["slice"]
    assert found["burned"].can_scale == ()
    assert set(found["burned"].cannot_scale) == {"slice", "row", "column"}
    assert found["scout"].skipped == "is a localizer"
    assert found["scout"].findings == ()
    assert found["broken"].error


def _table(archive: Path, *arguments: str) -> Any:
    return CliRunner().invoke(make_app(), ["inspect", str(archive), *arguments])


def test_the_table_has_a_row_for_each_and_ends_with_4_where_one_is_broken(archive: Path) -> None:
    result = _table(archive)
    assert result.exit_code == 4
    words = {
        "even": ("6x64x64", "5 x 0.9 x 0.7", "slices, rows, columns"),
        "tilted": ("6x128x128", "rows, columns", "tilt of"),
        "burned": ("refused", "burned-in"),
        "scout": ("skipped", "localizer"),
        "broken": ("refused",),
    }
    for name, expected in words.items():
        (row,) = [line for line in result.stdout.splitlines() if f" {name}/" in line]
        for word in expected:
            assert word in row


def test_json_says_the_same(archive: Path) -> None:
    answer = {Path(item["path"]).parent.name: item for item in json.loads(_table(archive, "--json").stdout)}
    assert answer["tilted"]["can_scale"] == ["row", "column"]
    assert list(answer["tilted"]["cannot_scale"]) == ["slice"]
    assert answer["scout"]["skipped"] == "is a localizer"
