"""What is held beside tiles is foreseen, so that a budget holds whatever the size of a scene."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from srkit.arrays import ArraySource
from srkit.grid import Grid
from srkit.image import Channel
from srkit.upscaling.enlarging.holding import held_by_stages, sample_bytes
from srkit.upscaling.enlarging.resampling import Resampling

BUDGET = 24  # MiB, where an output has 27 MiB in float32 before it is resampled, and 15 MiB after


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="this system does not tell a peak")
def test_the_peak_stays_within_the_budget_on_an_image_that_does_not() -> None:
    script = Path(__file__).with_name("peak_memory.py")
    command = [sys.executable, str(script), "1200", "1500", str(BUDGET)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert 0 < float(done.stdout) <= 1.1 * BUDGET


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
