"""Treats several items at once, each in a process of its own: plugins and model are loaded once per process.

An item whose process dies has failed; the others go on. Ctrl-C reaches every process, and none leaves half an output.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from srkit.allocator import tune_allocator
from srkit.domain import Item
from srkit.upscaling.batch.report import ItemResult
from srkit.upscaling.batch.treatment import Treatment, failed
from srkit.upscaling.routing.memory import default_budget

END_S = 30.0  # for a process to clean up after itself
DIED, INTERRUPTED = 5, 130
ENDING = (signal.SIGINT, signal.SIGTERM)
Numbered = tuple[int, ItemResult]


def treat_at_once(
    treatment: Treatment, items: Iterable[tuple[int, Item]], count: int
) -> Generator[Numbered, None, None]:
    """Yield the number and the result of each of `items` as soon as it is there, from `count` processes."""
    waiting = deque(items)
    share = _share(treatment, count)
    busy = [_Worker(share, threads=max(1, torch.get_num_threads() // count)) for _ in range(min(count, len(waiting)))]
    try:
        for worker in busy:
            worker.give(*waiting.popleft())
        while busy:
            for pipe in wait([worker.pipe for worker in busy]):
                worker = next(worker for worker in busy if worker.pipe is pipe)
                yield worker.take()
                if not waiting:
                    busy.remove(worker)
                    worker.end()
                    continue
                if not worker.is_alive:
                    busy[busy.index(worker)] = worker = worker.successor()
                worker.give(*waiting.popleft())
    finally:
        for worker in busy:
            worker.interrupt()
        for worker in busy:
            worker.end()


def _share(treatment: Treatment, count: int) -> Treatment:
    """Return the treatment for one of `count` processes: it has its part of the memory."""
    wishes = treatment.manner.wishes
    device = wishes.device or ("cuda" if torch.cuda.is_available() else "cpu")
    memory = max(1, (wishes.memory or default_budget(device)) // count)
    return replace(treatment, manner=replace(treatment.manner, wishes=replace(wishes, memory=memory)))


class _Worker:
    """One process, seen from the one that started it."""

    def __init__(self, treatment: Treatment, *, threads: int) -> None:
        self._treatment, self._threads = treatment, threads
        context = multiprocessing.get_context("spawn")  # torch's and GDAL's threads do not survive a fork
        self.pipe, theirs = context.Pipe()
        level = logging.getLogger().level
        self._process = context.Process(target=_work, args=(theirs, treatment, threads, level), daemon=True)
        self._process.start()
        theirs.close()
        self._given: tuple[int, Item]

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def give(self, number: int, item: Item) -> None:
        self._given = number, item
        try:
            self.pipe.send(item)
        except OSError:
            return  # it died: `take` says so

    def take(self) -> Numbered:
        """Return the result of what was given; that the process died is a failure of the item."""
        number, item = self._given
        try:
            result: ItemResult = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            return number, failed(item, _last_words(self._process.exitcode), DIED)
        return number, result

    def successor(self) -> _Worker:
        self.end()
        return _Worker(self._treatment, threads=self._threads)

    def interrupt(self) -> None:
        """Let the process stop where it is, and clean up after itself."""
        if self._process.pid is not None and self.is_alive:
            os.kill(self._process.pid, signal.SIGINT)

    def end(self) -> None:
        self.pipe.close()
        self._process.join(END_S)
        if self.is_alive:
            self._process.kill()
            self._process.join()


def _last_words(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return f"its process was ended by {name}; if memory ran out, give fewer --workers or less --memory"
    if exitcode == INTERRUPTED:
        return "its process was told to end; start again with --resume or --skip-existing"
    return f"its process ended by itself with code {exitcode}; try the item alone, with --workers 1"


def _work(pipe: Connection, treatment: Treatment, threads: int, level: int) -> None:
    """Treat what comes through `pipe` until it is closed; this is all that a process does."""
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    warnings.simplefilter("ignore")  # what libraries say may quote the files
    for number in ENDING:
        signal.signal(number, _interrupted)
    threading.Thread(target=_end_with_parent, name="srkit-parent", daemon=True).start()
    tune_allocator()
    torch.set_num_threads(threads)
    try:
        while True:
            pipe.send(treatment.treat_guarded(pipe.recv()))
    except (EOFError, BrokenPipeError):
        return
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _end_with_parent() -> None:
    """Interrupt this process where its parent was killed: nobody would write down what it finished."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _interrupted(*_: Any) -> None:
    """Interrupt once: a second signal, or that of the parent, must not interrupt the cleaning up."""
    for number in ENDING:
        signal.signal(number, _nothing)
    raise KeyboardInterrupt


def _nothing(*_: Any) -> None:
    """Do nothing: were signals ignored instead, Python would complain of those that are on their way already."""
