import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit.upscaling.enlarging.fill import fill


def test_valid_samples_stay_and_holes_become_the_mean_of_their_neighbours() -> None:
    values = np.arange(9.0).reshape(1, 3, 3)
    valid = np.ones((1, 3, 3), bool)
    valid[0, 1, 1] = False
    values[0, 1, 1] = np.nan
    filled = fill(values, valid, (1, 2), 1)
    assert filled[0, 1, 1] == 4.0
    np.testing.assert_array_equal(filled[valid], values[valid])


def test_beyond_the_steps_lies_zero() -> None:
    values = np.full((1, 1, 6), 5.0)
    valid = np.zeros((1, 1, 6), bool)
    valid[..., 0] = True
    np.testing.assert_array_equal(fill(values, valid, (2,), 3)[0, 0], [5, 5, 5, 5, 0, 0])


def test_an_axis_that_is_not_named_does_not_mix() -> None:
    values = np.array([[[1.0, 1.0], [9.0, 9.0]]])
    valid = np.array([[[True, False], [True, False]]])
    np.testing.assert_array_equal(fill(values, valid, (2,), 1)[0], [[1, 1], [9, 9]])


@given(seed=st.integers(0, 10_000), steps=st.integers(1, 6), start=st.integers(0, 20), length=st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_a_part_with_its_margin_is_filled_as_the_whole(seed: int, steps: int, start: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2, 9, 40)).astype(np.float32)
    valid = rng.random((2, 9, 40)) < 0.05
    whole = fill(values, valid, (1, 2), steps)
    low, high = max(0, start - steps), min(40, start + length + steps)
    part = fill(values[..., low:high], valid[..., low:high], (1, 2), steps)
    np.testing.assert_array_equal(part[..., start - low : start - low + length], whole[..., start : start + length])


@given(garbage=st.floats(allow_nan=True, allow_infinity=True))
@settings(max_examples=20, deadline=None)
def test_garbage_under_invalid_samples_has_no_influence(garbage: float) -> None:
    rng = np.random.default_rng(3)
    values, valid = rng.normal(size=(1, 8, 8)), rng.random((1, 8, 8)) < 0.4
    np.testing.assert_array_equal(
        fill(np.where(valid, values, garbage), valid, (1, 2), 4), fill(np.where(valid, values, 0), valid, (1, 2), 4)
    )
