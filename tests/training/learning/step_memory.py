"""Print what a step was foreseen to hold and what it held, in bytes; run in a process of its own by test_foresight."""

import ctypes
import json
import sys
from pathlib import Path

import torch

from srkit import plugins as verbs
from srkit.allocator import tune_allocator
from srkit.data.loader import Batch
from srkit.losses.content import L1Loss
from srkit.plugins import load_plugins
from srkit.training.learning.compute import channels_last
from srkit.training.learning.foresight import foresee
from srkit.training.learning.parts import Parts
from srkit.training.learning.players import Player, Term


def status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def main(name: str, parameters: dict[str, object], ndim: int, images: int, patch: int) -> None:
    tune_allocator()
    torch.set_num_threads(1)
    build = verbs.networks(load_plugins(environment={"SRKIT_PLUGINS": ""}))[name].build
    network = build(ndim=ndim, channels=1, scale=(2,) * ndim, **parameters).train()
    network = network.to(memory_format=torch.channels_last if ndim == 2 else torch.channels_last_3d)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    player = Player("generator", network, [Term("pixel", 1.0, L1Loss())], optimizer)

    def parts(number: int) -> Parts:
        lr, hr = (channels_last(torch.rand(number, 1, *(size,) * ndim)) for size in (patch // 2, patch))
        return Parts(network, Batch(lr, hr, None), 1)

    foreseen = foresee(player, parts, 0).of(images)
    batch = parts(images)
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    for step in range(2):
        player.learn(batch, step)
        optimizer.step()
        batch = parts(images)
    sys.stdout.write(f"{foreseen} {status('VmHWM') - before}\n")


main(**json.loads(sys.argv[1]))
