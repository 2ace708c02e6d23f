import numpy as np
import pytest

from srkit.data.augmentation import Symmetry, draw_symmetry, swappable_axes
from srkit.data.view import View
from srkit.grid import Grid

PLANE = ("row", "column")
VOLUME = ("slice", "row", "column")


def view(scale=(2, 2)):
    return View((0, 1), (), (0,), scale)


def test_a_plane_has_eight_symmetries():
    rng = np.random.default_rng(0)
    image = np.arange(4).reshape(1, 2, 2)
    found = {draw_symmetry(rng, 2, (0, 1)).apply(image).tobytes() for _ in range(200)}
    expected = {np.rot90(m, k, axes=(1, 2)).tobytes() for m in (image, image[:, ::-1]) for k in range(4)}
    assert found == expected


def test_a_volume_is_flipped_along_slices_and_swapped_in_plane_only():
    rng = np.random.default_rng(0)
    shapes = {draw_symmetry(rng, 3, (1, 2)).apply(np.zeros((1, 2, 3, 4))).shape for _ in range(100)}
    assert shapes == {(1, 2, 3, 4), (1, 2, 4, 3)}


def test_lr_and_hr_move_together():
    hr = np.arange(64.0).reshape(1, 8, 8)
    lr = hr.reshape(1, 4, 2, 4, 2).mean(axis=(2, 4))
    for symmetry in (Symmetry((True, False), (0, 1)), Symmetry((False, True)), Symmetry((True, True), (0, 1))):
        moved = symmetry.apply(hr)
        np.testing.assert_array_equal(moved.reshape(1, 4, 2, 4, 2).mean(axis=(2, 4)), symmetry.apply(lr))


@pytest.mark.parametrize(
    ("spacing", "scale", "patch", "expected"),
    [
        ((1, 1), (2, 2), (16, 16), (0, 1)),
        ((1, 1.1), (2, 2), (16, 16), None),
        ((1, 1), (2, 4), (16, 16), None),
        ((1, 1), (2, 2), (16, 32), None),
    ],
)
def test_axes_swap_only_where_spacing_scale_and_size_agree(spacing, scale, patch, expected):
    grid = Grid((40, 40), np.diag([*spacing, 1.0]))
    assert swappable_axes(view(scale), grid, PLANE, patch) == expected


def test_slices_are_never_swapped():
    grid = Grid.pixels((40, 40, 40))
    volume = View((0, 1, 2), (), (0,), (2, 2, 2))
    assert swappable_axes(volume, grid, VOLUME, (16, 16, 16)) == (1, 2)
    through = View((0, 2), (1,), (0,), (2, 2))
    assert swappable_axes(through, grid, ("slice", "column"), (16, 16)) is None
