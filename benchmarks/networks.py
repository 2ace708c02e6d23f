"""How long the families of networks take, each with its default parameters, without any of srkit's routes around them.

    python benchmarks/networks.py --rounds 5

One thread's own time is counted, so that other work on the machine does little harm; families take turns, and the least
of all rounds counts. Writes `benchmarks/networks.json`, from which `make docs` makes the page of networks.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from srkit import plugins as verbs
from srkit.allocator import tune_allocator
from srkit.plugins import load_plugins

RESULTS = Path(__file__).with_name("networks.json")
IMAGE, VOLUME = (96, 96), (16, 16, 16)
OF_VOLUMES = {"srresnet-25d": (5, 96, 96)}


def families() -> dict[str, Callable[..., nn.Module]]:
    """Return how the core's generators are built, by name."""
    known = verbs.networks(load_plugins(environment={"SRKIT_PLUGINS": ""}))
    return {name: factory.build for name, factory in known.items() if factory.kind == "generator"}


def image_calls(builds: Mapping[str, Callable[..., nn.Module]]) -> dict[str, tuple[Callable[[], object], int]]:
    """Return calls that enlarge an RGB image by 4, and how many LR pixels each enlarges."""
    return {name: _call(build, OF_VOLUMES.get(name, IMAGE), channels=3, factor=4) for name, build in builds.items()}


def volume_calls(builds: Mapping[str, Callable[..., nn.Module]]) -> dict[str, tuple[Callable[[], object], int]]:
    """Return calls that enlarge a volume of one channel by 2 along every axis, and how many voxels each enlarges."""
    whole = {name: build for name, build in builds.items() if name not in OF_VOLUMES}
    return {name: _call(build, VOLUME, channels=1, factor=2) for name, build in whole.items()}


def _call(
    build: Callable[..., nn.Module], shape: tuple[int, ...], *, channels: int, factor: int
) -> tuple[Callable[[], object], int]:
    slices_stay = shape in OF_VOLUMES.values()
    scale = [1 if slices_stay and axis == 0 else factor for axis in range(len(shape))]
    torch.manual_seed(0)
    network = build(ndim=len(shape), channels=channels, scale=scale).eval().requires_grad_(False)
    layout = torch.channels_last if len(shape) == 2 else torch.channels_last_3d
    lr = torch.rand(1, channels, *shape).contiguous(memory_format=layout)
    for parameter in network.parameters():
        if parameter.ndim == lr.ndim:
            parameter.data = parameter.data.contiguous(memory_format=layout)

    def call() -> object:
        with torch.inference_mode():
            return network(lr)

    return call, lr[0, 0].numel()


def microseconds(calls: Mapping[str, tuple[Callable[[], object], int]], rounds: int) -> dict[str, float]:
    """Return the time per LR sample by name."""
    least: dict[str, float] = {}
    for turn in range(rounds + 1):  # the first one warms up
        for name, (call, samples) in calls.items():
            begin = time.process_time()
            call()
            spent = (time.process_time() - begin) / samples * 1e6
            least[name] = min(spent, least.get(name, spent)) if turn > 1 else spent
    return {name: round(spent, 2) for name, spent in least.items()}


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    tune_allocator()
    torch.set_num_threads(1)
    builds = families()
    found: dict[str, Any] = {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "processor": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        "torch": torch.__version__,
        "image_us": microseconds(image_calls(builds), rounds),
        "volume_us": microseconds(volume_calls(builds), rounds),
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
