"""`srkit train --devices 2` on a CPU: real processes from a real launcher, over gloo."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from srkit.cli.app import make_app

TESTS = Path(__file__).parents[1]
TOY = TESTS / "toy_domain.py"
OF_TORCH = "terminate called without an active exception"  # its threads, where Python ends before they do
CHANGES = ("log_every=1", "validate_every=0", "samples_every=0", "phases.0.steps=100000")


def begun(data, out, changes=(), plugins=()):
    """Start `srkit train` with two processes on `data` into the run folder `out`."""
    files = [word for path in (TOY, *plugins) for word in ("--plugin", str(path))]
    command = [sys.executable, "-m", "srkit", *files, "train", "--devices", "2", "--out", str(out)]
    command += ["--domain", "toy", "--data", str(data)]
    command += [word for text in (*CHANGES, *changes) for word in ("--set", text)]
    env = {**os.environ, "SRKIT_PLUGINS": "", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def ended(process):
    _, errors = process.communicate(timeout=180)
    lines = errors.strip().splitlines()
    return process.returncode, [line for line in lines if line != OF_TORCH]


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        np.save(folder / f"s{number}_image.npy", rng.integers(0, 1000, (24, 24)).astype("uint16"))
    return folder


def test_ctrl_c_saves_once_and_ends_all(data, tmp_path):
    process = begun(data, tmp_path / "run")
    log = tmp_path / "run" / "log.jsonl"
    while not (log.exists() and "losses" in log.read_text()):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    code, errors = ended(process)
    assert (code, len(errors)) == (130, 1), errors
    assert "go on with `srkit train --resume" in errors[0]
    step = int(errors[0].split()[3])
    assert (tmp_path / "run" / "checkpoints" / f"step_{step:09d}.safetensors").exists()
    assert (tmp_path / "run" / "model.safetensors").exists()


def test_a_process_that_fails_ends_all_with_its_sentence_and_exit_code(data, tmp_path):
    plugin = TESTS / "cli" / "rank_one_fails.py"
    process = begun(data, tmp_path / "run", changes=["losses.pixel={kind: failing}"], plugins=[plugin])
    assert ended(process) == (4, ["error: the disk of the second process is gone; bring it back"])


def called(*arguments):
    return CliRunner().invoke(make_app(), ["--plugin", str(TOY), "train", *arguments], prog_name="srkit")


def test_a_job_script_says_what_the_command_said(monkeypatch):
    words = ["--domain", "toy", "--data", "my photos", "--devices", "4", "--nodes", "2", "--print-slurm"]
    monkeypatch.setattr(sys, "argv", ["srkit", "--plugin", str(TOY), "train", *words])
    done = called(*words)
    assert done.exit_code == 0
    said = f"srkit --plugin {shlex.quote(str(TOY))} train --domain toy --data 'my photos' --devices 4 --nodes 2"
    assert f"{said} --resume\n" in done.stdout
    assert "#SBATCH --nodes=2\n" in done.stdout


def test_several_machines_must_know_where_to_meet(monkeypatch):
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    done = called("--domain", "toy", "--nodes", "2")
    assert done.exit_code == 2
    assert "MASTER_ADDR, MASTER_PORT, NODE_RANK of the environment is not set" in done.stderr
