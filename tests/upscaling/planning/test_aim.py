"""Which grid a call wants of which item."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit.arrays import ArraySource
from srkit.errors import InputError, UsageError
from srkit.grid import Grid, Scale
from srkit.upscaling.planning.aim import Aim

ROLES = {"slice": 0, "row": 1, "column": 2}


def volume(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> ArraySource:
    grid = Grid(shape, np.diag([*spacing, 1.0]), "RAS")
    return ArraySource(np.zeros((1, *shape), np.uint8), grid=grid, roles=ROLES)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("1", (326, 100, 120)),
        ("1.0", (326, 100, 120)),
        ("0.5,0.5", (181, 200, 240)),
        ("0.5,1,1.8", (181, 200, 120)),
        ((1, 1, 3.6), (90, 100, 120)),
        (2, (163, 50, 60)),
    ],
)
def test_a_spacing_gives_each_axis_the_nearest_number_of_samples(text: object, shape: tuple[int, ...]) -> None:
    assert Aim.of_call(spacing=text).shape(volume((181, 100, 120), (1.8, 1.0, 1.0))) == shape


def test_isotropic_is_the_finest_spacing_of_the_item() -> None:
    assert Aim(isotropic=True).shape(volume((7, 256, 200), (5.0, 0.9, 0.45))) == (78, 512, 200)


def test_a_single_slice_has_nothing_between_slices() -> None:
    source = volume((1, 64, 64), (5.0, 1.0, 1.0))
    assert Aim(isotropic=True).shape(source) == (1, 64, 64)
    assert Aim.of_call(spacing=0.5).shape(source) == (1, 128, 128)
    assert Aim.of_call(spacing="1,1,5").shape(source) == (1, 64, 64)
    with pytest.raises(InputError, match="single slice"):
        Aim.of_call(spacing="1,1,1").shape(source)


def test_a_factor_leaves_the_shape_to_the_network() -> None:
    source = volume((5, 6, 7), (1, 1, 1))
    assert Aim.of_call(scale="1,1,4").shape(source) is None
    assert Aim.of_call(scale="1,1,4").scale == Scale(1, 1, 4)
    assert Aim().shape(source) is None


def test_an_axis_that_may_not_change_is_refused_with_its_reason_and_only_then() -> None:
    source = volume((9, 64, 64), (5.0, 1.0, 1.0))
    source.fixed_axes = {0: "slices are missing"}
    for aim in (Aim.of_call(spacing=1), Aim(isotropic=True)):
        with pytest.raises(InputError, match="slice cannot be scaled: slices are missing"):
            aim.shape(source)
    assert Aim.of_call(spacing="0.5,0.5").shape(source) == (9, 128, 128)
    assert Aim.of_call(spacing="0.5,0.5,5").shape(source) == (9, 128, 128)


def test_an_image_that_names_no_spacing_is_refused() -> None:
    source = ArraySource(np.zeros((1, 8, 8), np.uint8))
    for aim in (Aim.of_call(spacing=1), Aim(isotropic=True)):
        with pytest.raises(InputError, match="give --scale"):
            aim.shape(source)


@pytest.mark.parametrize("text", ["", "a", "1,1,1,1", "0", "-1", "nan", "inf,1", "1;1"])
def test_a_spacing_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not understood"):
        Aim.of_call(spacing=text)


def test_two_aims_are_refused() -> None:
    with pytest.raises(UsageError, match="--scale and --spacing both"):
        Aim.of_call(scale=2, spacing=1)
    with pytest.raises(UsageError, match="--spacing and --isotropic both"):
        Aim.of_call(spacing=1, isotropic=True)


def test_micrometres_for_millimetres_are_noticed() -> None:
    with pytest.raises(UsageError, match="64 times finer"):
        Aim.of_call(spacing=0.001).shape(volume((5, 6, 7), (1, 1, 1)))


def test_what_keeps_an_axis_from_being_scaled_is_told_before_how_far_it_would_be() -> None:
    source = volume((5, 6, 7), (100, 1, 1))
    source.fixed_axes = {0: "the slices lie unevenly"}
    with pytest.raises(InputError, match="slices lie unevenly"):
        Aim.of_call(isotropic=True).shape(source)


def test_an_axis_that_the_image_has_not_is_refused() -> None:
    flat = ArraySource(np.zeros((1, 8, 8), np.uint8), grid=Grid((8, 8), np.diag([2.0, 2.0, 1.0]), "EPSG:3857"))
    assert Aim.of_call(spacing="1,1").shape(flat) == (16, 16)
    with pytest.raises(UsageError, match="no slice axis"):
        Aim.of_call(spacing="1,1,1").shape(flat)


@given(
    n=st.tuples(*[st.integers(2, 300)] * 3),
    p=st.tuples(*[st.floats(0.2, 8)] * 3),
    wanted=st.floats(0.2, 8),
)
@settings(max_examples=60, deadline=None)
def test_the_effective_spacing_is_the_nearest_that_keeps_the_extent(
    n: tuple[int, int, int], p: tuple[float, float, float], wanted: float
) -> None:
    shape = Aim(spacing=(wanted,)).shape(volume(n, p))
    assert shape is not None
    for old, spacing, new in zip(n, p, shape, strict=True):
        assert new >= 1
        assert abs(new - old * spacing / wanted) <= 0.5 + 1e-9 or new == 1


@pytest.mark.parametrize("scale", ["65", "1,1,1000", "100000"])
def test_a_factor_beyond_reason_is_refused_before_anything_is_allocated(scale: str) -> None:
    with pytest.raises(UsageError, match="more than 64 times along an axis"):
        Aim.of_call(scale)
    assert Aim.of_call("64,1,64").scale is not None
