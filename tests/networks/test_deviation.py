import pytest
import torch
from torch import nn

from srkit.networks.deviation import measure_deviation
from srkit.networks.srresnet import SRResNet

torch.set_num_threads(1)


@pytest.mark.parametrize(("ndim", "scale"), [(2, 2), (3, (2, 1, 1))])
def test_a_residual_over_interpolation_strays_less_than_the_whole(ndim: int, scale: object) -> None:
    torch.manual_seed(1)
    bare = SRResNet(ndim=ndim, channels=1, scale=scale, features=8, blocks=1, head_kernel=3)
    skipping = SRResNet(ndim=ndim, channels=1, scale=scale, features=8, blocks=1, head_kernel=3, skip="bicubic")
    nn.init.normal_(skipping.last.weight, 0, 0.01)
    small, large = measure_deviation(skipping), measure_deviation(bare)
    assert 0 < small["rms"] < large["rms"] < 1
    assert small["rms"] < small["p999"]


def test_it_is_the_same_each_time_and_leaves_the_network_alone() -> None:
    network = SRResNet(channels=1, features=8, blocks=1, scale=2).train()
    assert measure_deviation(network) == measure_deviation(network)
    assert network.training
    assert next(network.parameters()).requires_grad


def test_a_network_that_starts_as_interpolation_does_not_stray() -> None:
    assert measure_deviation(SRResNet(channels=1, features=8, blocks=1, scale=2, skip="bicubic"))["p999"] == 0


def test_of_a_constant_or_a_broken_network_nothing_is_said() -> None:
    network = SRResNet(channels=1, features=8, blocks=0, scale=2)
    nn.init.zeros_(network.last.weight)
    assert measure_deviation(network) == {}
    nn.init.constant_(network.last.weight, float("nan"))
    assert measure_deviation(network) == {}
