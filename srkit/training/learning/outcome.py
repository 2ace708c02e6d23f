"""What a step came to: numbers that stay on the device until somebody asks.

To read a number from a GPU is to wait until it has done all that was asked of it, while it is asked for nothing more.
So nobody asks within a step. The numbers travel while the next step is put in hand, and are looked at then; what must
not happen in between, a move by a gradient that is no number, the optimiser leaves out on the device itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from srkit.errors import DivergedError
from srkit.training.processes.world import World


@dataclass(frozen=True, eq=False, slots=True)
class Turn:
    """What the turn of a player came to, all scalars on the device.

    Parameters
    ----------
    player
        Its name.
    losses, health
        Unweighted losses, and what the terms tell of a game, by name.
    gradient
        The norm of its gradient before that was clipped.
    """

    player: str
    losses: Mapping[str, Tensor]
    health: Mapping[str, Tensor]
    gradient: Tensor


class Outcome:
    """The numbers of a step: means over all processes, which read them at the same points of their work.

    `flat_for` is for how many steps SR has been flat (a scalar on the device), which is a collapse from `patience` on.
    """

    def __init__(self, turns: Sequence[Turn], flat_for: Tensor, patience: int, world: World | None = None) -> None:
        self._patience = patience
        self._names = (
            [name for turn in turns for name in turn.losses],
            [turn.player for turn in turns],
            [name for turn in turns for name in turn.health],
        )
        numbers = [loss for turn in turns for loss in turn.losses.values()]
        numbers += [turn.gradient for turn in turns]
        numbers += [told for turn in turns for told in turn.health.values()]
        collapsed = flat_for >= patience
        self._sent, self._arrival = _sent((world or World()).mean(torch.stack([*numbers, collapsed]).float()))

    @cached_property
    def _numbers(self) -> list[float]:
        if self._arrival is not None:
            self._arrival.synchronize()
        found: list[float] = self._sent.tolist()
        return found

    @property
    def losses(self) -> dict[str, float]:
        """The unweighted losses by name."""
        return dict(zip(self._names[0], self._numbers, strict=False))

    @property
    def gradients(self) -> dict[str, float]:
        """The norm of each player's gradient before it was clipped, by the player's name."""
        return dict(zip(self._names[1], self._numbers[len(self._names[0]) :], strict=False))

    @property
    def health(self) -> dict[str, float]:
        """Gradient norms, and how a game stands."""
        told = zip(self._names[2], self._numbers[len(self._names[0]) + len(self._names[1]) :], strict=False)
        return {**{f"{player} gradient": norm for player, norm in self.gradients.items()}, **dict(told)}

    @property
    def is_read(self) -> bool:
        """Whether somebody has asked already: to ask again is free."""
        return "_numbers" in vars(self)

    def check(self) -> None:
        """Raise DivergedError for a loss or a gradient that is no number, or a collapse, in any process."""
        for name, value in self.losses.items():
            if not math.isfinite(value):
                raise DivergedError(
                    f"loss {name!r} became {value}; resume from the last checkpoint with a lower learning rate"
                )
        for player, norm in self.gradients.items():
            if not math.isfinite(norm):
                raise DivergedError(
                    f"the gradient of the {player} became {norm}; resume from the last checkpoint with a lower "
                    "learning rate, or set gradient_clip"
                )
        if self._numbers[-1] > 0:
            raise DivergedError(
                f"the network has answered every image with one flat value for {self._patience} steps; "
                "use a lower learning rate, or less weight for the adversarial loss"
            )


def _sent(numbers: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
    """Return numbers on their way from a GPU, and what tells of their arrival; elsewhere they are where they are."""
    if not numbers.is_cuda:
        return numbers, None
    travelling = numbers.to("cpu", non_blocking=True)  # into pinned memory: the program goes on
    arrival = torch.cuda.Event()  # type: ignore[no-untyped-call]
    arrival.record()
    return travelling, arrival
