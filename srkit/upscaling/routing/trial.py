"""How fast this kind of processor computes in each way: tried for half a second, once, and kept for later runs.

What a processor is able to do is known from its features, not what it is good at. The answer is kept in
``~/.cache/srkit/trials.json`` (``XDG_CACHE_HOME``), so that runs that follow decide alike; processes that ask at once
wait for the one that tries. Where nothing can be kept nothing is tried, and features alone decide.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from srkit.errors import OutputError
from srkit.files import write_whole
from srkit.networks.fast import accelerated
from srkit.networks.post_ops import fusing_works
from srkit.networks.srresnet import SRResNet
from srkit.upscaling.routing.precision import DTYPES, has_fast_bf16

SECONDS = 0.5
LEAST_ROUNDS = 2
LENGTH = 48  # pixels per axis: small enough for some rounds, large enough for the processor to be busy
FIRST = "fp32 rewritten"
Speeds = Mapping[str, float]
_log = logging.getLogger(__name__)


def speeds() -> Speeds:
    """Return how many times as fast as ``fp32 rewritten`` networks are in each way, as ``bf16 fused``; on the CPU.

    Empty where there is one way only, or where what was found cannot be kept.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    return _known((Path(base) if base else Path.home() / ".cache") / "srkit" / "trials.json")


@lru_cache(maxsize=8)
def _known(path: Path) -> Speeds:
    ways = _ways()
    if len(ways) == 1:
        return {}
    kind = _kind(ways)
    try:
        with _alone(path):
            kept = _read(path)
            if kind not in kept:
                kept[kind] = _tried(ways)
                write_whole(path, json.dumps(kept, indent=1).encode())
    except (OSError, OutputError) as error:
        _log.debug("no trial of routes, for it could not be kept: %s", error)
        return {}
    return {way: float(speed) for way, speed in kept[kind].items()}


def _ways() -> list[str]:
    precisions = ["fp32", *(["bf16"] if has_fast_bf16("cpu") else [])]
    return [
        f"{precision} {backend}"
        for precision in precisions
        for backend in ("rewritten", "fused")
        if backend == "rewritten" or fusing_works(2, DTYPES[precision])
    ]


def _kind(ways: list[str]) -> str:
    """Return what speeds depend on, in words: machines that share a home may differ, and torch is renewed."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, torch {torch.__version__}, {', '.join(ways)}"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes that try from the file, as long as the context lasts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> dict[str, Any]:
    """Return what was kept; nothing where the file is not there, or is broken."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {k: v for k, v in kept.items() if isinstance(v, dict)} if isinstance(kept, dict) else {}


def _tried(ways: list[str]) -> Speeds:
    """Return the speed of each way: they take turns, and the best round of each counts.

    On one thread, whose own time is told from that of other work on the machine.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            network = SRResNet(channels=1, scale=2, features=64, blocks=1, head_kernel=3).eval()
            lr = torch.rand(1, 1, LENGTH, LENGTH)
            best = _best({way: _network(network, way) for way in ways}, lr)
    finally:
        torch.set_num_threads(threads)
    return {way: float(f"{best[FIRST] / seconds:.3g}") for way, seconds in best.items()}


def _best(networks: Mapping[str, nn.Module], lr: Tensor) -> Mapping[str, float]:
    """Return the least seconds that each network takes."""
    for network in networks.values():
        network(lr)  # prepares itself for the shape
    best = dict.fromkeys(networks, float("inf"))
    begin, rounds = time.thread_time(), 0
    while rounds < LEAST_ROUNDS or time.thread_time() - begin < SECONDS:
        rounds += 1
        for way, network in networks.items():
            start = time.thread_time()
            network(lr)
            best[way] = min(best[way], time.thread_time() - start)
    return best


def _network(network: nn.Module, way: str) -> nn.Module:
    precision, backend = way.split()
    return accelerated(network, DTYPES[precision], fused=backend == "fused")
