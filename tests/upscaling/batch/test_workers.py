"""Several items at once, in processes of their own; and that thousands of items do not pile up in memory."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from upscaling_toys import integer_enlarger, save

from srkit.errors import UsageError
from srkit.grid import Scale
from srkit.plugins import Plugins, load_plugins
from srkit.upscaling import UpscaleReport, upscale

HERE = Path(__file__).parents[1]
DEADLY = """
import os, signal, srkit
@srkit.hookimpl(tryfirst=True)
def srkit_open(domain, item, options):
    if item.stem == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
"""
SLOW = """
import os, time, srkit
@srkit.hookimpl(wrapper=True)
def srkit_create(domain, target, source, plan):
    sink = yield
    if target.name.startswith("slow"):
        def write(*arguments):
            os.write(1, b"w")
            time.sleep(60)
        sink.write = write
    return sink
"""


@pytest.fixture
def tree(tmp_path: Path, rng: np.random.Generator) -> Path:
    for name in ("a", "x/b", "x/c", "d", "e"):
        save(tmp_path / "in" / f"{name}.npy", rng.integers(0, 1000, (1, 30, 28), dtype=np.uint16))
    (tmp_path / "in" / "x" / "cut.npy").write_bytes(b"\x93NUMPY")
    return tmp_path / "in"


def with_plugin(tmp_path: Path, code: str) -> Plugins:
    (tmp_path / "extra.py").write_text(code)
    core = [point for point in entry_points(group="srkit.plugins") if point.name == "core"]
    return load_plugins([HERE / "toy_plugin.py", tmp_path / "extra.py"], installed=core, environment={})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def timeless(report: UpscaleReport, out: Path) -> list[Any]:
    results = [replace(r, seconds=0.0, route="", trace=None) for r in report.results]
    return [replace(r, output=None if r.output is None else r.output.relative_to(out)) for r in results]


@pytest.mark.slow
def test_outputs_and_results_are_those_of_one_process(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    more: dict[str, Any] = {"plugins": plugins, "model": integer_enlarger(Scale(2, 2)), "tile": 20}
    one = upscale(tree, tmp_path / "one", **more)
    three = upscale(
        tree, tmp_path / "three", workers=3, progress=lambda done, total, note: told.append((done, total)), **more
    )
    assert timeless(three, tmp_path / "three") == timeless(one, tmp_path / "one")
    assert contents(tmp_path / "three") == contents(tmp_path / "one")
    assert told == [(number, 5) for number in range(1, 6)]


@pytest.mark.slow
def test_a_process_that_dies_costs_one_item(tree: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    save(tree / "deadly.npy", rng.integers(0, 9, (1, 5, 5), dtype=np.uint16))
    plugins = with_plugin(tmp_path, DEADLY)
    report = upscale(tree, tmp_path / "out", model="nearest", workers=2, plugins=plugins, manifest=True)
    status = {result.path.name: result.status for result in report.results}
    assert status == {**dict.fromkeys(["a.npy", "b.npy", "c.npy", "d.npy", "e.npy"], "done"), "cut.npy": "failed"} | {
        "deadly.npy": "failed"
    }
    (dead,) = [result for result in report.results if result.path.name == "deadly.npy"]
    assert "ended by SIGKILL" in dead.reason
    assert len((tmp_path / "out" / "srkit-manifest.jsonl").read_text().splitlines()) == 7


INTERRUPTED = """
import sys
from pathlib import Path
from importlib.metadata import entry_points
from srkit.plugins import load_plugins
from srkit.upscaling import upscale
if __name__ == "__main__":
    core = [p for p in entry_points(group="srkit.plugins") if p.name == "core"]
    plugins = load_plugins([Path({toy!r}), Path({extra!r})], installed=core, environment={{}})
    try:
        upscale({path!r}, {out!r}, model="nearest", workers=2, plugins=plugins)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["group", "parent"])
def test_an_interrupt_ends_all_and_leaves_nothing_half_done(tmp_path: Path, whom: str) -> None:
    for name in ("slow1", "slow2", "slow3"):
        save(tmp_path / "in" / f"{name}.npy", np.zeros((1, 5, 5), np.uint8))
    with_plugin(tmp_path, SLOW)
    paths = {"toy": HERE / "toy_plugin.py", "extra": tmp_path / "extra.py", "path": tmp_path / "in"}
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED.format(**{k: str(v) for k, v in paths.items()}, out=str(tmp_path / "out")))
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        assert run.stdout.read(2) == "ww"
        assert len(list((tmp_path / "out").iterdir())) == 2
        begin = time.monotonic()
        (os.killpg if whom == "group" else os.kill)(run.pid, signal.SIGINT)
        assert run.wait(timeout=50) == 130
        assert time.monotonic() - begin < 25
    assert not any((tmp_path / "out").rglob("*"))


def test_no_worker_is_too_few(plugins: Plugins, tree: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 workers"):
        upscale(tree, tmp_path / "out", workers=0, plugins=plugins)


MANY = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from importlib.metadata import entry_points
from srkit.plugins import load_plugins
from srkit.upscaling import upscale
core = [p for p in entry_points(group="srkit.plugins") if p.name == "core"]
plugins = load_plugins([Path({here!r}) / "toy_plugin.py"], installed=core, environment={{}})
def watch(done, total, note):
    if "tile" not in note and done in (50, total):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        print(done, pages * 4096, flush=True)
upscale({path!r}, {out!r}, model="bicubic", plugins=plugins, progress=watch, manifest=True)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_items(tmp_path: Path, rng: np.random.Generator) -> None:
    for number in range(200):
        save(tmp_path / "in" / f"{number:03}.npy", rng.integers(0, 999, (1, 256, 256), dtype=np.uint16))
    code = MANY.format(here=str(HERE), path=str(tmp_path / "in"), out=str(tmp_path / "out"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (_, early), (count, late) = (map(int, line.split()) for line in done.stdout.splitlines())
    assert count == 200
    assert late - early < 150 * 256 * 256 * 2 / 2, "half of what the items hold in the stored type"
