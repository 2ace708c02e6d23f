"""Starts the processes that train one model on this machine, by torch's own launcher, and ends with their outcome."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from srkit.errors import LostProcessError, UsageError

INTERRUPTED = 130
SAVING_S = 600  # that an interrupted run has to save before it is killed
MEETING = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")


def launch(command: Sequence[str], *, devices: int, nodes: int = 1) -> int:
    """Run `command` in `devices` processes here, of a run on `nodes` machines; return the exit code of them all.

    With several machines, the environment says where they meet: MASTER_ADDR and MASTER_PORT are of the first machine,
    NODE_RANK counts them from 0. A process that fails ends all; its exit code is returned.

    Raises UsageError where there are fewer GPUs, or it is not said where machines meet.
    """
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    _check_devices(devices)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // devices)))
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(SAVING_S))
    config = LaunchConfig(
        nodes, nodes, devices, run_id=uuid.uuid4().hex if nodes == 1 else "srkit", max_restarts=0, **_meeting(nodes)
    )
    logging.disable(logging.CRITICAL)  # processes speak for themselves
    try:
        elastic_launch(config, command[0])(*command[1:])
    except SignalException:
        return INTERRUPTED
    except ChildFailedError as error:
        return outcome(failure.exitcode for failure in error.failures.values())
    finally:
        logging.disable(logging.NOTSET)
    return 0


def outcome(codes: Iterable[int]) -> int:
    """Return the exit code that tells most of several: that of whoever failed, not of those that lost it."""
    ended = sorted(set(codes))
    own = [code for code in ended if code > 0 and code != LostProcessError.exit_code]
    killed = [128 - code for code in ended if code < 0]
    return next(iter([*own, *(code for code in ended if code > 0), *killed]))


def _check_devices(devices: int) -> None:
    import torch

    if torch.cuda.is_available() and torch.cuda.device_count() < devices:
        raise UsageError(f"--devices {devices}: there are {torch.cuda.device_count()} GPUs here; ask for as many")


def _meeting(nodes: int) -> dict[str, Any]:
    """Return how processes find each other."""
    if nodes == 1:
        return {"rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0", "local_addr": "localhost"}
    missing = [name for name in MEETING if not os.environ.get(name)]
    if missing:
        raise UsageError(
            f"--nodes {nodes}: {', '.join(missing)} of the environment is not set; set MASTER_ADDR and MASTER_PORT to "
            "those of the first machine and NODE_RANK to this one's number, from 0, or use --print-slurm"
        )
    return {
        "rdzv_backend": "static",
        "rdzv_endpoint": f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}",
        "rdzv_configs": {"rank": int(os.environ["NODE_RANK"])},
    }
