"""What making an output would take, found out without making it: grids, tiles, size, memory, time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from srkit.grid import Window
from srkit.image import Block, OutputPlan, Sink, Source
from srkit.upscaling.enlarging.engine import Job, network_values, read, tile_reading
from srkit.upscaling.making.room import free_bytes, raw_bytes
from srkit.upscaling.planning.tiles import Asked, Tile
from srkit.upscaling.routing.cost import bytes_per_sample

TRIAL_LENGTH = {1: 4096, 2: 192, 3: 40}
PROBES, PROBE_LENGTH = 6, 16
PROGRAM_BYTES = 450 * 2**20  # Python, torch and a format's library, before any image (measured)


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
        Of the network and what surrounds it, reading and writing not counted; and how that was found.
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


def foresee(job: Job, source: Source, plan: OutputPlan, sink: Sink, target: Path, needed: int) -> Forecast:
    """Return what `job` would take; `source` is the part of its source that is wanted."""
    seconds, trial = network_seconds(job, sink.slab.axis)
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
        memory_bytes=memory_of(job, plan, sink),
        seconds=seconds,
        trial=trial,
        invalid_share=_invalid_share(source),
    )


def network_seconds(job: Job, axis: int) -> tuple[float, str]:
    """Return how long the network takes for all tiles of a job, and how that was measured."""
    rate, trial = _trial(job)
    return rate * _count(job, axis) * tile_samples(job), trial


def _count(job: Job, axis: int) -> int:
    part = Window.whole(job.network_grid.shape) if job.part is None else job.part.upscaled(job.fitted.factors)
    return Asked(axis, (0, 0), part).count(job.axes, job.fitted.factors, job.source.frames)


def tile_samples(job: Job) -> int:
    """Return the input samples of a tile."""
    axes = ((plan.tiles()[0].start, plan.tiles()[0].stop) for plan in job.axes)
    return math.prod(stop - start for start, stop in axes)


def memory_of(job: Job, plan: OutputPlan, sink: Sink) -> int:
    """Return the tile in the network, the slabs that wait for the rest of their tiles, and what is always there."""
    axis, factors = sink.slab.axis, job.fitted.factors
    along = min(job.route.tile[axis] * factors[axis] + 2 * sink.slab.size, plan.grid.shape[axis])
    per_row = math.prod(plan.grid.shape) // plan.grid.shape[axis] * len(plan.channels) * plan.encoding.dtype.itemsize
    network = bytes_per_sample(job.fitted, job.route.device) * tile_samples(job)
    return PROGRAM_BYTES + network + per_row * along + int(getattr(sink, "cache", 0))


def _trial(job: Job) -> tuple[float, str]:
    """Return seconds per input sample of a tile, and how they were measured: on a small tile in the middle."""
    if not job.fitted.image_channels:
        return 0.0, "nothing for a network to do"
    length = TRIAL_LENGTH[len(job.fitted.network_axes)]
    route = replace(job.route, tile=tuple(min(n, length) for n in job.route.tile))
    with route.applied(job.fitted.generator) as network:
        small = replace(job, route=route, fitted=replace(job.fitted, generator=network), stages=())
        tile = _middle(small)
        block = read(small.source, tile_reading(small, tile), 0)
        seconds = min(_seconds(small, tile, block) for _ in range(2))
    size = " x ".join(map(str, tile.window.shape))
    return seconds / tile.window.size, f"a tile of {size} took {seconds:.3g} s here"


def _seconds(job: Job, tile: Tile, block: Block) -> float:
    begin = time.perf_counter()
    network_values(job, tile, 0, block)
    return time.perf_counter() - begin


def _middle(job: Job) -> Tile:
    chosen = [tiles[len(tiles) // 2] for tiles in (axis.tiles() for axis in job.axes)]
    window = Window(tuple(t.start for t in chosen), tuple(t.stop for t in chosen))
    return Tile(window, Window(tuple(t.core[0] for t in chosen), tuple(t.core[1] for t in chosen)))


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
