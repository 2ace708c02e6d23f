"""Shares of an output made apart, joined to the bytes of the whole; and runs that are killed and go on."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from upscaling_toys import Mapper, save

from srkit.errors import UsageError
from srkit.grid import Scale
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger, upscale
from srkit.upscaling.batch.merging import merge
from srkit.upscaling.making.shard import Shard

SLABS = {"options": {"toy": {"slab": 7, "nodata": 13.0}}, "model": "lanczos", "tile": 12}


@pytest.fixture
def path(tmp_path: Path, rng: np.random.Generator) -> Path:
    return save(tmp_path / "in" / "a.npy", rng.integers(0, 1000, (2, 40, 33), dtype=np.uint16))


def hidden(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.name.startswith("."))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 13, 20])
def test_shards_in_any_order_become_the_bytes_of_the_whole(
    plugins: Plugins, tmp_path: Path, path: Path, count: int
) -> None:
    upscale(path, tmp_path / "whole.npy", plugins=plugins, **SLABS)
    out = tmp_path / "b.npy"
    for number in range(count, 0, -1):
        (result,) = upscale(path, out, plugins=plugins, shard=f"{number}/{count}", **SLABS).results
        assert (result.status, out.exists()) == ("done", False)
        assert f"shard {number}/{count} is kept" in result.reason
    merge(out, plugins=plugins)
    assert out.read_bytes() == (tmp_path / "whole.npy").read_bytes()
    assert hidden(tmp_path) == []


def test_shards_of_a_folder_are_joined_in_one_go(plugins: Plugins, tmp_path: Path, path: Path) -> None:
    save(path.parent / "deep" / "b.npy", np.arange(300, dtype=np.uint16).reshape(1, 15, 20))
    upscale(path.parent, tmp_path / "whole", plugins=plugins, **SLABS)
    for number in (1, 2):
        upscale(path.parent, tmp_path / "out", plugins=plugins, shard=f"{number}/2", **SLABS)
    report = merge(tmp_path / "out", plugins=plugins)
    assert [result.status for result in report.results] == ["done", "done"]
    for name in ("a.npy", "deep/b.npy"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_the_route_is_that_of_the_first_shard(plugins: Plugins, tmp_path: Path, path: Path) -> None:
    upscale(path, tmp_path / "whole.npy", plugins=plugins, **SLABS)
    out = tmp_path / "b.npy"
    upscale(path, out, plugins=plugins, shard="1/2", **SLABS)
    upscale(path, out, plugins=plugins, shard="2/2", **{**SLABS, "tile": 9})
    merge(out, plugins=plugins)
    assert out.read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_a_missing_shard_is_named(plugins: Plugins, tmp_path: Path, path: Path) -> None:
    out = tmp_path / "b.npy"
    upscale(path, out, plugins=plugins, shard="1/3", **SLABS)
    upscale(path, out, plugins=plugins, shard="3/3", **SLABS)
    with pytest.raises(UsageError, match=r"run --shard 2/3 \(0 of 4 slabs\) first"):
        merge(out, plugins=plugins)
    assert not out.exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"shard": "2/3"}, "begun in 2 shard"),
        ({"shard": "2/2", "model": "bicubic"}, "other work was begun"),
        ({"shard": "2/2", "window": "0:9,0:9"}, "other work was begun"),
    ],
)
def test_a_foreign_shard_is_refused(
    plugins: Plugins, tmp_path: Path, rng: np.random.Generator, more: dict[str, Any], words: str
) -> None:
    path = save(tmp_path / "a.npy", rng.integers(0, 9, (1, 30, 30), dtype=np.uint16))
    upscale(path, tmp_path / "b.npy", plugins=plugins, model="nearest", shard="1/2")
    if "window" in more:
        more = {**more, "window": "0:30,0:30", "scale": 3}
    with pytest.raises(UsageError, match=words):
        upscale(path, tmp_path / "b.npy", plugins=plugins, **{"model": "nearest", **more})


def test_an_input_that_changed_since_is_not_joined(plugins: Plugins, tmp_path: Path, path: Path) -> None:
    for number in (1, 2):
        upscale(path, tmp_path / "b.npy", plugins=plugins, shard=f"{number}/2", **SLABS)
    array = np.load(path)
    save(path, array[:, ::-1])
    with pytest.raises(UsageError, match="other work was begun"):
        merge(tmp_path / "b.npy", plugins=plugins)


def test_where_nothing_lies_nothing_is_joined(plugins: Plugins, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are no shards beside it"):
        merge(tmp_path / "b.npy", plugins=plugins)


def test_a_model_that_another_process_cannot_find_is_refused(plugins: Plugins, tmp_path: Path, path: Path) -> None:
    model = Enlarger("mapper", Scale(2, 2), Mapper(lambda lr: lr), ("row", "column"))
    with pytest.raises(UsageError, match="give its name or file"):
        upscale(path, tmp_path / "b.npy", plugins=plugins, model=model, shard="1/2")


def test_shares_cover_all_slabs_once() -> None:
    for total, count in itertools.product((0, 1, 7, 100), (1, 2, 3, 8)):
        shares = [Shard(number, count).slabs(total) for number in range(1, count + 1)]
        assert list(itertools.chain(*shares)) == list(range(total))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "a/b", "1/0"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="for instance 2/5"):
        Shard.parse(text)


RUN = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from importlib.metadata import entry_points
from srkit.plugins import load_plugins
from srkit.upscaling import upscale
core = [p for p in entry_points(group="srkit.plugins") if p.name == "core"]
upscale({path!r}, {out!r}, model="bicubic", tile=32, resume=True, options={{"toy": {{"slab": 16}}}},
        plugins=load_plugins([Path({tests!r}) / "toy_plugin.py"], installed=core, environment={{}}),
        progress=lambda done, total, note: time.sleep(0.004))
"""


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_run_that_is_killed_goes_on_block_by_block(
    plugins: Plugins, tmp_path: Path, rng: np.random.Generator, share: float
) -> None:
    more: Any = {"model": "bicubic", "tile": 32, "options": {"toy": {"slab": 16}}, "plugins": plugins}
    path = save(tmp_path / "in" / "a.npy", rng.integers(0, 4000, (2, 400, 64), dtype=np.uint16))
    out, folder = tmp_path / "out" / "b.npy", tmp_path / "out" / ".b.npy.srkit-resume"
    upscale(path, tmp_path / "straight.npy", **more)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN.format(tests=str(Path(__file__).parents[1]), path=str(path), out=str(out))]
    )
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*.npy"))) < share * 50 and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    finished = {entry.name: entry.stat().st_mtime_ns for entry in folder.glob("*.npy")}
    assert share * 50 <= len(finished) < 50
    seen: list[tuple[int, int]] = []

    def watch(done: int, total: int, note: str) -> None:
        seen.append((done, total))
        if len(seen) == 1:  # before the new slabs: none of the old ones was written again, but for a torn last one
            kept = {e.name for e in folder.glob("*.npy") if finished.get(e.name) == e.stat().st_mtime_ns}
            assert len(kept) >= len(finished) - 1

    upscale(path, out, resume=True, progress=watch, **more)
    assert out.read_bytes() == (tmp_path / "straight.npy").read_bytes()
    total = seen[0][1]
    assert len(seen) < (1 - share) * total + 6  # what was finished is not computed again
    assert seen[-1] == (total, total)
    assert sorted(entry.name for entry in out.parent.iterdir()) == ["b.json", "b.npy"]
