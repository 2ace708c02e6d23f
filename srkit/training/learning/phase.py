"""One phase at work: its players take a step on each batch at the learning rate of its schedule."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from torch import nn

from srkit.data.loader import Batch
from srkit.errors import OutOfMemoryError, tells_of_exhaustion
from srkit.training.learning.average import Average
from srkit.training.learning.compute import Compute
from srkit.training.learning.flatness import Flatness
from srkit.training.learning.foresight import foresee, without_trace
from srkit.training.learning.outcome import Outcome, Turn
from srkit.training.learning.parts import Parts
from srkit.training.learning.players import Learnt, Player
from srkit.training.processes.batch_norm import SharedBatchNorm
from srkit.training.processes.sharding import is_shared_out

logger = logging.getLogger(__name__)
FEWEST = 3  # images of a part from which on it pays to try one and two of them first


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
    parts
        Into how many parts a batch is divided; more where memory ran out.
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
        parts: int = 1,
    ) -> None:
        self.name = name
        self.parts = parts
        self.rate_factor = 1.0
        self._begun = False
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

    def step(self, batch: Batch, step: int) -> Outcome:
        """Take step number `step` of the phase on `batch`. What it came to is on its way; nobody has waited for it."""
        for player in self.players:
            for group in player.optimizer.param_groups:
                group["lr"] = self.learning_rate(step)
        batch = self._compute.place(batch)
        with self._compute.autocast():
            if not self._begun:
                self._divide(batch, step)
            parts = Parts(self._generator, batch, self.parts)
            turns = [self._played(player, parts, step) for player in self.players]
        flat_for = self._flatness.look(parts.last.sr, parts.last.hr)
        if self._average is not None:
            self._average.update(step)
        return Outcome(turns, flat_for, self._flatness.patience, self._compute.world)

    def _divide(self, batch: Batch, step: int) -> None:
        """Work in more parts from the first step on, in all processes, where a step would hold more than there is."""
        self._begun = True
        world = self._compute.world
        parts = -world.least(-self._fitting(batch, step))
        if parts > self.parts:
            self.parts = parts
            logger.warning("memory would run out: batches are worked on in %d parts, to the same effect", parts)

    def _fitting(self, batch: Batch, step: int) -> int:
        """Return into how many parts the batch must go here."""
        images, room = len(batch.lr), self._compute.room()
        networks = [self._generator, *(player.network for player in self.players)]
        if room is None or -(-images // self.parts) < FEWEST or any(map(_exchanges, networks)):
            return self.parts

        def some(number: int) -> Parts:
            lr, hr = batch.lr[:number].clone(), batch.hr[:number].clone()  # a view keeps the storage of all images
            valid = None if batch.valid is None else batch.valid[:number].clone()
            return Parts(self._generator, Batch(lr, hr, valid), 1)

        try:
            with without_trace(networks):
                found = [foresee(player, some, step) for player in self.players]
        except (MemoryError, RuntimeError) as error:
            if not tells_of_exhaustion(error):
                raise
            return images
        except ValueError:  # batch normalisation of a single position: it learns nothing from one image
            return self.parts
        return max(of.fitting(images, self.parts, room) for of in found)

    def _played(self, player: Player, parts: Parts, step: int) -> Turn:
        """Let a player learn; where memory runs out, once more from smaller parts, at which the phase then stays.

        All processes take parts of the same size: those with memory to spare do as the one that ran out.
        """
        world = self._compute.world
        while True:
            learnt = self._learnt(player, parts, step)
            if not world.any(learnt is None) and learnt is not None:
                return player.move(learnt, world)
            player.optimizer.zero_grad(set_to_none=True)  # out of the handler, which keeps all tensors alive
            parts.halve()
            self.parts = parts.count
            logger.warning("memory ran out: batches are now worked on in %d parts, to the same effect", self.parts)

    def _learnt(self, player: Player, parts: Parts, step: int) -> Learnt | None:
        """Return what a player has learnt; None where memory ran out here."""
        try:
            return player.learn(parts, step)
        except (MemoryError, RuntimeError) as error:
            if not tells_of_exhaustion(error):
                raise
            if any(_exchanges(network) for network in (self._generator, player.network)):
                raise OutOfMemoryError(
                    "memory ran out in one process amid its exchange with the others (shared batch normalisation, or "
                    "shared weights); set data.accumulate, or take smaller batches"
                ) from error
            return None


def _exchanges(network: nn.Module) -> bool:
    """Tell whether processes exchange something while the network computes, and not afterwards alone."""
    return is_shared_out(network) or any(isinstance(module, SharedBatchNorm) for module in network.modules())
