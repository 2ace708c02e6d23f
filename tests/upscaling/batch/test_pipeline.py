"""From paths to paths: names, refusals, folders, and outputs that are whole or absent."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from upscaling_toys import Mapper, affine_of, integer_enlarger, load, save

from srkit.errors import InputError, ModelError, NetworkOutputError, OutputError, SrkitError, UsageError
from srkit.grid import Scale
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger, inspect_path, upscale


@pytest.fixture(autouse=True)
def no_models(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
    monkeypatch.delenv("SRKIT_MODELS", raising=False)


@pytest.fixture
def array(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 1000, (1, 40, 33), dtype=np.uint16)


def names_below(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def entries(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def run(plugins: Plugins, path: Path, out: Path, **more: Any) -> Any:
    return upscale(path, out, **{"plugins": plugins, "model": "bicubic", **more})


def test_a_file_is_written_to_the_name_that_was_given(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    report = run(plugins, save(tmp_path / "a.npy", array), tmp_path / "deep" / "er" / "b.npy", model="nearest")
    (result,) = report.results
    assert (result.status, result.output, report.exit_code) == ("done", tmp_path / "deep" / "er" / "b.npy", 0)
    np.testing.assert_array_equal(load(result.output), array.repeat(2, 1).repeat(2, 2))
    assert names_below(tmp_path) == ["a.npy", "deep/er/b.json", "deep/er/b.npy"]
    np.testing.assert_allclose(affine_of(result.output), [[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])


def test_a_folder_as_output_keeps_the_name(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    report = run(plugins, save(tmp_path / "a.npy", array), tmp_path / "out", scale=3)
    assert report.results[0].output == tmp_path / "out" / "a.npy"
    assert load(tmp_path / "out" / "a.npy").shape == (1, 120, 99)


def test_a_name_template_has_stem_and_scale(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    path = save(tmp_path / "a.npy", array[:, None])
    run(plugins, path, tmp_path, name="{stem}_x{scale}", scale="1,1,4")
    assert (tmp_path / "a_x1x1x4.npy").exists()


@pytest.mark.parametrize("name", ["{stam}", "{stem", "a/{stem}"])
def test_a_wrong_template_is_refused(plugins: Plugins, tmp_path: Path, array: np.ndarray, name: str) -> None:
    with pytest.raises(UsageError):
        run(plugins, save(tmp_path / "a.npy", array), tmp_path / "out", name=name)


def test_an_output_name_of_another_format_is_refused(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"does not end in \.npy"):
        run(plugins, save(tmp_path / "a.npy", array), tmp_path / "b.tif")


def test_a_tree_keeps_its_structure_and_passes_over_what_is_broken(
    plugins: Plugins, tmp_path: Path, array: np.ndarray
) -> None:
    tree = tmp_path / "in"
    save(tree / "a.npy", array)
    save(tree / "x" / "b.npy", array)
    save(tree / "x" / "labels.npy", array > 500)
    whole = save(tree / "x" / "cut.npy", array).read_bytes()
    (tree / "x" / "cut.npy").write_bytes(whole[: len(whole) // 2])
    (tree / "notes.txt").write_text("not an image")
    report = run(plugins, tree, tmp_path / "out")
    status = {r.path.name: (r.status, r.reason) for r in report.results}
    assert status["a.npy"][0] == status["b.npy"][0] == "done"
    assert status["cut.npy"] == ("failed", "is not a whole .npy file")
    assert status["labels.npy"][0] == "failed"
    assert "is a label map" in status["labels.npy"][1]
    assert (report.exit_code, report.passed_over) == (4, 1)
    assert names_below(tmp_path / "out") == ["a.json", "a.npy", "x/b.json", "x/b.npy"]


def test_outputs_inside_the_input_tree_are_not_inputs_of_a_later_run(
    plugins: Plugins, tmp_path: Path, array: np.ndarray
) -> None:
    save(tmp_path / "a.npy", array)
    for _ in range(2):
        report = run(plugins, tmp_path, tmp_path / "out", overwrite=True)
        assert [r.path for r in report.results] == [tmp_path / "a.npy"]


def test_a_series_becomes_a_series(plugins: Plugins, tmp_path: Path, rng: np.random.Generator) -> None:
    for z in range(3):
        slice_ = rng.integers(0, 99, (1, 8, 9), dtype=np.int16)
        save(tmp_path / "in" / f"{z}.npy", slice_).rename(tmp_path / "in" / f"slice-{z:03}.stk")
    report = run(plugins, tmp_path / "in", tmp_path / "out", scale="1,1,2")
    assert report.results[0].output == tmp_path / "out"
    assert names_below(tmp_path / "out") == ["affine.json", *(f"slice-{z:03}.stk" for z in range(6))]
    with pytest.raises(UsageError, match="already holds files"):
        run(plugins, tmp_path / "in", tmp_path / "out", scale="1,1,2")
    with pytest.raises(UsageError, match="holds the input"):
        run(plugins, tmp_path / "in", tmp_path / "in", scale="1,1,2", overwrite=True)


def test_a_shorter_series_never_mixes_with_an_older_longer_one(plugins: Plugins, tmp_path: Path) -> None:
    for z in range(3):
        path = save(tmp_path / "in" / f"{z}.npy", np.full((1, 8, 9), z, np.int16))
        path.rename(path.with_name(f"slice-{z:03}.stk"))
    run(plugins, tmp_path / "in", tmp_path / "out")
    (tmp_path / "in" / "slice-002.stk").unlink()
    before = names_below(tmp_path / "out")
    with pytest.raises(OutputError, match="older file"):
        run(plugins, tmp_path / "in", tmp_path / "out", overwrite=True)
    assert names_below(tmp_path / "out") == before


def test_a_series_goes_into_an_empty_folder_that_is_there(
    plugins: Plugins, tmp_path: Path, rng: np.random.Generator
) -> None:
    save(tmp_path / "in" / "0.npy", np.ones((1, 8, 9), np.int16)).rename(tmp_path / "in" / "slice-000.stk")
    (tmp_path / "out").mkdir()
    run(plugins, tmp_path / "in", tmp_path / "out")
    assert names_below(tmp_path / "out") == ["affine.json", "slice-000.stk"]


def test_series_in_a_tree_keep_their_folders(plugins: Plugins, tmp_path: Path) -> None:
    for folder in ("a", "b/c"):
        path = save(tmp_path / "in" / folder / "0.npy", np.ones((1, 4, 4), np.int16))
        path.rename(path.with_name("slice-000.stk"))
    report = run(plugins, tmp_path / "in", tmp_path / "out")
    assert sorted(r.output.relative_to(tmp_path / "out").as_posix() for r in report.results) == ["a", "b/c"]


def test_what_exists_is_replaced_only_when_asked(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    path, out = save(tmp_path / "a.npy", array), tmp_path / "b.npy"
    out.write_text("precious")
    with pytest.raises(UsageError, match="--overwrite"):
        run(plugins, path, out)
    assert out.read_text() == "precious"
    run(plugins, path, out, overwrite=True)
    assert load(out).shape == (1, 80, 66)


def test_an_output_folder_that_is_a_file_is_refused(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match="is a file"):
        run(plugins, save(tmp_path / "in" / "a.npy", array).parent, tmp_path / "out")


def test_a_side_file_that_exists_is_not_replaced(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    (tmp_path / "b.json").write_text("precious")
    with pytest.raises(OutputError, match="in the way"):
        run(plugins, save(tmp_path / "a.npy", array), tmp_path / "b.npy")
    assert (tmp_path / "b.json").read_text() == "precious"
    assert names_below(tmp_path) == ["a.npy", "b.json"]


@pytest.mark.parametrize("kind", ["same", "symlink", "hardlink"])
def test_an_input_is_never_replaced(plugins: Plugins, tmp_path: Path, array: np.ndarray, kind: str) -> None:
    path = save(tmp_path / "a.npy", array)
    before = path.read_bytes()
    out = path if kind == "same" else tmp_path / "b.npy"
    if kind == "symlink":
        out.symlink_to(path)
    if kind == "hardlink":
        out.hardlink_to(path)
    with pytest.raises(UsageError, match="is an input"):
        run(plugins, path, out, overwrite=True)
    assert path.read_bytes() == before


def test_two_items_of_one_output_stop_the_run_before_it_begins(
    plugins: Plugins, tmp_path: Path, array: np.ndarray
) -> None:
    save(tmp_path / "in" / "a.npy", array)
    save(tmp_path / "in" / "b.npy", array)
    with pytest.raises(UsageError, match="2 items would all be written"):
        run(plugins, tmp_path / "in", tmp_path / "out", name="same")
    assert not (tmp_path / "out").exists()


def test_without_a_model_the_error_says_what_to_do(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(ModelError, match="srkit train") as caught:
        run(plugins, save(tmp_path / "a.npy", array), tmp_path / "out", model=None)
    assert "--model bicubic" in str(caught.value)
    save(tmp_path / "in" / "a.npy", array)
    save(tmp_path / "in" / "b.npy", array)
    report = run(plugins, tmp_path / "in", tmp_path / "out", model=None)
    assert (report.exit_code, {r.status for r in report.results}) == (3, {"failed"})
    assert not (tmp_path / "out").exists()


def test_a_scale_that_is_not_the_models_names_both(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(ModelError, match="enlarges by 2, not by 4"):
        run(plugins, save(tmp_path / "a.npy", array), tmp_path / "out", model=integer_enlarger(Scale(2, 2)), scale=4)


@pytest.mark.parametrize("name", ["none.npy", "notes.txt", "empty"])
def test_what_is_no_item_is_said(plugins: Plugins, tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises((InputError, UsageError), match=name):
        run(plugins, tmp_path / name, tmp_path / "out")


def test_stored_values_are_rounded_clipped_and_kept_off_nodata(plugins: Plugins, tmp_path: Path) -> None:
    array = np.zeros((1, 6, 6), np.uint8)
    array[0, :, :3] = 200
    path = save(tmp_path / "a.npy", array)
    out = tmp_path / "b.npy"
    run(plugins, path, out, model="bicubic", options={"toy": {"nodata": 200.0}}, tile=64)
    sr = load(out)
    assert (sr[0, :, :6] == 200).all()
    assert (sr[0, :, 6:] != 200).all()


def test_alpha_and_frames_go_the_same_way(plugins: Plugins, tmp_path: Path, rng: np.random.Generator) -> None:
    array = rng.integers(0, 255, (2, 2, 3, 9, 9), dtype=np.uint8)
    out = tmp_path / "b.npy"
    run(plugins, save(tmp_path / "a.npy", array), out, options={"toy": {"alpha": True, "slab": 2}})
    sr = np.load(out)
    assert sr.shape == (2, 2, 3, 18, 18)
    np.testing.assert_array_equal(sr[:, 1], array[:, 1].repeat(2, -1).repeat(2, -2))


@pytest.mark.parametrize("slab", [1, 7, 16, 500])
def test_the_slab_does_not_change_a_bit(plugins: Plugins, tmp_path: Path, array: np.ndarray, slab: int) -> None:
    path = save(tmp_path / "a.npy", array)
    for number, out in ((16, "b.npy"), (slab, "c.npy")):
        run(plugins, path, tmp_path / out, options={"toy": {"slab": number}}, tile=12)
    np.testing.assert_array_equal(load(tmp_path / "b.npy"), load(tmp_path / "c.npy"))


def test_a_network_that_makes_no_numbers_leaves_nothing(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    broken = Enlarger("broken", Scale(2, 2), Mapper(lambda lr: lr / 0), ("row", "column"))
    path = save(tmp_path / "a.npy", array)
    with pytest.raises(NetworkOutputError):
        run(plugins, path, tmp_path / "new" / "out", model=broken)
    assert entries(tmp_path) == ["a.npy"]


def test_an_interrupt_leaves_nothing(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    def interrupt(done: int, total: int, note: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plugins, save(tmp_path / "a.npy", array), tmp_path / "out", progress=interrupt, tile=9)
    assert entries(tmp_path) == ["a.npy"]


@pytest.mark.parametrize("stop_at", [2, 7, 13])
def test_a_resumed_run_gives_the_same_bytes(plugins: Plugins, tmp_path: Path, array: np.ndarray, stop_at: int) -> None:
    path = save(tmp_path / "a.npy", array)
    more = {"options": {"toy": {"slab": 7, "nodata": 13.0}}, "model": "lanczos", "resume": True}
    totals = []

    def interrupt(done: int, total: int, note: str) -> None:
        totals.append(total)
        if done == stop_at:
            raise KeyboardInterrupt

    run(plugins, path, tmp_path / "straight.npy", **more, tile=12)
    with pytest.raises(KeyboardInterrupt):
        run(plugins, path, tmp_path / "b.npy", **more, tile=12, progress=interrupt)
    assert not (tmp_path / "b.npy").exists()
    assert (tmp_path / ".b.npy.srkit-resume" / "shard-1.jsonl").exists()
    run(plugins, path, tmp_path / "b.npy", **more, progress=lambda done, total, note: totals.append(total))
    assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "straight.npy").read_bytes()
    assert not (tmp_path / ".b.npy.srkit-resume").exists()
    assert len(set(totals)) == 1  # tiles of the first start, though none are asked for now


def test_a_resumed_folder_skips_what_is_there(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    for name in "ab":
        save(tmp_path / "in" / f"{name}.npy", array)

    def interrupt(done: int, total: int, note: str) -> None:
        if note.startswith("b.npy, tile"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plugins, tmp_path / "in", tmp_path / "out", resume=True, progress=interrupt)
    before = (tmp_path / "out" / "a.npy").stat().st_mtime_ns
    report = run(plugins, tmp_path / "in", tmp_path / "out", resume=True)
    assert [(r.path.name, r.status) for r in report.results] == [("a.npy", "skipped"), ("b.npy", "done")]
    assert report.exit_code == 0
    assert (tmp_path / "out" / "a.npy").stat().st_mtime_ns == before
    save(tmp_path / "in" / "a.npy", array)
    with pytest.raises(UsageError, match="--overwrite"):
        run(plugins, tmp_path / "in" / "a.npy", tmp_path / "out", resume=True)


def test_finished_slabs_are_not_computed_again(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    calls: list[int] = []
    counter = Enlarger("counter", Scale(2, 2), Mapper(lambda lr: calls.append(1) or lr), ("row", "column"))
    path = save(tmp_path / "a.npy", array)

    def interrupt(done: int, total: int, note: str) -> None:
        if done == 12:
            raise KeyboardInterrupt

    more = {"model": counter, "resume": True, "tile": 8}  # 5 rows of 5 tiles, slabs of 16 samples: one row each
    with pytest.raises(KeyboardInterrupt):
        run(plugins, path, tmp_path / "b.npy", **more, progress=interrupt)
    calls.clear()
    run(plugins, path, tmp_path / "b.npy", **more)
    assert len(calls) == 15  # three rows that were not finished


def test_other_work_is_refused_and_begun_anew_when_asked(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    path, out = save(tmp_path / "a.npy", array), tmp_path / "b.npy"

    def interrupt(done: int, total: int, note: str) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plugins, path, out, model="nearest", resume=True, tile=8, progress=interrupt)
    save(path, array[:, ::-1])
    with pytest.raises(UsageError, match=r"other work was begun there.*--overwrite to begin anew"):
        run(plugins, path, out, model="nearest", resume=True)
    run(plugins, path, out, model="nearest", resume=True, overwrite=True)
    np.testing.assert_array_equal(load(out), array[:, ::-1].repeat(2, 1).repeat(2, 2))


@pytest.mark.parametrize("damage", ["torn line", "lost slab", "flipped bit"])
def test_a_damaged_journal_costs_work_and_never_truth(
    plugins: Plugins, tmp_path: Path, array: np.ndarray, damage: str
) -> None:
    path, out = save(tmp_path / "a.npy", array), tmp_path / "b.npy"

    def interrupt(done: int, total: int, note: str) -> None:
        if done == 18:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plugins, path, out, model="nearest", resume=True, tile=8, progress=interrupt)
    folder = tmp_path / ".b.npy.srkit-resume"
    if damage == "torn line":
        with (folder / "shard-1.jsonl").open("a") as file:
            file.write('{"number": 3, "fra')
    if damage == "lost slab":
        (folder / "000001.npy").unlink()
    if damage == "flipped bit":
        data = bytearray((folder / "000001.npy").read_bytes())
        data[-200] ^= 1
        (folder / "000001.npy").write_bytes(data)
    run(plugins, path, out, model="nearest", resume=True)
    np.testing.assert_array_equal(load(out), array.repeat(2, 1).repeat(2, 2))


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from importlib.metadata import entry_points
from srkit.plugins import load_plugins
from srkit.upscaling import upscale
core = [p for p in entry_points(group="srkit.plugins") if p.name == "core"]
def slowly(done, total, note):
    if done == 10:
        print("ready", flush=True)
        time.sleep(60)
upscale({path!r}, {out!r}, model="bicubic", tile=12, resume={resume}, progress=slowly,
        plugins=load_plugins([Path({tests!r}) / "toy_plugin.py"], installed=core, environment={{}}))
"""


