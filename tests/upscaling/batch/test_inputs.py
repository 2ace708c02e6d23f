"""Several inputs of one call: where their outputs go, what is done once, and what a failure of one costs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from upscaling_toys import load, save

from srkit.errors import InputError, UsageError
from srkit.plugins import Plugins
from srkit.upscaling import inspect_path, upscale
from srkit.upscaling.batch.merging import merge


@pytest.fixture
def array(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 1000, (1, 12, 10), dtype=np.uint16)


def run(plugins: Plugins, paths: Any, out: Path, **more: Any) -> Any:
    return upscale(paths, out, **{"plugins": plugins, "model": "nearest", **more})


def names_below(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.npy"))


def test_files_go_into_the_folder_and_folders_into_their_own(
    plugins: Plugins, tmp_path: Path, array: np.ndarray
) -> None:
    one, two = save(tmp_path / "x" / "a.npy", array), save(tmp_path / "y" / "b.npy", array)
    save(tmp_path / "tree" / "deep" / "c.npy", array)
    save(tmp_path / "tree" / "d.npy", array)
    report = run(plugins, [two, one, str(tmp_path / "tree")], tmp_path / "out")
    assert [r.path.name for r in report.results] == ["b.npy", "a.npy", "d.npy", "c.npy"]
    assert report.exit_code == 0
    assert names_below(tmp_path / "out") == ["a.npy", "b.npy", "tree/d.npy", "tree/deep/c.npy"]
    np.testing.assert_array_equal(load(tmp_path / "out" / "a.npy"), array.repeat(2, 1).repeat(2, 2))


def test_what_is_named_twice_is_done_once(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    path = save(tmp_path / "in" / "a.npy", array)
    save(tmp_path / "in" / "b.npy", array)
    report = run(plugins, [path, path.parent / ".." / "in" / "a.npy", path.parent], tmp_path / "out")
    assert [r.output for r in report.results] == [tmp_path / "out" / "a.npy", tmp_path / "out" / "in" / "b.npy"]


def test_inputs_of_one_name_collide_before_any_work(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    paths = [save(tmp_path / "x" / "a.npy", array), save(tmp_path / "y" / "a.npy", array)]
    with pytest.raises(UsageError, match=r"2 items would all be written to .*/out/a\.npy"):
        run(plugins, paths, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_input_that_is_not_there_stops_the_call(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(UsageError, match="no file or folder"):
        run(plugins, [save(tmp_path / "a.npy", array), tmp_path / "b.npy"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_broken_or_foreign_input_costs_itself_alone(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    good = save(tmp_path / "a.npy", array)
    (tmp_path / "broken.npy").write_bytes(b"no array")
    (tmp_path / "notes.txt").write_text("hello")
    report = run(plugins, [tmp_path / "broken.npy", tmp_path / "notes.txt", good], tmp_path / "out")
    assert [(r.path.name, r.status) for r in report.results] == [
        ("broken.npy", "failed"), ("notes.txt", "failed"), ("a.npy", "done"),
    ]  # fmt: skip
    assert report.exit_code == 4
    assert "is of no kind that an installed plugin reads" in report.results[1].reason


def test_nothing_to_do_at_all_is_an_error(plugins: Plugins, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("hello")
    with pytest.raises(InputError, match="none of the 2 inputs"):
        run(plugins, [tmp_path / "a.txt", tmp_path / "b.txt"], tmp_path / "out")
    with pytest.raises(UsageError, match="no input is named"):
        run(plugins, [], tmp_path / "out")


def test_outputs_of_earlier_calls_below_an_input_are_no_inputs(
    plugins: Plugins, tmp_path: Path, array: np.ndarray
) -> None:
    folder, other = save(tmp_path / "in" / "a.npy", array).parent, save(tmp_path / "b.npy", array)
    for _ in range(2):
        report = run(plugins, [folder, other], folder / "out", overwrite=True)
        assert [r.path.name for r in report.results] == ["a.npy", "b.npy"]
        assert report.passed_over == 0


def test_an_address_among_inputs_is_kept_nowhere(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    paths = [save(tmp_path / "a.npy", array), "https://example.org/a.npy?token=SECRET"]
    for kept in ({"shard": "1/2"}, {"manifest": True}, {"skip_existing": True}):
        with pytest.raises(UsageError, match="fetch it, or leave --s") as caught:
            run(plugins, paths, tmp_path / "out", **kept)
        assert "SECRET" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_shards_of_several_inputs_are_merged(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    paths = [save(tmp_path / name / "a.npy", array).parent for name in ("x", "y")]
    options = {"toy": {"slab": 4}}
    run(plugins, paths, tmp_path / "whole", options=options)
    for shard in ("1/2", "2/2"):
        run(plugins, paths, tmp_path / "out", shard=shard, options=options)
    merge(tmp_path / "out", plugins=plugins)
    assert names_below(tmp_path / "out") == ["x/a.npy", "y/a.npy"]
    for name in names_below(tmp_path / "out"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_inspection_takes_several_inputs(plugins: Plugins, tmp_path: Path, array: np.ndarray) -> None:
    paths = [save(tmp_path / "a.npy", array), save(tmp_path / "in" / "b.npy", array).parent]
    assert [item.path.name for item in inspect_path(paths, plugins=plugins)] == ["a.npy", "b.npy"]


def test_a_folder_with_one_item_may_name_its_output(plugins: Plugins, tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.npy", np.zeros((1, 5, 5), np.uint8))
    more = {"plugins": plugins, "model": "nearest", "manifest": True}
    (result,) = upscale(tmp_path / "in", tmp_path / "new" / "b.npy", **more).results
    assert result.output == tmp_path / "new" / "b.npy"
    assert result.output.is_file()
    assert (tmp_path / "new" / "srkit-manifest.jsonl").is_file()
    save(tmp_path / "in" / "c.npy", np.zeros((1, 5, 5), np.uint8))
    with pytest.raises(UsageError, match=r"'d\.npy' names a file, and there are 2 items; give a folder"):
        upscale(tmp_path / "in", tmp_path / "d.npy", **more)
    (tmp_path / "e.npy").mkdir()
    assert len(upscale(tmp_path / "in", tmp_path / "e.npy", **more).results) == 2


def test_the_manifest_of_one_file_lies_in_the_folder_of_its_output(plugins: Plugins, tmp_path: Path) -> None:
    path = save(tmp_path / "in" / "a.npy", np.zeros((1, 5, 5), np.uint8))
    for status in ("done", "skipped"):
        report = upscale(path, tmp_path / "out" / "new", plugins=plugins, model="nearest", skip_existing=True)
        assert [result.status for result in report.results] == [status]
    assert (tmp_path / "out" / "new" / "srkit-manifest.jsonl").is_file()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]
