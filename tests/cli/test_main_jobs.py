"""Train, upscale with what was trained, and evaluate it: each in a process of its own, as a user would."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SMALL = (
    "network.parameters={features: 8, blocks: 1, skip: bicubic}",
    "data.batch=2",
    "data.patch=16",
    "data.workers=0",
    "validate_every=2",
    "samples_every=2",
    "checkpoint_every=2",
)


def scene(seed: int) -> np.ndarray:
    rows, columns = np.mgrid[:48, :40]
    waves = [np.sin(rows / a + columns / b + c) for a, b, c in np.random.default_rng(seed).uniform(1, 6, (6, 3))]
    return np.asarray(2000 + 250 * np.sum(waves, axis=0), np.uint16)


class Shell:
    """Runs `srkit` with the test's plugin alone, in a folder with four scenes."""

    def __init__(self, folder: Path, plugin: Path) -> None:
        self.folder, self.plugin = folder, plugin
        (folder / "scenes").mkdir()
        for seed in range(4):
            np.save(folder / "scenes" / f"s{seed}.npy", scene(seed))

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "srkit", "--plugin", str(self.plugin), *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SRKIT_PLUGINS": "", "XDG_DATA_HOME": str(self.folder), "COLUMNS": "160"}

    def __call__(self, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    def train(self, steps: int, *more: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        changes = [word for text in (*SMALL, f"phases.0.steps={steps}") for word in ("--set", text)]
        return self("train", "--domain", "npy", "--data", "scenes", "--out", "run", *changes, *more, code=code)


@pytest.fixture
def srkit(tmp_path: Path, plugin_file: Path) -> Shell:
    return Shell(tmp_path, plugin_file)


def test_a_recipe_is_printed_with_origins_and_nothing_is_trained(srkit: Shell) -> None:
    shown = srkit("train", "--domain", "npy", "--scale", "3", "--set", "data.batch=7", "--print-config").stdout
    assert re.search(r"^  batch: 7 +# --set data.batch$", shown, re.MULTILINE)
    assert re.search(r"^scale: \[3, 3, 1\] +# --set scale$", shown, re.MULTILINE)
    assert not (srkit.folder / "runs").exists()


def test_training_then_upscaling_then_evaluating(srkit: Shell) -> None:
    trained = json.loads(srkit.train(4, "--json").stdout)
    assert trained["steps"] == 4
    assert trained["metrics"]["psnr"] > 0
    model = srkit.folder / "run" / "best.safetensors"

    srkit("upscale", "scenes/s0.npy", "--out", "s0.npy", "--model", model)
    assert np.load(srkit.folder / "s0.npy").shape == (96, 80)
    assert np.load(srkit.folder / "s0.npy").dtype == np.uint16

    table = json.loads(srkit("evaluate", "scenes", "--model", model, "--json").stdout)
    assert table["models"] == ["npy-x2", "nearest", "bicubic", "bspline", "lanczos"]
    assert len(table["rows"]) == 4 * 5

    shown = json.loads(srkit("models", "show", model, "--json").stdout)
    assert (shown["domain"], shown["scale"]) == ("npy", "2")


def test_the_shelf_serves_a_model_by_itself(srkit: Shell) -> None:
    srkit.train(2)
    shelf = srkit.folder / "srkit" / "models"
    shelf.mkdir(parents=True)
    (srkit.folder / "run" / "model.safetensors").rename(shelf / "mine.safetensors")
    report = json.loads(srkit("upscale", "scenes/s1.npy", "--out", "s1.npy", "--json").stdout)
    assert report["results"][0]["model"] == "npy-x2"
    assert "npy-x2" in srkit("models", "list").stdout


def test_a_run_folder_is_not_begun_twice_and_resumes_without_a_recipe(srkit: Shell) -> None:
    srkit.train(2)
    assert "--resume" in srkit.train(2, code=2).stderr
    assert "last of 2 steps" in srkit("train", "--resume", "--out", "run").stdout


def test_ctrl_c_saves_and_says_how_to_go_on(srkit: Shell) -> None:
    changes = [word for text in (*SMALL, "phases.0.steps=100000") for word in ("--set", text)]
    command = srkit.command("train", "--domain", "npy", "--data", "scenes", "--out", "run", *changes)
    process = subprocess.Popen(
        command, cwd=srkit.folder, env=srkit.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        while not list((srkit.folder / "run").glob("checkpoints/*")) and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "srkit train --resume --out run" in told
    assert (srkit.folder / "run" / "model.safetensors").is_file()


def test_a_misspelt_key_is_named_with_the_nearest_one(srkit: Shell) -> None:
    told = srkit("train", "--domain", "npy", "--data", "scenes", "--set", "data.bach=2", code=3).stderr
    assert "'batch'" in told
    assert told.count("\n") == 1


def test_an_unknown_recipe_is_refused_with_the_known_ones(srkit: Shell) -> None:
    assert "mri-fast" in srkit("train", "--recipe", "absent", code=3).stderr


def test_evaluating_prints_a_table_with_both_interpolations(srkit: Shell) -> None:
    text = srkit("evaluate", "scenes").stdout
    for word in ("bicubic", "bspline", "PSNR, dB", "s3.npy", "mean of 4 items"):
        assert word in text


def test_evaluating_passes_over_a_broken_file_and_ends_with_4(srkit: Shell) -> None:
    (srkit.folder / "scenes" / "bad.npy").write_bytes(b"no array")
    done = srkit("evaluate", "scenes", code=4)
    assert "broken .npy file" in done.stderr
    assert "mean of 4 items" in done.stdout
