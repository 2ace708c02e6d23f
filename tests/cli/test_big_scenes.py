"""Windows, shards and plans by the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from typer.testing import Result

Run = Callable[..., Result]


def test_a_window_is_cut_and_told_of(run: Run, image: Path, tmp_path: Path) -> None:
    result = run("upscale", image, "--out", tmp_path / "out.npy", "--model", "nearest", "--window", "2:5,1:")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), np.load(image)[2:5, 1:].repeat(2, 0).repeat(2, 1))
    assert "takes rows 2:5, columns 1:" in result.stderr


def test_a_window_that_is_none_ends_with_2(run: Run, image: Path, tmp_path: Path) -> None:
    result = run("upscale", image, "--out", tmp_path / "out.npy", "--model", "nearest", "--window", "1,2,3,4")
    assert result.exit_code == 2
    assert "-srcwin 1 2 3 4 is 2:6,1:4" in result.stderr


def test_shards_are_kept_and_merged(run: Run, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npy"
    for number in (1, 2):
        result = run("upscale", image, "--out", out, "--model", "nearest", "--shard", f"{number}/2")
        assert result.exit_code == 0, result.output
        assert f"srkit merge {out}" in result.stdout
        assert not out.exists()
    result = run("merge", out)
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(np.load(out), np.load(image).repeat(2, axis=0).repeat(2, axis=1))
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_where_there_are_no_shards_merge_ends_with_2(run: Run, tmp_path: Path) -> None:
    result = run("merge", tmp_path / "out.npy")
    assert result.exit_code == 2
    assert "there are no shards beside it" in result.stderr


def test_a_plan_is_printed_and_nothing_written(run: Run, image: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = run("upscale", image, "--out", tmp_path / "out.npy", "--model", "bicubic", "--dry-run")
    assert result.exit_code == 0, result.output
    for word in ("new grid", "tiles", "disk", "memory", "time", "a tile of"):
        assert word in result.stdout
    answer = json.loads(
        run("upscale", image, "--out", tmp_path / "out.npy", "--model", "nearest", "--dry-run", "--json").stdout
    )
    assert answer["results"][0]["status"] == "planned"
    assert answer["results"][0]["forecast"]["new_shape"] == [2 * n for n in np.load(image).shape]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_is_planned_in_a_table(run: Run, image: Path, tmp_path: Path) -> None:
    np.save(image.parent / "second.npy", np.load(image))
    result = run("upscale", image.parent, "--out", tmp_path / "out", "--model", "bicubic", "--dry-run")
    assert "2 planned, 0 failed, 0 skipped" in result.stdout
    assert "memory" in result.stdout
    assert not (tmp_path / "out").exists()
