"""One phase at work: its players take a step on each batch at the learning rate of its schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from srkit.data.loader import Batch
from srkit.training.average import Average
from srkit.training.compute import Compute
from srkit.training.guard import Flatness
from srkit.training.players import Player


class Phase:
    """Some steps of a run.

    Parameters
    ----------
    name, steps
        As in the recipe.
    learning_rate_at
        Rate of a step of the phase, the first being 0.
    generator
        Maps LR to SR.
    players
        In playing order: a discriminator learns first, as in the paper, then the generator.
    average
        Follows the generator from step to step.
    perceptual
        Whether a loss is after looks rather than fidelity.

    Attributes
    ----------
    rate_factor
        By what the schedule's rates are multiplied: 1, or less after the guard lowered them.
    """

    def __init__(  # noqa: PLR0913  a phase has this many parts
        self,
        name: str,
        *,
        steps: int,
        learning_rate_at: Callable[[int], float],
        generator: nn.Module,
        players: Sequence[Player],
        compute: Compute,
        average: Average | None = None,
        perceptual: bool = False,
    ) -> None:
        self.name = name
        self.rate_factor = 1.0
        self._average = average
        self._flatness = Flatness()
        self.steps = steps
        self.perceptual = perceptual
        self.players = tuple(players)
        self._learning_rate_at = learning_rate_at
        self._generator = generator
        self._compute = compute

    def learning_rate(self, step: int) -> float:
        """Return the rate of a step of this phase."""
        return self._learning_rate_at(step) * self.rate_factor

    @property
    def health(self) -> dict[str, float]:
        """What the players tell of the last step: gradient norms, and how a game stands."""
        return {name: value for player in self.players for name, value in player.health.items()}

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """Take step number `step` of the phase on `batch`; return the unweighted losses by name."""
        for player in self.players:
            for group in player.optimizer.param_groups:
                group["lr"] = self.learning_rate(step)
        batch = self._compute.place(batch)
        losses: dict[str, float] = {}
        with self._compute.autocast():
            sr = self._generator(batch.lr).float()
            hr = known_target(sr, batch)
            for player in self.players:
                losses.update(player.play(sr, hr, step))
        self._flatness.check(sr, hr)
        if self._average is not None:
            self._average.update()
        return losses


def known_target(sr: Tensor, batch: Batch) -> Tensor:
    """Return HR, with SR itself where no HR is known: no loss has an error or a gradient there."""
    return batch.hr if batch.valid is None else torch.where(batch.valid, batch.hr, sr.detach())
