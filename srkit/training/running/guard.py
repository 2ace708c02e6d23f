"""What a run does when it goes astray: back to the last good state once, more slowly; the second time it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from srkit.errors import DivergedError

logger = logging.getLogger(__name__)
RATE_FACTOR = 0.5


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
