"""The loop: batches in, steps taken, observers told. All else is theirs.

The device works while the program goes on: how a step went is looked at after the next one is put in hand, or where
somebody is about to keep or to show what it came to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from srkit.data.loader import Batch
from srkit.training.learning.outcome import Outcome
from srkit.training.learning.phase import Phase


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a step did. `step` counts the steps done in the run so far, `total` those of all phases.

    To ask for the numbers of `outcome` may be to wait for them.
    """

    step: int
    total: int
    phase: Phase
    outcome: Outcome
    learning_rate: float

    @property
    def is_last(self) -> bool:
        """Whether the run ends here."""
        return self.step == self.total


class Observer(Protocol):
    """Is told of every step, in the order of the list; what it raises ends the run."""

    def on_step(self, report: StepReport) -> None:
        """Take note of a finished step; networks and optimisers are at rest."""
        ...


@dataclass
class Progress:
    """How far a run is.

    Parameters
    ----------
    phase, phase_step
        The index of its phase, and the steps done in that phase.
    at_rest
        Whether no step is under way.
    unsettled
        What the last step came to, where nobody has made sure yet that it is sound.
    """

    phase: int = 0
    phase_step: int = 0
    at_rest: bool = True
    unsettled: Outcome | None = None

    def settle(self) -> None:
        """Make sure that the last step was sound. Raises DivergedError where it was not."""
        outcome, self.unsettled = self.unsettled, None
        if outcome is not None:
            outcome.check()


def run_phases(
    phases: Sequence[Phase], batches: Iterator[Batch], progress: Progress, observers: Sequence[Observer]
) -> None:
    """Run `phases` from where `progress` stands to their end; `batches` goes on from there.

    Raises DivergedError, a step late: where it matters before, observers settle the progress themselves.
    """
    progress.unsettled = None
    for index in range(progress.phase, len(phases)):
        phase, before = phases[index], sum(phase.steps for phase in phases[:index])
        progress.phase, progress.phase_step = index, progress.phase_step if index == progress.phase else 0
        while progress.phase_step < phase.steps:
            batch = next(batches)
            progress.at_rest = False
            outcome = phase.step(batch, progress.phase_step)
            progress.settle()
            progress.unsettled = outcome
            rate = phase.learning_rate(progress.phase_step)
            progress.phase_step += 1
            progress.at_rest = True
            total = sum(phase.steps for phase in phases)  # a phase may end early
            report = StepReport(before + progress.phase_step, total, phase, outcome, rate)
            for observer in observers:
                observer.on_step(report)
