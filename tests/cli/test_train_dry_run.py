"""`srkit train --dry-run`: what a run would be, with the exit codes that the run would have."""

import json

import numpy as np
import pytest

SMALL = (
    "network.parameters={features: 8, blocks: 1, skip: bicubic}",
    "data.batch=2",
    "data.patch=16",
    "data.workers=0",
    "phases.0.steps=100",
)


@pytest.fixture
def scenes(tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    for seed in range(4):
        np.save(folder / f"s{seed}.npy", np.random.default_rng(seed).integers(0, 4096, (32, 32), dtype=np.uint16))
    return folder


def arguments(*changes):
    return ["train", "--domain", "npy", *(word for change in (*SMALL, *changes) for word in ("--set", change))]


def test_it_tells_sizes_memory_and_time_and_makes_no_run(run, scenes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = run(*arguments(), "--data", scenes, "--dry-run")
    assert shown.exit_code == 0, shown.output
    for word in ("2 train, 1 val, 1 test", "LR 2 x 1 x 8 x 8, HR 2 x 1 x 16 x 16", "100 steps of", "memory", "disk"):
        assert word in shown.output
    found = json.loads(run(*arguments(), "--data", scenes, "--dry-run", "--json").stdout)
    assert found["items"] == {"train": 2, "val": 1, "test": 1}
    assert found["phases"][0]["step_seconds"] > 0
    assert {path.name for path in tmp_path.iterdir()} == {"scenes", "npy_plugin.py"}


def test_it_fails_as_the_run_would(run, scenes, tmp_path):
    assert run(*arguments("network.name=srresent"), "--data", scenes, "--dry-run").exit_code == 3
    assert run(*arguments(), "--data", tmp_path / "nowhere", "--dry-run").exit_code == 3
    losses = "losses={pixel: {kind: vgg19}}"
    assert run(*arguments(losses), "--data", scenes, "--dry-run").exit_code == 5
    assert run(*arguments(), "--data", scenes, "--dry-run", "--resume").exit_code == 2
    assert run(*arguments(), "--data", scenes, "--dry-run", "--scale", "x").exit_code == 2


PRESSED = """
import srkit

def build():
    raise KeyboardInterrupt

@srkit.hookimpl
def srkit_losses():
    return [srkit.LossFactory("pressed", build)]
"""


def test_ctrl_c_leaves_nothing_to_go_on_from(run, scenes, tmp_path):
    """The key is pressed while a loss is built."""
    (tmp_path / "pressed.py").write_text(PRESSED)
    pressed = ("--plugin", tmp_path / "pressed.py", *arguments("losses.pixel.kind=pressed"))
    shown = run(*pressed, "--data", scenes, "--dry-run")
    assert shown.exit_code == 130
    assert "interrupted; nothing was left behind" in shown.stderr
