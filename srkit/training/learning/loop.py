"""The loop: batches in, steps taken, observers told. All else is theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from srkit.data.loader import Batch
from srkit.training.learning.phase import Phase


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a step did. `step` counts the steps done in the run so far, `total` those of all phases."""

    step: int
    total: int
    phase: Phase
    losses: Mapping[str, float]
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
    """How far a run is: the index of its phase, steps done in that phase, and whether no step is under way."""

    phase: int = 0
    phase_step: int = 0
    at_rest: bool = True


def run_phases(
    phases: Sequence[Phase], batches: Iterator[Batch], progress: Progress, observers: Sequence[Observer]
) -> None:
    """Run `phases` from where `progress` stands to their end; `batches` goes on from there."""
    for index in range(progress.phase, len(phases)):
        phase, before = phases[index], sum(phase.steps for phase in phases[:index])
        progress.phase, progress.phase_step = index, progress.phase_step if index == progress.phase else 0
        while progress.phase_step < phase.steps:
            batch = next(batches)
            progress.at_rest = False
            losses = phase.step(batch, progress.phase_step)
            rate = phase.learning_rate(progress.phase_step)
            progress.phase_step += 1
            progress.at_rest = True
            total = sum(phase.steps for phase in phases)  # a phase may end early
            report = StepReport(before + progress.phase_step, total, phase, losses, rate)
            for observer in observers:
                observer.on_step(report)
