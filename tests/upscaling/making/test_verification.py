import numpy as np
import pytest

from srkit.errors import InputError
from srkit.grid import Grid
from srkit.upscaling.making.verification import check_grid


def in_float32(grid: Grid) -> Grid:
    return Grid(grid.shape, grid.affine.astype(np.float32).astype(np.float64), grid.reference)


def grid(spacing: float, origin: float) -> Grid:
    affine = np.diag([spacing / 3, spacing / 3, spacing, 1.0])
    affine[:3, 3] = origin
    return Grid((180, 160, 50), affine, "RAS")


@pytest.mark.parametrize("unit", [1.0, 1e3, 1e-3], ids=["millimetres", "micrometres", "metres"])
def test_geometry_kept_in_float32_passes_in_any_unit_of_length(unit: float) -> None:
    wanted = grid(0.97 * unit, -91.3 * unit)
    check_grid(in_float32(wanted), wanted)


@pytest.mark.parametrize("unit", [1.0, 1e3, 1e-3], ids=["millimetres", "micrometres", "metres"])
def test_a_thousandth_of_a_sample_is_found_in_any_unit_of_length(unit: float) -> None:
    wanted = grid(0.97 * unit, -91.3 * unit)
    affine = wanted.affine.copy()
    affine[0, 3] += 0.0011 * 0.97 * unit / 3
    with pytest.raises(InputError, match="corners are off"):
        check_grid(Grid(wanted.shape, affine, "RAS"), wanted)
