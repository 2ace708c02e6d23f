"""Lets reading and writing go on while a network computes.

The work on an item, which reads its source and writes its sink, runs in a thread of its own, in its own order. Only the
network's share is handed to the calling thread, a tile ahead of its results. So one thread reads a source and writes a
sink, no plugin need know of threads, and Ctrl-C arrives where it is waited for.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from queue import SimpleQueue
from typing import Any, TypeVar

import torch

from srkit.image import OutputPlan
from srkit.upscaling.enlarging.engine import Job, Mapped
from srkit.upscaling.planning.tiles import count_tiles

DEVICES = frozenset({"cuda"})
"""Where a network leaves processors free. Beside one on a processor, files take what it needs: see decision 017."""
AHEAD = 1
"""Tiles that are read before the result of the one before is taken: more would hold memory and save no time."""
LEAST_TILES = 4
LEAST_BYTES = 8 * 2**20
"""Of an output; below, nothing is saved that a thread would not cost."""

R = TypeVar("R")
Task = tuple[Callable[[Any], Any], Any]
Outcome = tuple[Any, BaseException | None]


def overlapped(job: Job, plan: OutputPlan, work: Callable[[Job], R]) -> R:
    """Return what `work` makes of `job`; beside the network, where that pays."""
    if torch.device(job.route.device).type not in DEVICES:
        return work(job)
    tiles = count_tiles(job.axes) * job.source.frames
    size = math.prod(plan.grid.shape) * len(plan.channels) * plan.frames * plan.encoding.dtype.itemsize
    if job.fitted.halo is None or tiles < LEAST_TILES or size < LEAST_BYTES:
        return work(job)
    return beside(lambda mapped: work(replace(job, mapped=mapped)))


def beside(work: Callable[[Mapped], R]) -> R:
    """Return what `work` returns, which runs in a thread; what it maps with its argument is computed in this one.

    Whatever either side raises ends the other and is raised here: `work` meets a failure of this side where it takes
    the next result, after those of the tiles before.
    """
    tasks: SimpleQueue[Task | None] = SimpleQueue()
    results: SimpleQueue[Outcome] = SimpleQueue()
    ends: list[Outcome] = []

    def run() -> None:
        try:
            ends.append((work(_Handed(tasks, results)), None))
        except BaseException as error:  # noqa: BLE001  raised again by the thread that waits
            ends.append((None, error))
        finally:
            tasks.put(None)

    thread = threading.Thread(target=run, name="srkit-files")
    thread.start()
    try:
        failure = _compute(tasks, results)
    finally:
        thread.join()
    (result, error) = ends[0]
    if error is not None or failure is not None:
        raise error or failure  # type: ignore[misc]  # one of the two is there
    return result  # type: ignore[no-any-return]


class _Handed:
    """A `map` that hands its work to another thread, and stays `AHEAD` entries ahead of the results."""

    def __init__(self, tasks: SimpleQueue[Task | None], results: SimpleQueue[Outcome]) -> None:
        self._tasks, self._results = tasks, results

    def __call__(self, function: Callable[[Any], Any], entries: Iterable[Any]) -> Iterator[Any]:
        """Yield `function` of each entry, in order."""
        waiting = 0
        for entry in entries:
            self._tasks.put((function, entry))
            waiting += 1
            if waiting > AHEAD:
                yield self._taken()
                waiting -= 1
        for _ in range(waiting):
            yield self._taken()

    def _taken(self) -> Any:
        result, error = self._results.get()
        if error is not None:
            raise error
        return result


def _compute(tasks: SimpleQueue[Task | None], results: SimpleQueue[Outcome]) -> BaseException | None:
    """Do tasks until there are no more; return what went wrong, Ctrl-C among it, after telling the other side."""
    try:
        while (task := tasks.get()) is not None:
            function, entry = task
            results.put((function(entry), None))
    except BaseException as error:  # noqa: BLE001  raised again when the other side has cleaned up
        results.put((None, error))
        return error
    return None
