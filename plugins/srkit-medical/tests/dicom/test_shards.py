"""Shares of a series that several runs make are joined to the bytes of one run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import srkit


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_three_shards_become_the_files_of_the_whole(make: Callable[..., Path], tmp_path: Path) -> None:
    series = make(count=5)
    more: dict[str, Any] = {"model": "bicubic", "scale": "2,2,2", "domain": "mri"}
    srkit.upscale(series, tmp_path / "whole", **more)
    for number in (3, 1, 2):
        srkit.upscale(series, tmp_path / "joined", shard=f"{number}/3", **more)
        assert not (tmp_path / "joined").exists()
    srkit.merge(tmp_path / "joined")
    assert len(files(tmp_path / "whole")) == 10
    assert files(tmp_path / "joined") == files(tmp_path / "whole")
