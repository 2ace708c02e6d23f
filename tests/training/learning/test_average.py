"""The running mean of weights."""

import pytest
from torch import nn

from srkit.training.learning.average import Average


def test_the_running_mean_follows_the_formula():
    network = nn.BatchNorm1d(2)
    nn.init.zeros_(network.weight)
    average = Average(network, 0.75)
    for weight in (4.0, 8.0):
        nn.init.constant_(network.weight, weight)
        average.update(1000)
    network.running_mean.fill_(3)
    average.update(1000)
    assert average.network.weight.tolist() == pytest.approx([(4 * 0.25 * 0.75 + 8 * 0.25) * 0.75 + 8 * 0.25] * 2)
    assert average.network.running_mean.tolist() == [3, 3]


def test_the_memory_of_the_mean_grows_with_the_phase():
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = Average(network, 0.999)
    nn.init.constant_(network.weight, 1)
    for step in range(200):
        average.update(step)
    assert average.network.weight.item() > 0.999  # with a decay of 0.999 from the beginning it would be 0.18
