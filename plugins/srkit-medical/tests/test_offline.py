"""Nothing is sent anywhere: no job opens a connection or asks for an address (P6)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from srkit_medical.examples import write_mri_series

LISTENING = """
import os, sys
def listen(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request"):
        with open(os.environ["HEARD"], "a") as file:
            file.write(event + chr(10))
sys.addaudithook(listen)
"""


def heard(tmp_path: Path, *command: str | Path) -> str:
    """Return the calls of the network that a command makes."""
    (tmp_path / "listening.py").write_text(LISTENING)
    log = tmp_path / "heard"
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, env={"HEARD": str(log), "PATH": "/bin"}
    )
    assert done.returncode == 0, done.stderr
    return log.read_text() if log.exists() else ""


def test_the_listener_hears_a_call(tmp_path: Path) -> None:
    call = (
        "import socket, listening\ntry:\n    socket.create_connection(('127.0.0.1', 9), 1)\nexcept OSError:\n    pass\n"
    )
    (tmp_path / "call.py").write_text(call)
    assert "socket.connect" in heard(tmp_path, tmp_path / "call.py")


@pytest.mark.slow
def test_training_and_upscaling_call_nobody(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_mri_series(tmp_path / "in")
    for seed in range(2):
        voxels = np.random.default_rng(seed).integers(0, 900, (20, 18, 6)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / "in" / f"sub-{seed}_T1w.nii.gz")
    plugin = tmp_path / "plugin.py"
    plugin.write_text(LISTENING + "import srkit\n@srkit.hookimpl\ndef srkit_metrics():\n    return []\n")
    srkit = ("-m", "srkit", "--plugin", plugin)
    small = ["phases.0.steps=1", "validate_every=0", "samples_every=0", "data.patch=8", "data.batch=2"]
    small += ["data.workers=0", "network.parameters.features=4", "network.parameters.blocks=1"]
    changes = [word for change in small for word in ("--set", change)]
    train = ("train", "--domain", "mri", "--data", tmp_path / "in", "--out", tmp_path / "run", *changes)
    assert heard(tmp_path, *srkit, *train) == ""
    model = tmp_path / "run" / "model.safetensors"
    upscale = ("upscale", tmp_path / "in", "--out", tmp_path / "out", "--domain", "mri", "--model", model)
    assert heard(tmp_path, *srkit, *upscale) == ""
    assert len(list((tmp_path / "out").rglob("*.nii.gz"))) == 2
