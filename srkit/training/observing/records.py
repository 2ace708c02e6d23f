"""What a run writes down while it goes on: log.jsonl, TensorBoard, and what a progress bar shows."""

from __future__ import annotations

import json
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from srkit.data.loader import Batch
from srkit.image import Array
from srkit.training.learning.loop import StepReport
from srkit.training.learning.outcome import Outcome
from srkit.training.observing.validation import Figures

logger = logging.getLogger(__name__)
ProgressCall = Callable[[int, int, str], None]
RECENT = 50


class Pace:
    """Steps per second over the last steps."""

    def __init__(self) -> None:
        self._times = deque([time.perf_counter()], maxlen=RECENT + 1)

    def tick(self) -> float:
        """Count a step and return the pace."""
        self._times.append(time.perf_counter())
        seconds = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / seconds if seconds else 0.0


class Log:
    """One JSON object a line: losses and rates every `every` steps, and every validation."""

    def __init__(self, path: Path, every: int, *, after: int = 0) -> None:
        self._path = path
        self._every = every
        self._pace = Pace()
        self.forget(after)

    def on_step(self, report: StepReport) -> None:
        """Write a line where it is due."""
        pace = self._pace.tick()
        if self._every and (report.step % self._every == 0 or report.is_last):
            rates = {"learning_rate": report.learning_rate, "steps_per_second": round(pace, 3)}
            told = {"losses": report.outcome.losses, **rates, "health": finite(report.outcome.health)}
            self.write({"step": report.step, "phase": report.phase.name, **told})

    def on_validation(self, report: StepReport, found: Figures) -> None:
        """Write the figures."""
        self.write({"step": report.step, "phase": report.phase.name, "validation": finite(found)})

    def write(self, entry: Mapping[str, Any]) -> None:
        """Append one object."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, allow_nan=False) + "\n")

    def forget(self, after: int) -> None:
        """Drop lines beyond the checkpoint that the run goes on from: they will come again."""
        if not self._path.is_file():
            return
        kept = [line for line in self._path.read_text(encoding="utf-8").splitlines() if _step_of(line) <= after]
        self._path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")


class Draws:
    """What was drawn to make LR of training images: a line of degradations.jsonl for each, on every `every`-th step.

    Those of other steps come again from the seed: an image's numbers depend on the seed, its step and its place.
    """

    def __init__(self, path: Path, every: int, *, after: int = 0) -> None:
        self._log = Log(path, every, after=after)
        self._every = every

    def watched(self, batches: Iterator[Batch], first: int) -> Iterator[Batch]:
        """Yield the batches of steps `first`, `first` + 1, …, and write down what was drawn for them."""
        for step, batch in enumerate(batches, start=first + 1):
            if self._every and step % self._every == 0:
                for image, steps in enumerate(batch.drawn):
                    self._log.write({"step": step, "image": image, "degradation": list(steps)})
            yield batch

    def forget(self, after: int) -> None:
        """Drop lines beyond a checkpoint."""
        self._log.forget(after)


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line).get("step", 0))
    except ValueError:
        return math.inf  # a line cut short by a crash


def finite(found: Mapping[str, float]) -> dict[str, float | None]:
    """Return figures as JSON can hold them: None for what is no finite number."""
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


class TensorBoard:
    """Event files for TensorBoard; nothing where the package ``tensorboard`` is not installed."""

    def __init__(self, folder: Path, every: int) -> None:
        self._every = every
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            logger.info("no TensorBoard files: install srkit[tensorboard] to have them")
            return
        self._writer = SummaryWriter(str(folder))

    def on_step(self, report: StepReport) -> None:
        """Write losses, learning rate, gradient norms and how a game stands, where they are due."""
        if self._writer is None or not self._every or report.step % self._every:
            return
        for name, value in report.outcome.losses.items():
            self._writer.add_scalar(f"loss/{name}", value, report.step)
        for name, value in report.outcome.health.items():
            self._writer.add_scalar(f"health/{name}", value, report.step)
        self._writer.add_scalar("learning_rate", report.learning_rate, report.step)

    def on_validation(self, report: StepReport, found: Figures) -> None:
        """Write the figures."""
        if self._writer is not None:
            for name, value in found.items():
                self._writer.add_scalar(f"validation/{name}", value, report.step)

    def on_picture(self, step: int, picture: Array) -> None:
        """Write a picture ``(rows, columns, 3)``."""
        if self._writer is not None:
            self._writer.add_image("held out: LR, interpolated, SR, HR, error", picture, step, dataformats="HWC")

    def close(self) -> None:
        """Finish the files."""
        if self._writer is not None:
            self._writer.close()


@dataclass
class ProgressReport:
    """Tells a progress callable ``(done, total, note)`` of every step: losses, D's answers, pace and figures.

    It waits for no number: what has not been read is told with the next step.
    """

    call: ProgressCall
    _latest: Outcome | None = None
    _pace: Pace = field(default_factory=Pace)
    _figures: str = ""

    def on_step(self, report: StepReport) -> None:
        """Pass the step on."""
        known = report.outcome if report.outcome.is_read else self._latest
        self._latest = report.outcome
        note = f"{report.phase.name}:{_told(known)} · {self._pace.tick():.1f} steps/s{self._figures}"
        self.call(report.step, report.total, note)

    def on_validation(self, report: StepReport, found: Figures) -> None:
        """Keep the figures for the next note."""
        psnr = found.get("psnr", math.nan)
        self._figures = f" · validation {psnr:.2f} dB" if math.isfinite(psnr) else ""


def _told(outcome: Outcome | None) -> str:
    """Return losses and the discriminator's answers in words."""
    if outcome is None or not outcome.is_read:
        return ""
    game = {name: value for name, value in outcome.health.items() if name.startswith("D(")}
    return "".join(f" {name} {value:.3g}" for name, value in {**outcome.losses, **game}.items())