@pytest.mark.parametrize("resume", [False, True])
def test_after_a_kill_no_output_is_there_and_the_next_run_sweeps_up(
    plugins: Plugins, tmp_path: Path, array: np.ndarray, resume: bool
) -> None:
    path, out = save(tmp_path / "a.npy", array), tmp_path / "b.npy"
    code = KILLED.format(tests=str(Path(__file__).parents[1]), path=str(path), out=str(out), resume=resume)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
    assert not out.exists()
    assert list(tmp_path.glob(".b.npy.srkit-*"))
    run(plugins, path, tmp_path / "straight.npy", tile=12)
    run(plugins, path, out, tile=12, resume=resume)
    assert entries(tmp_path) == ["a.npy", "b.json", "b.npy", "straight.json", "straight.npy"]
    assert out.read_bytes() == (tmp_path / "straight.npy").read_bytes()


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", place], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("this user may not mount a small disk")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("kind", ["file", "series"])
def test_a_full_disk_is_said_and_nothing_is_left(plugins: Plugins, tmp_path: Path, small_disk: Path, kind: str) -> None:
    array = np.random.default_rng(0).integers(0, 9, (1, 4, 200, 200), dtype=np.int16)
    path = save(tmp_path / "in" / "a.npy", array)
    if kind == "series":
        path = path.parent
        for z in range(4):
            save(path / "x.npy", array[:, z]).rename(path / f"slice-{z:03}.stk")
        (path / "a.npy").unlink()
    with pytest.raises(OutputError, match="the disk is full") as caught:
        run(plugins, path, small_disk / "out", force=True)
    assert caught.value.exit_code == 4
    assert entries(small_disk) == []


