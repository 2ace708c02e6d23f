"""What a run does when it goes astray: back to the last good state once, more slowly; the second time it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from srkit.errors import DivergedError
from srkit.training.world import World

logger = logging.getLogger(__name__)
RATE_FACTOR = 0.5
FLAT = 1e-3  # of the spread of HR; a fresh network of random weights has far more
PATIENCE = 200


class Flatness:
    """Notices a collapse: for many steps in a row SR is one flat value while HR is not."""

    def __init__(self, patience: int = PATIENCE, world: World | None = None) -> None:
        self._patience = patience
        self._world = world or World()
        self._flat_steps = 0

    def check(self, sr: Tensor, hr: Tensor) -> None:
        """Look at a step's images. Raises DivergedError when all of the last steps were flat in some process."""
        with torch.no_grad():
            flat = bool(sr.std() < FLAT * hr.std())
        self._flat_steps = self._flat_steps + 1 if flat else 0
        if self._world.any(self._flat_steps >= self._patience):
            self._flat_steps = 0
            raise DivergedError(
                f"the network has answered every image with one flat value for {self._patience} steps; "
                "use a lower learning rate, or less weight for the adversarial loss"
            )


class Slowed(Protocol):
    """A phase, as far as the guard touches it."""

    rate_factor: float


def apply_rate_factor(phases: Sequence[Slowed], notes: dict[str, Any]) -> None:
    """Give the phases the rate that the run's notes hold."""
    for phase in phases:
        phase.rate_factor = float(notes.get("rate_factor", 1.0))


def guarded(
    run: Callable[[], None], roll_back: Callable[[], int], phases: Sequence[Slowed], notes: dict[str, Any]
) -> None:
    """Call `run` until it ends; where it diverges, `roll_back`, lower the rate once, and call it again.

    Parameters
    ----------
    run
        Goes on from the present state to the end of the run.
    roll_back
        Restores the last good state and returns its step.
    notes
        Of the run, kept in its checkpoints: a resumed run remembers that it was slowed.

    Raises
    ------
    DivergedError
        Where it diverges once more.
    """
    while True:
        try:
            run()
            return
        except DivergedError as error:
            if "rate_factor" in notes:
                raise DivergedError(
                    f"{error}; this was after a return to the last good state with {RATE_FACTOR:g} times the rate, so "
                    "the run has ended there: look at its data, or change its recipe"
                ) from error
            step = roll_back()
            notes["rate_factor"] = RATE_FACTOR
            apply_rate_factor(phases, notes)
            logger.warning("%s; gone back to step %d and on with %g times the learning rate", error, step, RATE_FACTOR)
