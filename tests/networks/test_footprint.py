"""How far a network looks, told by what it computes: srkit's own networks, whose reach is derived, are the judge."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.networks.footprint import traced_halo
from srkit.networks.generator import Generator
from srkit.networks.rrdb import RRDBNet
from srkit.networks.span import SPAN


class Around(Generator):
    """A generator of ×2 around what computes its features."""

    def __init__(self, compute: Callable[[Tensor], Tensor] | nn.Module) -> None:
        super().__init__(ndim=2, channels=1, scale=2)
        self.compute = compute
        self.last = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, lr: Tensor) -> Tensor:
        return F.pixel_shuffle(self.last(self.compute(torch.cat([lr] * 4, 1))), 2)


@pytest.mark.parametrize("network", [SPAN(features=4), RRDBNet(features=4, blocks=1, growth=2)])
def test_the_halo_is_the_derived_one(network: Generator) -> None:
    assert traced_halo(network) == network.halo


def test_weights_of_zero_hide_nothing() -> None:
    network = Around(nn.Conv2d(4, 4, 7, padding=3))
    for parameter in network.parameters():
        parameter.data.zero_()
    assert traced_halo(network) == (4, 4)


def test_axes_may_differ() -> None:
    assert traced_halo(Around(nn.Conv2d(4, 4, (1, 5), padding=(0, 2)))) == (1, 3)


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x * x.mean((2, 3), keepdim=True),
        lambda x: torch.where(x > 0, x, 0 * x),
        lambda x: x + torch.arange(x.shape[-1]),
        lambda x: x.softmax(-1),
        lambda x: F.pixel_shuffle(F.pixel_unshuffle(x, 1), 1),
        lambda x: x.flip(-1),
        nn.Conv2d(4, 4, 2, padding=1, dilation=2),
        nn.Conv2d(4, 4, 3, padding=0),
        nn.GroupNorm(1, 4),
    ],
)
def test_what_is_not_known_to_be_alike_everywhere_gives_no_answer(compute: Callable[[Tensor], Tensor]) -> None:
    network = Around(compute)
    if isinstance(compute, nn.Conv2d) and compute.padding == (0, 0):
        network.last.padding = (2, 2)
    assert traced_halo(network) is None


def leaping(*leaps: int) -> Generator:
    return Around(nn.Sequential(*(nn.Conv2d(4, 4, 3, padding=leap, dilation=leap) for leap in leaps)))


@pytest.mark.parametrize("leaps", [(600,), (300, 300), (60,) * 9])
def test_a_reach_beyond_the_strip_gives_no_answer(leaps: tuple[int, ...]) -> None:
    assert traced_halo(leaping(*leaps)) is None


def test_leaps_within_the_strip_are_followed() -> None:
    assert traced_halo(leaping(*(60,) * 7)) == (421, 421)
