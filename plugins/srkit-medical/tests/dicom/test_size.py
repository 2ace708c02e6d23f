"""Outputs too large for the disk are refused with the numbers, before the work."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import srkit
from srkit.errors import OutputError, UsageError

Make = Callable[..., Path]


class Usage(NamedTuple):
    """What `shutil.disk_usage` says of a disk."""

    total: int
    used: int
    free: int


def small_disk(path: object) -> Usage:
    return Usage(10**9, 10**9 - 10**6, 10**6)


def test_a_series_that_finds_no_room_is_refused_with_the_bytes(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make()
    monkeypatch.setattr(shutil, "disk_usage", small_disk)
    with pytest.raises(OutputError, match=r"may take 3\.15 MB on its disk .*, and 1 MB are free; .*--force"):
        srkit.upscale(folder, tmp_path / "out", model="nearest", scale="4,4,4")  # 24 x 256 x 256 samples of 16 bits
    assert not (tmp_path / "out").exists()
    (planned,) = srkit.upscale(folder, tmp_path / "out", model="nearest", scale="4,4,4", dry_run=True).results
    assert planned.forecast is not None
    assert planned.forecast.new_shape == (24, 256, 256)
    assert planned.forecast.raw_bytes == 24 * 256 * 256 * 2
    assert any(finding.level == "refusal" and "3.15 MB" in finding.text for finding in planned.findings)


def test_a_factor_that_cannot_be_meant_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="64 times"):
        srkit.upscale(make(), tmp_path / "out", model="nearest", scale="1,1,1000")
