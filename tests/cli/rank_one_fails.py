"""A loss that cannot be computed in the second process of a run, once it has been computed three times."""

import os
from itertools import count

from torch import Tensor, nn

from srkit import InputError, LossFactory, hookimpl


class Failing(nn.Module):
    """The mean absolute difference, as long as it works."""

    calls = count()

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        if os.environ.get("RANK") == "1" and next(self.calls) == 3:
            raise InputError("the disk of the second process is gone; bring it back")
        return (sr - hr).abs().mean()


@hookimpl
def srkit_losses() -> list[LossFactory]:
    return [LossFactory("failing", Failing)]
