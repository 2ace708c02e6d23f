"""What makes a run go astray: a loss that is no number for a while, and a network that answers everything alike."""

from itertools import count

import torch
from torch import Tensor, nn

from srkit import LossFactory, NetworkFactory, hookimpl


class FaultyLoss(nn.Module):
    """The mean absolute difference, but no number from its call `first` on, `times` times.

    Counts the calls of all its instances: a run that begins again makes new ones."""

    calls = count(1)

    def __init__(self, first: int, times: int) -> None:
        super().__init__()
        self.faults = range(first, first + times)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        loss = (sr - hr).abs().mean()
        return loss * float("nan") if next(self.calls) in self.faults else loss


class Flat(nn.Module):
    """One number for every image; all that it can learn is which."""

    def __init__(self, *, ndim: int, channels: int, scale: tuple[int, ...]) -> None:
        super().__init__()
        self.ndim, self.channels, self.scale, self.halo = ndim, channels, tuple(scale), (0,) * ndim
        self.answer = nn.Parameter(torch.zeros(()))

    def forward(self, lr: Tensor) -> Tensor:
        sizes = [n * factor for n, factor in zip(lr.shape[2:], self.scale, strict=True)]
        return self.answer.expand(*lr.shape[:2], *sizes)


@hookimpl
def srkit_networks() -> list[NetworkFactory]:
    return [NetworkFactory("flat", "generator", Flat)]


@hookimpl
def srkit_losses() -> list[LossFactory]:
    return [LossFactory("faulty", FaultyLoss)]
