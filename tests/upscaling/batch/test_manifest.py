"""What became of each item, on disk; and what a later run concludes from it."""

import csv
import json
import os
import platform
import subprocess
import sys
from dataclasses import fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from upscaling_toys import integer_enlarger, save

from srkit.errors import UsageError
from srkit.grid import Scale
from srkit.plugins import Plugins, load_plugins
from srkit.upscaling import ItemResult, upscale
from srkit.upscaling.batch.manifest import COLUMNS, PROMISED, SCHEMA, Manifest
from srkit.upscaling.making.naming import MANIFEST

TABLE = "srkit-manifest.csv"


@pytest.fixture
def tree(tmp_path: Path, rng: np.random.Generator) -> Path:
    for name in ("a", "x/b", "x/c"):
        save(tmp_path / "in" / f"{name}.npy", rng.integers(0, 1000, (1, 9, 8), dtype=np.uint16))
    (tmp_path / "in" / "x" / "cut.npy").write_bytes(b"\x93NUMPY")
    return tmp_path / "in"


def run(plugins: Plugins, path: Path, out: Path, **more: Any) -> dict[str, tuple[str, str]]:
    report = upscale(path, out, **{"plugins": plugins, "model": "nearest", "manifest": True, **more})
    return {result.path.name: (result.status, result.reason) for result in report.results}


def lines_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / MANIFEST).read_text().splitlines()]


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / TABLE).open(newline="") as file:
        return list(csv.DictReader(file))


def series(folder: Path, count: int) -> None:
    for z in range(count):
        path = save(folder / f"{z}.npy", np.full((1, 6, 7), z, np.int16))
        path.rename(path.with_name(f"slice-{z:03}.stk"))


