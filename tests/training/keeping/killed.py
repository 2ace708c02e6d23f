"""Trains in two phases, once to the end, and once each killed (SIGKILL) after some step and then resumed.

`python killed.py FOLDER` leaves the run folders ``whole``, ``killed3`` … for test_killed.py to compare. The processes
that are killed are forked: torch is imported but once.
"""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch

from srkit.testing import plugins_with
from srkit.training import resolve_recipe, train

PLUGINS = plugins_with(Path(__file__).parents[2] / "toy_domain.py")
KILLED = (3, 4, 5)
RECIPE = """
domain: toy
discriminator: {name: vgg, parameters: {features: 2, dense: 4, pooled: 1}}
losses: {pixel: {kind: l1}, adversarial: {kind: adversarial}}
phases:
  - {name: content, steps: 4, learning_rate: 1e-3, losses: {pixel: 1}}
  - {name: adversarial, steps: 4, learning_rate: [[0, 1e-3], [2, 1e-4]], losses: {pixel: 1, adversarial: 0.1}}
ema: 0.9
precision: fp32
log_every: 1
validate_every: 2
samples_every: 0
checkpoint_every: 2
"""


def run(root: Path, name: str, *, killed_after: int = 0, resume: bool = False) -> None:
    """Train; where `killed_after` is a step, this process ends there without a word."""

    def progress(done: int, total: int, note: str) -> None:
        if done == killed_after:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    recipe = None if resume else resolve_recipe(PLUGINS, root / "recipe.yaml")
    data = () if resume else root / "data"
    train(recipe, data=data, out=root / name, resume=resume, plugins=PLUGINS, progress=progress)


def main(root: Path) -> None:
    """Make all runs."""
    (root / "data").mkdir()
    (root / "recipe.yaml").write_text(RECIPE)
    rng = np.random.default_rng(0)
    for number in range(5):
        np.save(root / "data" / f"s{number}_image.npy", rng.integers(0, 1000, (32, 32)).astype("uint16"))
    fork = multiprocessing.get_context("fork")
    for step in KILLED:
        name = f"killed{step}"
        process = fork.Process(target=run, args=(root, name), kwargs={"killed_after": step})
        process.start()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            sys.exit(f"was not killed: {process.exitcode}")
        (root / name / "checkpoints" / ".step_000000009.part").write_bytes(b"cut off while it was written")
        run(root, name, resume=True)
    run(root, "whole")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
