"""The fused optimiser moves weights as the plain one does, in the layout that networks have."""

import pytest
import torch
from torch import nn
from torch.optim import Adam, AdamW

from srkit.config import OptimizerSection
from srkit.networks.compact import Compact
from srkit.training.learning.building import _optimizer
from srkit.training.learning.compute import channels_last


def moved(network: nn.Module, optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    for step in range(3):
        lr = channels_last(torch.rand(2, 1, 9, 8, generator=torch.Generator().manual_seed(step)))
        optimizer.zero_grad(set_to_none=True)
        network(lr).square().mean().backward()
        optimizer.step()
    return [p.detach() for p in network.parameters()]


def network() -> Compact:
    torch.manual_seed(0)
    made = Compact(channels=1, features=8, blocks=2, scale=2)  # no batch norm: a bias before one has no gradient at all
    for parameter in made.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return made


@pytest.mark.parametrize(("name", "plain"), [("adam", Adam), ("adamw", AdamW)])
def test_fused_is_plain_up_to_rounding(name: str, plain: type[Adam]) -> None:
    section = OptimizerSection(name=name, weight_decay=0.01)
    first, second = network(), network()
    found = moved(first, _optimizer(section, first))
    numbers = {"betas": section.betas, "eps": section.eps, "weight_decay": section.weight_decay}
    torch.testing.assert_close(found, moved(second, plain(second.parameters(), **numbers, fused=False)))
