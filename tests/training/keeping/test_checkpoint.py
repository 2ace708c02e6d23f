"""What a checkpoint holds beside weights; that a run goes on exactly is told by the tests of runs."""

from pathlib import Path

import torch
from torch import nn
from torch.optim import Adam

from srkit.losses.content import L1Loss
from srkit.training.keeping.checkpoint import RunState, restore_newest, write_checkpoint
from srkit.training.learning.building import Networks
from srkit.training.learning.compute import Compute
from srkit.training.learning.phase import Phase
from srkit.training.learning.players import Player, Term


def state() -> RunState:
    network = nn.Conv2d(1, 1, 3)
    player = Player("generator", network, [Term("pixel", 1.0, L1Loss())], Adam(network.parameters(), fused=True))
    phases = [
        Phase(
            name, steps=4, learning_rate_at=lambda step: 1e-3, generator=network, players=[player],
            compute=Compute(torch.device("cpu")),
        )
        for name in ("content", "looks")
    ]  # fmt: skip
    return RunState(Networks(network), phases)


def test_a_run_goes_on_in_the_parts_that_it_was_divided_into(tmp_path: Path) -> None:
    divided, resumed = state(), state()
    divided.phase.parts = 4
    write_checkpoint(tmp_path, divided)
    assert restore_newest(tmp_path, resumed)
    assert [phase.parts for phase in resumed.phases] == [4, 1]
