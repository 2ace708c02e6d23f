"""The job script for SLURM, run by bash, with what SLURM itself would bring put in its place."""

import os
import subprocess

import pytest

from srkit.training.processes.slurm import job_script

SCONTROL = "#!/bin/bash\necho alpha; echo beta\n"
SRUN = '#!/bin/bash\nshift\nSLURM_NODEID=1 exec "$@"\n'
SRKIT = '#!/bin/bash\necho "$MASTER_ADDR $MASTER_PORT $NODE_RANK"\nprintf "%s\\n" "$@"\n'


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a script as the second of two machines and returns the lines of its output."""
    for name, text in {"scontrol": SCONTROL, "srun": SRUN, "srkit": SRKIT}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "12345", "SLURM_JOB_NODELIST": "alpha,beta"}

    def call(script):
        done = subprocess.run(["bash", "-eu"], input=script, env=env, check=True, capture_output=True, text=True)
        return done.stdout.splitlines()

    return call


def test_each_machine_runs_the_command_and_knows_where_to_meet(run):
    arguments = [
        "train",
        "--data",
        "my photos",
        "--set",
        "losses={pixel: {kind: l1}}",
        "--devices",
        "4",
        "--nodes",
        "2",
    ]
    assert run(job_script(arguments, devices=4, nodes=2)) == ["alpha 32345 1", *arguments, "--resume"]


def test_slurm_is_asked_for_machines_and_gpus():
    lines = job_script(["train"], devices=4, nodes=2).splitlines()
    assert lines[0] == "#!/bin/bash"
    wanted = {"nodes=2", "ntasks-per-node=1", "gpus-per-node=4", "signal=TERM@300"}
    assert wanted <= {line.removeprefix("#SBATCH --") for line in lines}


def test_a_run_that_is_resumed_already_stays_so(run):
    assert run(job_script(["train", "--resume"], devices=1, nodes=1))[1:] == ["train", "--resume"]