def test_every_item_has_a_line_and_a_row(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    run(plugins, tree, tmp_path / "out")
    lines, rows = lines_of(tmp_path / "out"), rows_of(tmp_path / "out")
    assert [line["path"] for line in lines] == [
        str(tree / name) for name in ("a.npy", "x/b.npy", "x/c.npy", "x/cut.npy")
    ]
    assert [line["status"] for line in lines] == ["done", "done", "done", "failed"]
    assert [line["output"] for line in lines] == ["a.npy", "x/b.npy", "x/c.npy", None]
    assert lines[3]["reason"] == "is not a whole .npy file"
    assert [(row["path"], row["status"], row["output"]) for row in rows] == [
        (line["path"], line["status"], line["output"] or "") for line in lines
    ]


def test_a_line_holds_all_of_a_result(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    run(plugins, tree, tmp_path / "out", options={"toy": {"slab": 4}})
    line = lines_of(tmp_path / "out")[0]
    assert set(line) == {"schema", "version", "packages", "finished", *(field.name for field in fields(ItemResult))}
    assert (line["schema"], line["model"], line["scale"], line["options"]["slab"]) == (SCHEMA, "nearest", "2", 4)
    assert set(line["trace"]) == {"identity", "stamp", "work", "state", "kinds"}
    assert line["findings"][0] == {"level": "info", "text": "a toy", "code": ""}
    assert list(rows_of(tmp_path / "out")[0]) == list(COLUMNS)


def test_the_page_on_batches_names_every_field(plugins: Plugins) -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "batch.md").read_text()
    names = {"schema", "version", "packages", "finished", *(field.name for field in fields(ItemResult))}
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_a_line_tells_the_versions_that_the_output_depends_on(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    run(plugins, tree / "a.npy", tmp_path / "out.npy", manifest=tmp_path / MANIFEST)
    told = lines_of(tmp_path)[0]["packages"]
    assert {name: told[name] for name in ("srkit", "torch", "numpy")} == {
        name: version(name) for name in ("srkit", "torch", "numpy")
    }
    assert told["python"] == platform.python_version()
    assert all(version(name) == number for name, number in told.items() if name != "python")


def test_a_line_tells_how_values_were_mapped_and_how_many_did_not_fit(
    plugins: Plugins, tmp_path: Path, rng: np.random.Generator
) -> None:
    values = rng.choice(np.array([0, 65535], np.uint16), (1, 9, 8))
    path = save(tmp_path / "hard.npy", values)
    for model, fits in (("nearest", True), ("bicubic", False)):
        run(plugins, path, tmp_path / f"{model}.npy", model=model, manifest=tmp_path / MANIFEST)
        line = next(line for line in lines_of(tmp_path) if line["model"] == model)
        assert (line["clipped"] == 0) == fits
        stored = np.load(tmp_path / f"{model}.npy")
        assert line["clipped"] <= np.isin(stored, (0, 65535)).sum()
    spec = {"kind": "range", "low": 0.0, "high": 65535.0}
    enlarger = replace(integer_enlarger(Scale(2, 2)), normalizer=spec)
    report = upscale(path, tmp_path / "made.npy", plugins=plugins, model=enlarger)
    assert report.results[0].normalizer["kind"] == "range"
    assert report.results[0].normalizer.items() >= spec.items()


def test_without_a_wish_there_is_no_manifest(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    run(plugins, tree, tmp_path / "out", manifest=False)
    assert not (tmp_path / "out" / MANIFEST).exists()


def test_a_second_run_does_nothing(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(plugins, tree, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")}
    lines = [line for line in lines_of(out) if line["status"] == "done"]
    statuses = run(plugins, tree, out, skip_existing=True)
    assert [status for status, _ in statuses.values()] == ["skipped"] * 3 + ["failed"]
    assert "is done already" in statuses["a.npy"][1]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")} == before
    assert [line for line in lines_of(out) if line["status"] == "done"] == lines
    assert len(lines_of(out)) == 4


def test_a_copied_and_renewed_source_is_known_by_its_content(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    run(plugins, tree, tmp_path / "out")
    os.utime(tree / "a.npy", (1, 1))
    assert run(plugins, tree, tmp_path / "out", skip_existing=True)["a.npy"][0] == "skipped"


@pytest.mark.parametrize("change", ["source", "model", "scale", "option", "wish"])
def test_what_would_become_another_output_is_made_anew(
    plugins: Plugins, tree: Path, tmp_path: Path, change: str, rng: np.random.Generator
) -> None:
    out, more = tmp_path / "out", {}
    run(plugins, tree, out)
    if change == "source":
        save(tree / "a.npy", rng.integers(0, 1000, (1, 9, 8), dtype=np.uint16))
    if change == "model":
        more = {"model": integer_enlarger(Scale(2, 2))}
    if change == "scale":
        more = {"scale": 3}
    if change == "option":
        more = {"options": {"toy": {"nodata": 3.0}}}
    if change == "wish":
        more = {"precision": "fp32"}
    before = (out / "a.npy").read_bytes()
    statuses = run(plugins, tree, out, skip_existing=True, **more)
    assert statuses["a.npy"][0] == "done"
    assert statuses["b.npy"][0] == ("skipped" if change == "source" else "done")
    assert change in ("option", "wish") or (out / "a.npy").read_bytes() != before
    assert run(plugins, tree, out, skip_existing=True, **more)["a.npy"][0] == "skipped"


def test_what_is_said_and_is_the_default_changes_nothing(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    run(plugins, tree, tmp_path / "out")
    more = {"extra_bands": "refuse", "options": {"toy": {"alpha": False}}, "tile": 8, "memory": "1G"}
    assert run(plugins, tree, tmp_path / "out", skip_existing=True, **more)["a.npy"][0] == "skipped"


def test_what_srkit_did_not_leave_so_is_never_replaced(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(plugins, tree, out)
    (out / "a.npy").write_bytes(b"mine")
    (out / "x" / "b.npy").unlink()
    save(out / "x" / "b.npy", np.zeros(3))
    statuses = run(plugins, tree, out, skip_existing=True, scale=3)
    assert statuses["a.npy"][0] == statuses["b.npy"][0] == "failed"
    assert "--overwrite" in statuses["a.npy"][1]
    assert statuses["c.npy"][0] == "done"
    assert (out / "a.npy").read_bytes() == b"mine"


def test_an_output_that_is_gone_is_made_again(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    run(plugins, tree, tmp_path / "out")
    (tmp_path / "out" / "a.npy").unlink()
    (tmp_path / "out" / "a.json").unlink()
    statuses = run(plugins, tree, tmp_path / "out", skip_existing=True)
    assert (statuses["a.npy"][0], statuses["b.npy"][0]) == ("done", "skipped")


def test_outputs_and_manifest_may_move_together(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    run(plugins, tree, tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    statuses = run(plugins, tree, tmp_path / "elsewhere", skip_existing=True)
    assert [status for status, _ in statuses.values()] == ["skipped"] * 3 + ["failed"]


def test_a_series_is_known_again_and_its_manifest_is_in_nobodys_way(plugins: Plugins, tmp_path: Path) -> None:
    series(tmp_path / "in", 3)
    save(tmp_path / "in" / "deeper" / "a.npy", np.zeros((1, 5, 5), np.int16))
    out = tmp_path / "out"
    for status in ("done", "skipped"):
        statuses = run(plugins, tmp_path / "in", out, skip_existing=True)
        assert {s for s, _ in statuses.values()} == {status}
    (out / "slice-002.stk").write_bytes(b"mine")
    assert run(plugins, tmp_path / "in", out, skip_existing=True)["slice-000.stk"][0] == "failed"


def test_a_torn_line_costs_one_item(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(plugins, tree, out)
    whole = (out / MANIFEST).read_bytes().splitlines(keepends=True)
    (out / MANIFEST).write_bytes(b"".join(whole[:2]) + whole[2][:50])
    statuses = run(plugins, tree, out, skip_existing=True)
    assert [statuses[f"{name}.npy"][0] for name in "abc"] == ["skipped", "skipped", "failed"]


def test_own_outputs_are_passed_over_unless_asked_for(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    run(plugins, tree / "a.npy", tree / "a_x2.npy", manifest=False)
    statuses = run(plugins, tree, tmp_path / "out")
    assert statuses["a.npy"][0] == "done"
    assert statuses["a_x2.npy"] == ("skipped", "is an output of srkit itself; give --again to enlarge it once more")
    assert run(plugins, tree, tmp_path / "again", again=True)["a_x2.npy"][0] == "done"
    assert run(plugins, tree / "a_x2.npy", tmp_path / "named.npy")["a_x2.npy"][0] == "done"


def test_a_manifest_is_neither_input_nor_passed_over(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    (tree / "notes.txt").write_text("no image")
    run(plugins, tree, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("no image")
    report = upscale(tmp_path / "out", tmp_path / "twice", model="nearest", again=True, plugins=plugins)
    assert len(report.results) == 3
    assert report.passed_over == 1 + 3  # the note, and the toys' side files


def test_a_place_for_the_manifest_can_be_named(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    run(plugins, tree / "a.npy", tmp_path / "b.npy", manifest=tmp_path / "logs" / "night.jsonl")
    (line,) = [json.loads(line) for line in (tmp_path / "logs" / "night.jsonl").read_text().splitlines()]
    assert line["output"] == str(tmp_path / "b.npy")
    assert (tmp_path / "logs" / "night.csv").exists()
    with pytest.raises(UsageError, match=r"end in \.jsonl"):
        Manifest(tmp_path / "night.csv")


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from importlib.metadata import entry_points
from srkit.plugins import load_plugins
from srkit.upscaling import upscale
core = [p for p in entry_points(group="srkit.plugins") if p.name == "core"]
def killed(done, total, note):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)
upscale({path!r}, {out!r}, model="nearest", manifest=True, progress=killed,
        plugins=load_plugins([Path({tests!r}) / "toy_plugin.py"], installed=core, environment={{}}))
"""


def test_a_killed_run_leaves_what_it_knew(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    code = KILLED.format(tests=str(Path(__file__).parents[1]), path=str(tree), out=str(tmp_path / "out"))
    subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    told = [line["output"] for line in lines_of(tmp_path / "out") if line["status"] != PROMISED]
    assert told == [None, "a.npy", "x/b.npy"]
    assert [row["output"] for row in rows_of(tmp_path / "out")] == ["", "a.npy", "x/b.npy"]
    statuses = run(plugins, tree, tmp_path / "out", skip_existing=True)
    assert statuses["a.npy"][0] == "skipped"
    assert statuses["c.npy"][0] == "done"


KILLED_AT_THE_LINE = """
import os, signal, sys
from pathlib import Path
import numpy as np
import srkit

@srkit.hookimpl
def srkit_domains():
    return [srkit.Domain("npy", "NumPy arrays")]

@srkit.hookimpl
def srkit_discover(root):
    for path, folder in srkit.files_below(root):
        if path.suffix == ".npy":
            yield srkit.Item((path,), "npy", folder=folder, stem=path.stem, suffix=".npy")

@srkit.hookimpl
def srkit_open(domain, item):
    return Array(np.load(item.path)[np.newaxis]) if domain == "npy" else None

@srkit.hookimpl
def srkit_create(domain, target, plan):
    return Sink(target, plan) if domain == "npy" else None

class Array(srkit.ArraySource):
    def close(self):
        super().close()
        if os.environ.get("DIE") == "after" and Path(os.environ["OUTPUT"]).exists():
            os.kill(os.getpid(), signal.SIGKILL)

class Sink(srkit.ArraySink):
    @property
    def side_files(self):
        if os.environ.get("DIE") == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        return ()

    def save(self, target, stored):
        np.save(target, stored[0])
"""


@pytest.mark.parametrize(
    ("moment", "workers", "status"), [("after", 1, "skipped"), ("before", 1, "done"), ("after", 2, "skipped")]
)
def test_an_output_that_appeared_right_before_a_kill_is_known(
    tmp_path: Path, rng: np.random.Generator, moment: str, workers: int, status: str
) -> None:
    """The process that makes it dies once the output is there and no line says so, or right before it appears."""
    for name in ("a", "b"):
        save(tmp_path / "in" / f"{name}.npy", rng.integers(0, 1000, (9, 8), dtype=np.uint16))
    plugin, out = tmp_path / "plugin.py", tmp_path / "out"
    plugin.write_text(KILLED_AT_THE_LINE)
    words = ["--plugin", plugin, "upscale", tmp_path / "in", "--out", out, "--model", "nearest", "--workers", workers]
    told = {**os.environ, "SRKIT_PLUGINS": "", "OUTPUT": str(out / "a.npy"), "DIE": moment}
    subprocess.run([sys.executable, "-m", "srkit", *map(str, words)], env=told, check=False, timeout=120)
    assert (out / "a.npy").exists() is (moment == "after")

    plugins = load_plugins([plugin], environment={"SRKIT_PLUGINS": ""})
    assert run(plugins, tmp_path / "in", out, skip_existing=True)["a.npy"][0] == status
    assert [(line["status"], line["output"]) for line in lines_of(out)] == [("done", "a.npy"), ("done", "b.npy")]
    again = run(plugins, tmp_path / "in", out, skip_existing=True)
    assert [status for status, _ in again.values()] == ["skipped", "skipped"]


def test_names_that_are_no_text_are_kept(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    (tree / "a.npy").rename(tree / os.fsdecode(b"b\xff.npy"))
    for status in ("done", "skipped"):
        statuses = run(plugins, tree, tmp_path / "out", skip_existing=True)
        assert statuses[os.fsdecode(b"b\xff.npy")][0] == status
    assert r"b\udcff.npy" in (tmp_path / "out" / TABLE).read_text()
