"""What stages and comparisons hold in memory, foreseen from the grids alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from srkit.grid import Grid
from srkit.image import OutputPlan, Sink, Source, working_dtype
from srkit.upscaling.enlarging.stream import Cut, Sight, Stage, across, needed_by_run, stage_cut
from srkit.upscaling.routing.memory import Beside

COPIES = 10  # arrays of a block, with what it needs, that a stage or a comparison has at once (measured)


def sample_bytes(source: Source, channels: int) -> int:
    """Return the bytes of a sample of so many channels in the working float type."""
    return channels * working_dtype(source.encoding.dtype).itemsize


def held_by_stages(below: Grid, stages: Sequence[Stage], axis: int, sample: int, rows: int) -> Beside:
    """Return what `stages` after a network on the grid `below` hold.

    `sample` is the bytes of a sample of all channels, `rows` the input rows along `axis`. A row of tiles is put
    together to a run, of which two are there where a window begins in one and ends in the next.
    """
    held = Beside(per_row=2 * sample * math.prod(below.shape) // rows) if stages else Beside()
    before = 0
    for stage in stages:
        cut = stage_cut(below, stage, axis)
        held += Beside(2 * sample * before) + held_by_sight(below, stage, cut, sample)
        before = cut.length * (math.prod(stage.grid.shape) // stage.grid.shape[axis])
        below = stage.grid
    return held


def held_by_sight(below: Grid, sight: Sight, cut: Cut, sample: int) -> Beside:
    """Return what is held while a grid is looked at or made block by block: a run's needs, and a block's copies."""
    run = needed_by_run(below, sight, cut)
    along, most = across(below, sight, cut)
    finer = max(1.0, math.prod(sight.grid.shape) / math.prod(below.shape))
    block = list(run.shape)
    wanted = most * below.shape[along] / sight.grid.shape[along]
    beyond = run.shape[along] if along == cut.axis else _beyond(below, sight, along)
    block[along] = min(run.shape[along], int(wanted + beyond))
    return Beside(int(sample * (run.size + COPIES * finer * np.prod(block, dtype=np.float64))))


def held_by_output(source: Source, plan: OutputPlan, sink: Sink) -> Beside:
    """Return what is held of an output until it is written, with its validity, and what formats keep of blocks.

    Slabs do not end where rows of tiles do: beside a row, one is there that began above it, and one that ends below.
    """
    axis = sink.slab.axis
    rows, given = plan.grid.shape[axis], source.grid.shape[axis]
    values = math.prod(plan.grid.shape) * len(plan.channels)
    stored = values * plan.encoding.dtype.itemsize
    read = math.prod(source.grid.shape) * len(source.channels) * source.encoding.dtype.itemsize
    kept = min(read + stored, max(int(getattr(holder, "cache", 0)) for holder in (sink, source)))
    if 2 * sink.slab.size >= rows:
        return Beside(stored + values + kept)
    return Beside((stored + values) * 2 * sink.slab.size // rows + kept, per_row=(stored + values) // given)


def _beyond(below: Grid, sight: Sight, axis: int) -> int:
    """Return how many samples below one sample in the middle needs along `axis`."""
    return needed_by_run(below, sight, Cut(axis, 1, 1)).shape[axis]
