"""What is held beside tiles is foreseen, so that a budget holds whatever the size of a scene."""

import math
import subprocess
import sys
import tracemalloc
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from srkit.arrays import ArraySource
from srkit.grid import Grid, Slab, Window
from srkit.image import Channel, Encoding, OutputPlan, Provenance
from srkit.upscaling.enlarging.holding import held_by_output, held_by_stages, sample_bytes
from srkit.upscaling.enlarging.resampling import Resampling
from srkit.upscaling.enlarging.slabs import assemble
from srkit.upscaling.enlarging.stream import Piece

BUDGET = 24  # MiB, where an output has 27 MiB in float32 before it is resampled, and 15 MiB after


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="this system does not tell a peak")
def test_the_peak_stays_within_the_budget_on_an_image_that_does_not() -> None:
    """Of three tries the best: what the threads of a busy machine leave in the allocator comes on top by chance."""
    script = Path(__file__).with_name("peak_memory.py")
    command = [sys.executable, str(script), "1200", "1500", str(BUDGET)]

    def peak() -> float:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        return float(done.stdout)

    assert any(0 < peak() <= 1.1 * BUDGET for _ in range(3))


def stage(rows: int, columns: int) -> Resampling:
    grid = Grid.pixels((rows, columns))
    return Resampling(grid, grid.resampled((rows * 3 // 2, columns * 3 // 2)), (Channel("grey"),))


def test_nothing_is_held_without_stages() -> None:
    assert held_by_stages(Grid.pixels((90, 80)), (), 0, 4, 45).fixed == 0


def test_what_stages_hold_grows_with_width_alone() -> None:
    def held(rows: int, columns: int) -> tuple[int, int]:
        found = held_by_stages(Grid.pixels((rows, columns)), (stage(rows, columns),), 0, 4, rows // 2)
        return found.fixed, found.per_row

    fixed, per_row = held(10_000, 40_000)
    assert math.isclose(held(90_000, 40_000)[0], fixed, rel_tol=0.02)
    assert held(90_000, 40_000)[1] == per_row == 2 * 4 * 2 * 40_000
    assert held(10_000, 80_000)[0] > fixed


def test_a_sample_is_as_wide_as_the_type_that_holds_it() -> None:
    widths = {dtype: sample_bytes(ArraySource(np.zeros((1, 2, 2), dtype)), 3) for dtype in ("u2", "f4", "i4")}
    assert widths == {"u2": 12, "f4": 12, "i4": 24}


def sink(rows: int, cache: int = 0) -> Any:
    """Return what is asked of a sink: slabs of `rows` rows, and `cache` bytes of blocks that its format keeps."""
    return SimpleNamespace(slab=Slab(0, rows), cache=cache)


def scene(rows: int, columns: int) -> tuple[ArraySource, OutputPlan]:
    """Return four channels of uint16, and the plan of their output at scale 2."""
    source = ArraySource(np.broadcast_to(np.zeros((), np.uint16), (4, rows, columns)))
    encoding = Encoding(np.dtype(np.uint16), nodata=(0,) * 4)
    grid = source.grid.upscaled((2, 2))
    made = Provenance("1", "nearest", None, "2")
    return source, OutputPlan(grid, source.channels, encoding, 1, (2, 2), made)


def test_an_output_holds_two_slabs_a_row_of_tiles_and_blocks() -> None:
    source, plan = scene(20_000, 20_000)
    held = held_by_output(source, plan, sink(512, cache=10**8))
    sample = 4 * (2 + 1)  # of four channels, and its validity
    assert held.fixed == 2 * 512 * 40_000 * sample + 10**8
    assert held.per_row == 2 * 40_000 * sample
    assert held_by_output(*scene(90_000, 20_000), sink(512, cache=10**8)) == held


def test_no_more_is_held_of_an_output_than_there_is() -> None:
    source, plan = scene(100, 300)
    held = held_by_output(source, plan, sink(512, cache=10**9))
    assert held.fixed == 4 * 200 * 600 * (2 + 1) + (4 * 200 * 600 * 2 + 4 * 100 * 300 * 2)
    assert held.per_row == 0


def test_slabs_that_wait_for_rows_of_tiles_take_what_was_foreseen() -> None:
    source, plan = scene(500, 400)
    tile, slab = 37, Slab(0, 64)  # rows of input, and of output
    held = held_by_output(source, plan, sink(slab.size))

    def pieces() -> Iterator[Piece]:
        for row in range(0, 500, tile):
            window = Window((2 * row, 0), (2 * min(row + tile, 500), 800))
            for part in Slab(1, 50).windows(window.shape):
                shape = (4, *part.shape)
                yield Piece(part.shifted(window.start), 0, np.ones(shape, np.float32), np.zeros(shape, np.bool_))

    tracemalloc.start()
    try:
        deque(assemble(pieces(), plan, slab), maxlen=0)  # holds none of them
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    foreseen, piece = held.fixed + held.per_row * tile, 2 * tile * 50 * 4 * 5
    assert 0.6 * foreseen < peak < foreseen + 4 * piece
