"""Rivals, each in a process of its own, so that one's allocator, threads and memory are not another's."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Rival:
    """What is timed: `prepare` is called once, in the rival's process, and returns the call whose time counts.

    `tuned` rivals have srkit's allocator settings, as its command line has; the others what a program has by itself.
    A call may return a mapping of further figures, those of its last round are kept.
    """

    prepare: Callable[..., Call]
    settings: Mapping[str, Any] = field(default_factory=dict)
    tuned: bool = False


@contextmanager
def at_work(rivals: Mapping[str, Rival]) -> Iterator[dict[str, Asking]]:
    """Yield a call for each rival that lets it work once, in its process, and returns what its call returned."""
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        calls: dict[str, Asking] = {}
        for name, rival in rivals.items():
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, rival), daemon=True)
            process.start()
            there.close()
            stack.callback(_end, process, here)
            calls[name] = Asking(here)
        for call in calls.values():  # all are ready before the first is timed
            call.ready()
        yield calls


class Asking:
    """Asks a rival to work once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ready(self) -> None:
        """Wait until the rival has prepared itself."""
        self._answer()

    def __call__(self) -> object:
        """Let the rival work, and return what its call returned. Raises RuntimeError where it failed."""
        self._connection.send("go")
        return self._answer()

    def _answer(self) -> object:
        worked, answer = self._connection.recv()
        if not worked:
            raise RuntimeError(f"a rival failed: {answer}")
        return answer


def _end(process: Any, connection: Connection) -> None:
    connection.close()
    process.join(timeout=10)
    process.kill()


def _serve(connection: Connection, rival: Rival) -> None:
    warnings.simplefilter("ignore")
    os.environ["WANDB_MODE"] = "disabled"
    try:
        if rival.tuned:
            from srkit.allocator import tune_allocator

            tune_allocator()
        call = rival.prepare(**rival.settings)
        connection.send((True, None))
        while connection.recv() == "go":
            connection.send((True, call()))
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001  told to the process that asked
        connection.send((False, f"{type(error).__name__}: {error}"))
