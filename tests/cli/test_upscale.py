import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

Run = Callable[..., Result]


def test_a_file_becomes_a_larger_file(run: Run, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npy"
    result = run("upscale", image, "--out", out, "--scale", "2,3", "--model", "nearest")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(np.load(out), np.load(image).repeat(2, axis=0).repeat(3, axis=1))
    assert str(out) in result.stdout


def test_warnings_of_inspection_are_told(run: Run, image: Path, tmp_path: Path) -> None:
    result = run("upscale", image, "--out", tmp_path / "out.npy", "--model", "nearest")
    assert "warning: mind this" in result.stderr
    assert "seen" not in result.output


def test_json_is_all_there_is_on_stdout(run: Run, image: Path, tmp_path: Path) -> None:
    result = run("upscale", image, "--out", tmp_path / "out.npy", "--model", "nearest", "--json")
    answer = json.loads(result.stdout)
    assert answer["exit_code"] == 0
    assert answer["results"][0]["status"] == "done"
    assert answer["results"][0]["output"] == str(tmp_path / "out.npy")


def test_one_named_broken_file_ends_with_4_and_one_sentence(run: Run, image: Path, tmp_path: Path) -> None:
    image.write_bytes(image.read_bytes()[:100])
    result = run("upscale", image, "--out", tmp_path / "out.npy", "--model", "nearest")
    assert result.exit_code == 4
    assert result.stderr.strip() == f"error: {image}: is a broken .npy file; write it again"
    assert not (tmp_path / "out.npy").exists()


def test_a_folder_goes_on_past_a_broken_file_and_ends_with_4(run: Run, image: Path, tmp_path: Path) -> None:
    (image.parent / "bad.npy").write_bytes(b"no array")
    (image.parent / "notes.txt").write_text("hello")
    result = run("upscale", image.parent, "--out", tmp_path / "out", "--model", "nearest")
    assert result.exit_code == 4
    assert "1 done, 1 failed, 0 skipped" in result.stdout
    assert "is a broken .npy file" in result.stdout
    assert "1 file(s) of no installed domain were passed over" in result.stderr
    names = ["image.npy", "srkit-manifest.csv", "srkit-manifest.jsonl"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


def test_what_is_done_is_skipped_after_the_manifest(run: Run, image: Path, tmp_path: Path) -> None:
    arguments = ["upscale", image.parent, "--out", tmp_path / "out", "--model", "nearest"]
    assert run(*arguments).exit_code == 0
    again = run(*arguments, "--skip-existing")
    assert again.exit_code == 0
    assert "is done already" in again.output
    assert run(*arguments, "--skip-existing", "--scale", "3").exit_code == 0
    assert np.load(tmp_path / "out" / "image.npy").shape == (27, 33)


def test_a_manifest_is_written_for_folders_and_on_request(run: Run, image: Path, tmp_path: Path) -> None:
    more = ["--model", "nearest"]
    run("upscale", image, "--out", tmp_path / "one" / "a.npy", *more)
    run("upscale", image.parent, "--out", tmp_path / "two", "--no-manifest", *more)
    run("upscale", image, "--out", tmp_path / "three" / "a.npy", "--manifest", tmp_path / "m.jsonl", *more)
    assert [path.name for path in tmp_path.rglob("*.jsonl")] == ["m.jsonl"]
    both = run("upscale", image, "--out", tmp_path / "four.npy", "--manifest", tmp_path / "m.jsonl", "--no-manifest")
    assert both.exit_code == 2


def test_names_in_an_output_folder_can_be_changed(run: Run, image: Path, tmp_path: Path) -> None:
    result = run("upscale", image.parent, "--out", tmp_path / "out", "--model", "nearest", "--name", "{stem}_x{scale}")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "image_x2.npy").is_file()


def test_an_output_that_exists_is_kept_unless_it_may_go(run: Run, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npy"
    out.write_bytes(b"mine")
    refused = run("upscale", image, "--out", out, "--model", "nearest")
    assert refused.exit_code != 0
    assert out.read_bytes() == b"mine"
    assert run("upscale", image, "--out", out, "--model", "nearest", "--overwrite").exit_code == 0
    assert np.load(out).shape == (18, 22)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--scale", "two"], 2),
        (["--domain", "absent"], 2),
        (["--model", "absent"], 3),
        (["--model", "nearest", "--scale", "1,1,2"], 2),
    ],
)
def test_wishes_that_cannot_be_met_have_their_code(
    run: Run, image: Path, tmp_path: Path, arguments: list[str], code: int
) -> None:
    result = run("upscale", image, "--out", tmp_path / "out.npy", *arguments)
    assert result.exit_code == code, result.output
    assert result.stderr.strip().splitlines()[-1].startswith("error: ")


def test_without_a_model_the_error_names_the_ways_out(
    run: Run, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    result = run("upscale", image, "--out", tmp_path / "out.npy")
    assert result.exit_code == 3
    for way in ("srkit train --domain npy", "--model"):
        assert way in result.stderr


def test_inspect_says_what_is_understood(run: Run, image: Path) -> None:
    text = run("inspect", image).stdout
    for word in ("npy", "9 rows, 11 columns", "uint16", "mind this"):
        assert word in text
    answer = json.loads(run("inspect", image.parent, "--json").stdout)
    assert answer[0]["shape"] == [9, 11]


def test_inspecting_a_broken_file_ends_with_4(run: Run, image: Path) -> None:
    image.write_bytes(b"no array")
    result = run("inspect", image)
    assert result.exit_code == 4
    assert "broken .npy file" in result.stdout


def test_the_installed_command_does_it_in_a_process_of_its_own(plugin_file: Path, image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npy"
    done = subprocess.run(
        [sys.executable, "-m", "srkit", "--plugin", plugin_file, "upscale", image, "-o", out, "--model", "bicubic"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert np.load(out).shape == (18, 22)


def test_a_reason_in_the_table_does_not_repeat_the_path_beside_it(run: Run, image: Path, tmp_path: Path) -> None:
    (image.parent / "bad.npy").write_bytes(b"no array")
    result = run("upscale", image.parent, "--out", tmp_path / "out", "--model", "nearest", "--json")
    failed = next(entry for entry in json.loads(result.stdout)["results"] if entry["status"] == "failed")
    assert failed["reason"] == "is a broken .npy file; write it again"


@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape", "ascii:strict"])
def test_names_that_the_terminal_cannot_hold_end_no_run(plugin_file: Path, image: Path, encoding: str) -> None:
    odd = image.with_name(os.fsdecode(b"b\xff\xc3\xa9.npy"))
    image.rename(odd)
    command = [sys.executable, "-m", "srkit", "--plugin", plugin_file, "inspect", image.parent]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    table = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert table.returncode == 0, table.stderr
    answer = subprocess.run([*command, "--json"], env=environment, capture_output=True, check=True)
    assert [entry["path"] for entry in json.loads(answer.stdout.decode("utf-8"))] == [str(odd)]
