"""What making an output would take, found out without making it: grids, tiles, size, memory, time."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srkit.allocator import kept_bytes
from srkit.domain import Finding
from srkit.grid import Window
from srkit.image import OutputPlan, Sink, Source
from srkit.quantities import size_text
from srkit.upscaling.enlarging.engine import Job, read
from srkit.upscaling.enlarging.holding import held_by_output, held_by_stages, sample_bytes
from srkit.upscaling.making.preparation import Prepared
from srkit.upscaling.making.room import free_bytes, raw_bytes
from srkit.upscaling.making.trial import tried
from srkit.upscaling.planning.tiles import Asked
from srkit.upscaling.routing.cost import bytes_per_sample, bytes_per_trunk_sample
from srkit.upscaling.routing.memory import Beside

PROBES, PROBE_LENGTH = 6, 16
PROGRAM_BYTES = 350 * 2**20  # Python, torch and a format's library, where the system does not say (measured)
WRITING_BYTES = 16 * 2**20  # what is loaded and kept beside samples once work begins (measured)
OVER = 1.1  # times a budget, beyond which a process must not go
AT_ONCE = 3  # results of tiles: one on its way into slabs, one that waits, one in the network


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected of one item; nothing was written.

    Parameters
    ----------
    shape, spacing, new_shape, new_spacing
        In grid axis order; spacing in world units.
    tile, halo, tiles
        Input samples per tile and of its halo (None: the network sees the whole image), and how many there are.
    raw_bytes, maps_bytes, needed_bytes, free_bytes
        Of all samples; of those of its maps; at most on disk while they are made; and what is free there.
    memory_bytes
        At most, of the whole process.
    seconds, trial
        Of the network and what surrounds it; and how that was found.
    files_seconds
        Of reading, encoding, compressing, comparing and verifying, part of which goes on beside the network.
    invalid_share
        Of samples, by small probes all over the image.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    new_shape: tuple[int, ...]
    new_spacing: tuple[float, ...]
    channels: int
    frames: int
    dtype: str
    tile: tuple[int, ...]
    halo: tuple[int, ...] | None
    tiles: int
    raw_bytes: int
    needed_bytes: int
    free_bytes: int
    memory_bytes: int
    seconds: float
    trial: str
    invalid_share: float
    maps_bytes: int = 0
    files_seconds: float = 0.0


def foresee(ready: Prepared, sink: Sink, target: Path, needed: int) -> Forecast:
    """Return what an output of which all is `ready` would take; `needed` bytes on the disk of `target`."""
    job, plan, source = ready.job, ready.plan, ready.part
    memory = memory_of(job, plan, sink)
    trial = tried(job, plan, ready.compared, sink.slab.axis)
    return Forecast(
        shape=source.grid.shape,
        spacing=source.grid.spacing,
        new_shape=plan.grid.shape,
        new_spacing=plan.grid.spacing,
        channels=len(plan.channels),
        frames=plan.frames,
        dtype=str(plan.encoding.dtype),
        tile=job.route.tile,
        halo=job.fitted.halo,
        tiles=_count(job, sink.slab.axis),
        raw_bytes=raw_bytes(plan),
        needed_bytes=needed,
        free_bytes=free_bytes(target),
        memory_bytes=memory,
        seconds=trial.network * tile_samples(job) * _count(job, sink.slab.axis),
        files_seconds=trial.files * math.prod(source.grid.shape) * plan.frames,
        trial=trial.words,
        invalid_share=_invalid_share(source),
    )


def _count(job: Job, axis: int) -> int:
    part = Window.whole(job.network_grid.shape) if job.part is None else job.part.upscaled(job.fitted.factors)
    return Asked(axis, (0, 0), part).count(job.axes, job.fitted.factors, job.source.frames)


def tile_samples(job: Job) -> int:
    """Return the input samples of a tile."""
    axes = ((plan.tiles()[0].start, plan.tiles()[0].stop) for plan in job.axes)
    return math.prod(stop - start for start, stop in axes)


def memory_of(job: Job, plan: OutputPlan, sink: Sink) -> int:
    """Return what the process uses by now, and will use beside."""
    return _resident() + memory_beside_program(job, plan, sink)


def memory_beside_program(job: Job, plan: OutputPlan, sink: Sink) -> int:
    """Return the bytes of tiles, stages, slabs that wait for them, and of what a format keeps of blocks."""
    held = held_by_output(job.source, plan, sink) + _of_stages(job)
    rows = min(job.route.tile[sink.slab.axis], job.source.grid.shape[sink.slab.axis])
    return WRITING_BYTES + _of_tiles(job) + held.fixed + held.per_row * rows


def over_budget(job: Job, plan: OutputPlan, sink: Sink, budget: int | None) -> tuple[Finding, ...]:
    """Return a warning where a budget that the user gave, in bytes, cannot be kept on the CPU."""
    if budget is None or job.route.device != "cpu":
        return ()
    needed = memory_beside_program(job, plan, sink)
    if needed <= OVER * budget:
        return ()
    text = f"the memory that was given, {size_text(budget)}, cannot be kept: rows of an image this wide take"
    return (Finding("warning", f"{text} about {size_text(needed)} beside the program", "T4"),)


def _of_stages(job: Job) -> Beside:
    source, axis = job.source, job.source.slab.axis
    sample = sample_bytes(source, len(source.channels))
    return held_by_stages(job.network_grid, job.stages, axis, sample, source.grid.shape[axis])


def _of_tiles(job: Job) -> int:
    """Return the bytes of a tile in the network, and of those that wait for it or were there before."""
    samples, fitted = tile_samples(job), job.fitted
    if job.route.tail:
        return bytes_per_trunk_sample(fitted, job.route.device, job.route.precision) * samples
    result = 4 * math.prod(fitted.factors) * len(job.source.channels) * samples
    waiting = min(AT_ONCE, math.prod(len(axis.tiles()) for axis in job.axes))
    cost = bytes_per_sample(fitted, job.route.device, job.route.precision) if fitted.image_channels else 0
    return cost * samples + waiting * result


def _resident() -> int:
    """Return the memory that is in use in this process, whose libraries are loaded by now."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return PROGRAM_BYTES
    return max(0, pages * os.sysconf("SC_PAGE_SIZE") - kept_bytes())


def _invalid_share(source: Source) -> float:
    """Return the share of invalid samples in small probes that lie evenly over the first frame, in reading order."""
    places = [np.linspace(0, max(0, n - PROBE_LENGTH), min(PROBES, n)).astype(int) for n in source.grid.shape]
    invalid = total = 0
    for start in np.array(np.meshgrid(*places, indexing="ij")).reshape(len(places), -1).T:
        first = tuple(map(int, start))
        stop = tuple(min(a + PROBE_LENGTH, n) for a, n in zip(first, source.grid.shape, strict=True))
        block = read(source, Window(first, stop), 0)
        total += block.values.size
        invalid += 0 if block.valid is None else int((~np.broadcast_to(block.valid, block.values.shape)).sum())
    return invalid / max(1, total)
