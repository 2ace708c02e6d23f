"""Progress as the library reports it, drawn: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from srkit.cli.printing import console, say
from srkit.quantities import duration_text

Progress = Callable[[int, int, str], None]
LINE_EVERY_S = 30.0


@contextmanager
def progress_on_stderr(label: str) -> Iterator[Progress]:
    """Give a progress callable ``(done, total, note)`` that draws while the context lasts."""
    target = console(stderr=True)
    if not target.is_terminal:
        yield _Lines(label)
        return
    with _bar(target) as bar:
        task = bar.add_task(label, total=None, note="")

        def draw(done: int, total: int, note: str = "") -> None:
            if total != bar.tasks[0].total:
                bar.reset(task, total=total)
            bar.update(task, completed=done, note=note)

        yield draw


def _bar(target: Any) -> Any:
    from rich import progress

    class Rate(progress.ProgressColumn):
        """Steps per second."""

        def render(self, task: progress.Task) -> Any:
            from rich.text import Text

            told = "/s" in task.fields["note"]  # what tells its own knows better
            return Text("" if told or not task.speed else f"{task.speed:.3g}/s", style="progress.data.speed")

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=24),
        progress.MofNCompleteColumn(),
        Rate(),
        progress.TimeRemainingColumn(elapsed_when_finished=True),
        progress.TextColumn("{task.fields[note]}", markup=False),
        console=target,
    )


class _Lines:
    """Plain lines: one every `LINE_EVERY_S` seconds, and the last of a job that took as long.

    What was done before the first step, by an earlier run, does not count for the rate, nor does the time until then,
    in which inputs are looked for. Where a step goes back, or is one of another number, another job begins.
    """

    def __init__(self, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._label, self._clock = label, clock
        self._start = self._begin = self._last = clock()
        self._before = self._done = self._total = 0

    def __call__(self, done: int, total: int, note: str = "") -> None:
        now = self._clock()
        if done < self._done or total != self._total:
            self._begin, self._before = now, done
        self._done, self._total = done, total
        if now - self._last < LINE_EVERY_S and (done != total or now - self._start < LINE_EVERY_S):
            return
        self._last = now
        pace = self._pace(done, total, now - self._begin, note)
        say(f"{self._label}: {done}/{total}{pace}{', ' if note else ''}{note}")

    def _pace(self, done: int, total: int, elapsed: float, note: str) -> str:
        fresh = done - self._before
        if fresh < 1 or elapsed <= 0:
            return ""
        rate = "" if "/s" in note else f", {fresh / elapsed:.3g}/s"  # what tells its own knows better
        return f"{rate}, {duration_text((total - done) * elapsed / fresh)} left"
