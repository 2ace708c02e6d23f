"""A loss that fails: the mean absolute difference, but no number from its call `first` on, `times` times."""

from itertools import count

from torch import Tensor, nn

from srkit import LossFactory, hookimpl


class FaultyLoss(nn.Module):
    """Counts the calls of all its instances: a run that begins again makes new ones."""

    calls = count(1)

    def __init__(self, first: int, times: int) -> None:
        super().__init__()
        self.faults = range(first, first + times)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        loss = (sr - hr).abs().mean()
        return loss * float("nan") if next(self.calls) in self.faults else loss


@hookimpl
def srkit_losses() -> list[LossFactory]:
    return [LossFactory("faulty", FaultyLoss)]
