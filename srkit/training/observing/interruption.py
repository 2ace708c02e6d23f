"""Ctrl-C and SIGTERM: the step under way is finished, then the run stops at rest."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from srkit.training.learning.loop import StepReport
from srkit.training.processes.world import World

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Turns the first signal into a KeyboardInterrupt after the step; a second one acts at once.

    Outside of the main thread, where Python allows no handlers, it does nothing.
    """

    def __init__(self, world: World | None = None) -> None:
        self._world = world or World()
        self._requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Take over the signals."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        self._give_back()

    def on_step(self, report: StepReport) -> None:
        """Stop the run if that was asked of any of its processes: all stop after the same step."""
        if self._world.any(self._requested):
            raise KeyboardInterrupt

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._requested = True
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