def test_a_full_disk_leaves_no_torn_slab_to_a_run_that_keeps_them(
    plugins: Plugins, tmp_path: Path, small_disk: Path
) -> None:
    path = save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 9, (1, 64, 1700), dtype=np.int16))
    with pytest.raises(OutputError, match="the disk is full"):
        run(plugins, path, small_disk / "b.npy", force=True, resume=True)
    assert {entry.suffix for entry in small_disk.glob(".b.npy.srkit-resume/*")} <= {".npy", ".json", ".jsonl"}


def test_a_sink_that_loses_samples_in_silence_is_found_out(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    toy = next(p.module for p in plugins.loaded if p.name == "toy_plugin")
    path = save(tmp_path / "a.npy", array)

    class Forgetful(toy.FileSink):
        def write(self, window: Any, frame: int, stored: np.ndarray, valid: Any) -> None:
            if window.start[0] != 32:
                super().write(window, frame, stored, valid)

    with _replaced(toy, "FileSink", Forgetful), pytest.raises(OutputError, match="not what was written"):
        run(plugins, path, tmp_path / "b.npy")
    assert entries(tmp_path) == ["a.npy"]


def test_a_sink_that_moves_the_image_is_found_out(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    toy = next(p.module for p in plugins.loaded if p.name == "toy_plugin")
    path = save(tmp_path / "a.npy", array)

    class Shifting(toy.FileSink):
        def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
            super().__exit__(kind, error, trace)
            side = self.target.with_suffix(".json")
            side.write_text(side.read_text().replace("-0.25", "-0.24"))

    with _replaced(toy, "FileSink", Shifting), pytest.raises(OutputError, match=r"corners are off by 0\.02"):
        run(plugins, path, tmp_path / "b.npy")
    assert entries(tmp_path) == ["a.npy"]


def wrapped(cause: Exception) -> OutputError:
    error = OutputError("the library says nothing")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("raised", "error", "words"),
    [
        (wrapped(OSError(errno.ENOSPC, "No space left on device")), OutputError, "the disk is full"),
        (wrapped(ValueError()), OutputError, "the library says nothing"),
        (OSError(errno.ENOSPC, "No space left on device"), OutputError, "the disk is full"),
        (OSError(errno.EIO, "Input/output error"), OutputError, "Input/output error"),
        (KeyError("secret"), SrkitError, "sink failed with KeyError"),
    ],
)
@pytest.mark.parametrize("where", ["__enter__", "write", "__exit__"])
def test_what_a_sink_raises_is_put_in_words(
    plugins: Plugins, tmp_path: Path, array: np.ndarray, raised: Exception, error: Any, words: str, where: str
) -> None:
    toy = next(p.module for p in plugins.loaded if p.name == "toy_plugin")
    path = save(tmp_path / "a.npy", array)

    def fail(self: Any, *arguments: Any) -> None:
        raise raised

    failing = type("Failing", (toy.FileSink,), {where: fail})
    with _replaced(toy, "FileSink", failing), pytest.raises(error, match=words) as caught:
        run(plugins, path, tmp_path / "b.npy")
    assert "secret" not in str(caught.value)
    assert entries(tmp_path) == ["a.npy"]


class _replaced:  # noqa: N801  reads as a sentence where it is used
    """A domain whose sink is at fault; the plugin under test is replaced, not our code."""

    def __init__(self, module: Any, name: str, value: Any) -> None:
        self.module, self.name, self.value = module, name, value

    def __enter__(self) -> None:
        self.old = getattr(self.module, self.name)
        setattr(self.module, self.name, self.value)

    def __exit__(self, *error: object) -> None:
        setattr(self.module, self.name, self.old)


def test_a_running_neighbour_is_left_alone_and_the_dead_are_swept(
    plugins: Plugins, tmp_path: Path, array: np.ndarray
) -> None:
    path = save(tmp_path / "a.npy", array)
    alive, other = tmp_path / f".b.npy.srkit-{os.getppid()}", tmp_path / ".c.npy.srkit-999999999"
    dead = tmp_path / ".b.npy.srkit-999999999"
    for folder in (alive, other, dead):
        folder.mkdir()
    run(plugins, path, tmp_path / "b.npy")
    assert (alive.exists(), other.exists(), dead.exists()) == (True, True, False)


def test_the_umask_is_honoured(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    path = save(tmp_path / "a.npy", array)
    old = os.umask(0o027)
    try:
        run(plugins, path, tmp_path / "out")
    finally:
        os.umask(old)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "out" / "a.npy").stat().st_mode & 0o777 == 0o640


def test_names_of_every_script_and_length_work(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    for name in ("Größe µ 画像.npy", "x" * 240 + ".npy"):
        run(plugins, save(tmp_path / "in" / name, array), tmp_path / "out")
        assert (tmp_path / "out" / name).exists()


def test_inspection_tells_what_is_there_and_changes_nothing(
    plugins: Plugins, tmp_path: Path, array: np.ndarray
) -> None:
    save(tmp_path / "a.npy", array)
    save(tmp_path / "empty.npy", array[:, :0])
    (tmp_path / "cut.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:300])
    before = names_below(tmp_path)
    first, cut, empty = inspect_path(tmp_path, plugins=plugins)
    assert (first.domain, first.shape, first.dtype, first.frames) == ("toy", (40, 33), "uint16", 1)
    assert (first.roles, first.spacing, first.channels) == (("row", "column"), (1.0, 1.0), ("c0",))
    assert [f.text for f in first.findings] == ["a toy"]
    assert cut.error == "is not a whole .npy file"
    assert "no samples" in empty.error
    assert names_below(tmp_path) == before
