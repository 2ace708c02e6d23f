"""What is passed over and belongs beside the outputs: copied as it is, once, and never onto anything."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from upscaling_toys import save

from srkit.plugins import Plugins
from srkit.upscaling import upscale

NOTE = bytes(range(256)) * 5


@pytest.fixture(autouse=True)
def no_models(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
    monkeypatch.delenv("SRKIT_MODELS", raising=False)


@pytest.fixture
def tree(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A folder tree with an image and a note of three files."""
    root = tmp_path / "in"
    save(root / "x" / "a.npy", rng.integers(0, 99, (1, 9, 8), np.uint16))
    for name in ("b.note", "b.more1", "b.more2"):
        (root / "x" / name).write_bytes(NOTE + name.encode())
    return root


def run(plugins: Plugins, path: Any, out: Path, **more: Any) -> Any:
    return upscale(path, out, plugins=plugins, model="nearest", **more)


def copied(report: Any) -> list[tuple[str, str, int]]:
    results = [result for result in report.results if result.path.suffix == ".note"]
    return [(result.status, result.reason, result.exit_code) for result in results]


def test_every_file_of_it_is_copied_to_the_same_place(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    report = run(plugins, tree, tmp_path / "out", manifest=True)
    assert copied(report) == [("copied", "is a note (3 files)", 0)]
    assert {result.status for result in report.results} == {"done", "copied"}
    assert (report.exit_code, report.passed_over) == (0, 0)
    for name in ("b.note", "b.more1", "b.more2"):
        assert (tmp_path / "out" / "x" / name).read_bytes() == NOTE + name.encode()
    assert not [path for path in (tmp_path / "out" / "x").iterdir() if path.name.startswith(".")]
    lines = [json.loads(line) for line in (tmp_path / "out" / "srkit-manifest.jsonl").read_text().splitlines()]
    assert [(line["status"], line["output"]) for line in lines] == [("done", "x/a.npy"), ("copied", "x/b.note")]


def test_a_second_run_finds_the_copies_and_keeps_what_the_manifest_says(
    plugins: Plugins, tree: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(plugins, tree, out, skip_existing=True)
    report = run(plugins, tree, out, skip_existing=True, workers=1)
    assert copied(report) == [("skipped", "its copy is there already: is a note", 0)]
    assert '"copied"' in (out / "srkit-manifest.jsonl").read_text()


def test_nothing_that_is_there_is_replaced_unless_asked(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "x" / "b.more2"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    ((status, reason, code),) = copied(run(plugins, tree, tmp_path / "out"))
    assert (status, code) == ("failed", 2)
    assert "b.more2 exists" in reason
    assert "--overwrite" in reason
    assert mine.read_text() == "mine"
    assert not (mine.parent / "b.note").exists(), "all or nothing"
    assert copied(run(plugins, tree, tmp_path / "out", overwrite=True))[0][0] == "copied"
    assert mine.read_bytes() == NOTE + b"b.more2"


def test_a_dry_run_and_a_shard_copy_nothing_and_a_merge_does(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert copied(run(plugins, tree, out, dry_run=True)) == [("planned", "is a note (3 files)", 0)]
    assert not out.exists()
    assert copied(run(plugins, tree, out, shard="1/1")) == [("skipped", "is a note", 0)]
    assert not (out / "x" / "b.note").exists()
    assert copied(run(plugins, tree, out, shard="merge"))[0][0] == "copied"


def test_of_several_inputs_each_has_a_folder_of_its_name(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    other = save(tmp_path / "c.npy", np.ones((1, 8, 8), np.uint8))
    report = run(plugins, [other, tree], tmp_path / "out")
    assert copied(report)[0][0] == "copied"
    assert (tmp_path / "out" / "in" / "x" / "b.more1").exists()


def test_a_link_in_the_output_folder_leads_no_copy_out_of_it(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tree / "y").mkdir()
    (tree / "y" / "c.note").write_bytes(NOTE)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "y").symlink_to(elsewhere)
    statuses = [status for status, _, _ in copied(run(plugins, tree, tmp_path / "out"))]
    assert statuses == ["copied", "failed"]
    assert list(elsewhere.iterdir()) == []


def test_a_link_that_is_in_the_way_is_replaced_itself(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    place = tmp_path / "out" / "x" / "b.note"
    place.parent.mkdir(parents=True)
    place.symlink_to(mine)
    assert copied(run(plugins, tree, tmp_path / "out", overwrite=True))[0][0] == "copied"
    assert mine.read_text() == "mine"
    assert place.read_bytes() == NOTE + b"b.note"


def test_copies_never_lie_among_the_files_of_an_output(plugins: Plugins, tmp_path: Path) -> None:
    for z in range(2):
        slice_ = np.full((1, 8, 9), z, np.int16)
        save(tmp_path / "in" / "s" / f"{z}.npy", slice_).rename(tmp_path / "in" / "s" / f"slice-{z:03}.stk")
    (tmp_path / "in" / "s" / "c.note").write_bytes(NOTE)
    report = run(plugins, tmp_path / "in", tmp_path / "out", scale="1,1,2", overwrite=True)
    ((status, reason, _),) = copied(report)
    assert status == "failed"
    assert "among the files of an output" in reason


def test_what_cannot_be_read_fails_alone(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        (tree / "x" / "b.more1").unlink()
        (tree / "x" / "b.more1").mkdir()  # nobody can read that as a file, root included
    else:
        (tree / "x" / "b.more1").chmod(0)
    report = run(plugins, tree, tmp_path / "out")
    ((status, reason, code),) = copied(report)
    assert (status, code) == ("failed", 4)
    assert "cannot be copied" in reason
    assert (tmp_path / "out" / "x" / "a.npy").exists()
