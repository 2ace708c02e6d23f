"""The job script that has SLURM train a model on several machines."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

_SCRIPT = """\
#!/bin/bash
# Hand it in with `sbatch THIS-FILE`; add what your site asks for (--partition, --account, modules, an environment).
#SBATCH --job-name={name}
#SBATCH --nodes={nodes}
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node={devices}
#SBATCH --cpus-per-task={cpus}
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={name}-%j.log

# Five minutes before its time is up, a job is told to end: the run saves itself and stops.
# Handed in or queued again, the same script goes on where it stopped, for it says --resume.
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
export MASTER_ADDR MASTER_PORT

srun --kill-on-bad-exit=1 bash -c 'NODE_RANK=$SLURM_NODEID exec "$@"' bash \\
  {command}
"""
CPUS_PER_DEVICE = 4


def job_script(arguments: Sequence[str], *, devices: int, nodes: int) -> str:
    """Return a script for `sbatch` that calls srkit with `arguments` once on each of `nodes` machines.

    ``--resume`` is added to them: a run that was cut off goes on, and one that has not begun begins.
    """
    resumed = [*arguments, *([] if "--resume" in arguments else ["--resume"])]
    return _SCRIPT.format(
        name="srkit-train",
        nodes=nodes,
        devices=devices,
        cpus=CPUS_PER_DEVICE * devices,
        command=shlex.join(["srkit", *resumed]),
    )
