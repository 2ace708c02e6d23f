"""Run by `test_holding`: prints by how many MiB the peak of this process grows over stages on a wide image.

Arguments: rows and columns of the input, and the budget in MiB. Linux alone tells a peak that can be set back.
"""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from srkit.allocator import tune_allocator
from srkit.arrays import ArraySource
from srkit.grid import Scale, Slab
from srkit.plugins import load_plugins
from srkit.upscaling import Enlarger, Wishes
from srkit.upscaling.enlarging import stream
from srkit.upscaling.enlarging.engine import prepare, run, with_room
from srkit.upscaling.enlarging.overlap import overlapped
from srkit.upscaling.enlarging.slabs import as_written, assemble
from srkit.upscaling.fidelity.measurement import gathered, held_by_comparison
from srkit.upscaling.fidelity.observation import observation_of
from srkit.upscaling.planning.plan import output_plan, provenance

PLUGINS = load_plugins()
ENLARGER = Enlarger.baseline("nearest", Scale(2, 2))


def mib(entry: str) -> float:
    return int(re.search(rf"{entry}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def enlarged(rows: int, columns: int, memory: int) -> None:
    """Make an output and resample it, and make another and compare it with its input; nothing is kept."""
    row = np.random.default_rng(0).integers(0, 4000, (1, 1, columns), dtype=np.uint16)
    source, wishes = ArraySource(np.broadcast_to(row, (1, rows, columns))), Wishes(memory=memory)
    seen = observation_of(PLUGINS, "toy", source, ENLARGER)
    shape = (rows * 3 // 2, columns * 3 // 2)
    job = prepare(PLUGINS, source, ENLARGER, domain="toy", wishes=wishes, shape=shape)
    plan = output_plan(source, job.grid, job.fitted, provenance(ENLARGER, {}, job.route.made_by()), {})
    overlapped(job, plan, lambda job: sum(1 for _ in assemble(run(job, outermost=0), plan, Slab(0, 64))))
    compared = held_by_comparison(source, seen, (0,), 0)
    job = with_room(replace(job, stages=()), ENLARGER, wishes, compared)
    plan = output_plan(source, job.grid, job.fitted, plan.provenance, {})
    slabs = assemble(run(job, outermost=0), plan, Slab(0, 64))
    gathered((piece for slab in slabs for piece in as_written(slab, plan, 0)), source, seen, (0,), 0)


if __name__ == "__main__":
    rows, columns, budget = (int(argument) for argument in sys.argv[1:])
    tune_allocator()
    stream.BLOCK_SAMPLES = 2**15  # as small as the image is
    enlarged(64, 64, 2**24)
    before = mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    enlarged(rows, columns, budget * 2**20)
    sys.stdout.write(f"{mib('VmHWM') - before}")
