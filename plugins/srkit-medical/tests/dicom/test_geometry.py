"""Geometry: positions decide, steps are judged, and outputs cover the same box. Hypothesis against a closed form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from srkit_medical.dicom.geometry import Plane, stack_of

from srkit.grid import Grid

Make = Callable[..., Path]


def rotation(angles: tuple[float, float, float]) -> np.ndarray:
    """Return a rotation about x, y, z in turn."""
    (a, b, c) = angles
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def planes(turn: np.ndarray, count: int, step: np.ndarray, spacing: tuple[float, float] = (0.8, 0.6)) -> list[Plane]:
    return [Plane(np.array([3.0, -70.0, 900.0]) + k * step, turn[:, 0], turn[:, 1], spacing) for k in range(count)]


angle = st.floats(-3.1, 3.1)
factor = st.integers(1, 4)


@given(st.tuples(angle, angle, angle), st.tuples(factor, factor, factor), st.floats(0.3, 9.0), st.integers(4, 9))
@settings(max_examples=40, deadline=None)
def test_outer_corners_stay_for_any_orientation(turns, factors, step_mm, count) -> None:
    turn = rotation(turns)
    stack = stack_of(planes(turn, count, step_mm * turn[:, 2]), 0)
    old, new = (20, 30), (20 * factors[1], 30 * factors[2])
    slices = count * factors[0]
    derived = [stack.plane(k, slices).resampled(old, new) for k in range(slices)]
    step = stack.step * count / slices
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack(
        [step, derived[0].down * derived[0].spacing[0], derived[0].across * derived[0].spacing[1]]
    )
    affine[:3, 3] = derived[0].position
    before = Grid((count, *old), stack.affine()).corners()
    after = Grid((slices, *new), affine).corners()
    assert np.abs(before - after).max() <= 1e-9
    expected = derived[0].position + np.arange(slices)[:, None] * step
    np.testing.assert_allclose([plane.position for plane in derived], expected, atol=1e-9)


@given(st.tuples(angle, angle, angle), st.integers(4, 12), st.floats(0.5, 8.0))
@settings(max_examples=30, deadline=None)
def test_positions_rounded_by_a_vendor_are_even(turns, count, step_mm) -> None:
    turn = rotation(turns)
    rounded = [
        Plane(np.round(p.position, 2), p.across, p.down, p.spacing) for p in planes(turn, count, step_mm * turn[:, 2])
    ]
    assert stack_of(rounded, 0).unscalable == ""


def _opened_with_positions(make: Make, opened, depths: list[float]):
    def edit(dataset, k: int) -> None:
        dataset.ImagePositionPatient = [0, 0, depths[k]]

    return opened(make(count=len(depths), edit=edit))


def test_a_missing_slice_keeps_slices_from_being_scaled_and_is_named(make: Make, opened) -> None:
    source = _opened_with_positions(make, opened, [0, 5, 10, 20, 25, 30])
    assert source.fixed_axes[0] == "slices are missing: 1 of them, the first after slice 3"


def test_variable_spacing_keeps_slices_from_being_scaled(make: Make, opened) -> None:
    source = _opened_with_positions(make, opened, [0, 5, 10, 15, 22.5, 30])
    assert source.fixed_axes[0] == "the slices lie unevenly: 5.00 to 7.50 mm apart"


def test_a_tilted_gantry_keeps_slices_from_being_scaled(make: Make, opened) -> None:
    source = opened(make(kind="CT", step=(0, 1.5, 5.0)))
    assert "tilt of 16.7 degrees" in source.fixed_axes[0]


def test_few_slices_are_not_scaled(make: Make, opened) -> None:
    assert "4 are needed" in opened(make(count=3)).fixed_axes[0]
    assert opened(make("four", count=4)).fixed_axes == {}


def test_a_single_slice_has_three_axes(make: Make, opened) -> None:
    source = opened(make(count=1))
    assert source.grid.shape == (1, 64, 64)
    assert source.fixed_axes == {0: "the series has a single slice"}


@pytest.mark.parametrize("thickness", ["5", "3", "8", ""])
def test_thickness_is_never_the_step(make: Make, opened, thickness: str) -> None:
    def edit(dataset, k: int) -> None:
        dataset.SliceThickness = thickness
        dataset.SpacingBetweenSlices = "1"

    assert opened(make(step_mm=6, edit=edit)).grid.spacing == pytest.approx((6, 0.9, 0.7))


def test_scrambled_names_and_numbers_make_the_same_volume(make: Make, opened) -> None:
    def scrambled(dataset, k: int) -> None:
        dataset.InstanceNumber = (5 * k) % 7 + 1
        dataset.SliceLocation = str(-k)

    plain = opened(make("plain"))
    mixed = opened(make("mixed", edit=scrambled, names=lambda k: f"{(5 * k) % 7}.dcm"))
    assert plain.grid == mixed.grid
    np.testing.assert_array_equal(plain.read(plain.extent).values, mixed.read(mixed.extent).values)


def test_world_positions_follow_the_standard(make: Make, opened) -> None:
    orientation = (0.9396926, 0.3420201, 0.0, -0.3213938, 0.8830222, 0.3420201)
    source = opened(make(orientation=orientation))
    across, down = np.array(orientation[:3]), np.array(orientation[3:])
    expected = np.array([-31.5, 12.25, 40.125]) + 3 * 5 * np.cross(across, down) + 10 * 0.9 * down + 20 * 0.7 * across
    np.testing.assert_allclose(source.grid.world((3, 10, 20)), expected, atol=1e-6)
