"""Early stopping: a phase ends where the figures on held-out data no longer rise."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from srkit.training.learning.loop import Progress, StepReport
from srkit.training.observing.validation import Figures

logger = logging.getLogger(__name__)
NOTE = "stopping"


class Ending(Protocol):
    """A phase, as far as it can be ended early."""

    name: str
    steps: int


class EarlyStopping:
    """Ends a phase after so many validations in a row without a better PSNR.

    Parameters
    ----------
    phases
        Those of the run; one that has ended early has fewer steps from then on.
    patience
        Validations by name of the phase; 0 for a phase that goes on to its last step.
    progress
        Where the run stands.
    notes
        Of the run, kept in its checkpoints: a resumed run counts on, and phases that have ended stay ended.
    """

    def __init__(
        self, phases: Sequence[Ending], patience: Mapping[str, int], progress: Progress, notes: dict[str, Any]
    ) -> None:
        self._patience = patience
        self._progress = progress
        self._notes = notes
        for phase in phases:
            phase.steps = min(phase.steps, int(self._of(phase).get("ended", phase.steps)))

    def on_validation(self, report: StepReport, found: Figures) -> None:
        """Count, and end the phase where its patience is over."""
        patience, psnr = self._patience[report.phase.name], found.get("psnr", math.nan)
        if not patience or not math.isfinite(psnr):
            return
        entry = self._of(report.phase)
        better = psnr > entry.get("best", -math.inf)
        entry.update(best=psnr if better else entry["best"], stale=0 if better else entry.get("stale", 0) + 1)
        if entry["stale"] >= patience and self._progress.phase_step < report.phase.steps:
            entry["ended"] = report.phase.steps = self._progress.phase_step
            logger.info("phase %s ends after %d validations without a better PSNR", report.phase.name, patience)

    def _of(self, phase: Ending) -> dict[str, Any]:
        entries: dict[str, dict[str, Any]] = self._notes.setdefault(NOTE, {})
        return entries.setdefault(phase.name, {})
