"""Resampling to any number of samples: judged by torch, by Pillow's convention, and by geometry."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit.grid import Grid, Slab, Window
from srkit.image import Block, Channel
from srkit.upscaling.enlarging import stream
from srkit.upscaling.enlarging.engine import enlarge_whole
from srkit.upscaling.enlarging.resampling import Resampling
from srkit.upscaling.enlarging.stream import Piece, through

IMAGE = (Channel("1"),)


def resampled(
    values: np.ndarray, shape: tuple[int, ...], valid: np.ndarray | None = None, channels: tuple[Channel, ...] = IMAGE
) -> Block:
    grid = Grid.pixels(values.shape[1:])
    whole = Piece(Window.whole(grid.shape), 0, values, valid)
    return enlarge_whole(through([whole], grid, [Resampling(grid, grid.resampled(shape), channels)], 0), shape)


@pytest.mark.parametrize("shape", [(73, 101), (41, 50), (60, 64), (23, 101), (200, 33)])
def test_inside_it_is_what_torch_computes(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(100, 20, (1, 60, 64))
    judge = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None], size=shape, mode="bicubic", align_corners=False, antialias=True
    )[0].numpy()
    inner = tuple(slice(n // 5, n - n // 5) for n in shape)
    np.testing.assert_allclose(resampled(values, shape).values[0][inner], judge[0][inner], atol=1e-10)


def test_an_axis_that_keeps_its_length_keeps_every_bit() -> None:
    values = np.random.default_rng(1).normal(size=(1, 9, 17, 8)).astype(np.float32)
    values[0, :, 3, 5] = 1e6
    made = resampled(values, (9, 30, 8)).values
    for plane in range(9):
        np.testing.assert_array_equal(
            made[:, plane : plane + 1], resampled(values[:, plane : plane + 1], (1, 30, 8)).values
        )
    np.testing.assert_array_equal(resampled(values, (9, 17, 8)).values, values)


def test_a_constant_stays_that_constant_and_a_ramp_stays_in_place() -> None:
    np.testing.assert_allclose(resampled(np.full((1, 7, 5), 42.0), (11, 3)).values, 42.0, rtol=1e-14)
    ramp = np.arange(40.0)[np.newaxis, :, np.newaxis]
    for wanted, ripple in ((57, 1e-12), (23, 0.03)):
        places = (np.arange(wanted) + 0.5) * 40 / wanted - 0.5
        made = resampled(ramp, (wanted, 1)).values[0, :, 0]
        np.testing.assert_allclose(made[5:-5], places[5:-5], rtol=0, atol=ripple)


@given(
    n=st.tuples(*[st.integers(28, 48)] * 3),
    ratio=st.tuples(*[st.floats(0.6, 2.7)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 5)] * 3),
)
@settings(max_examples=15, deadline=None)
def test_a_blob_keeps_its_place_in_the_world(
    n: tuple[int, ...], ratio: tuple[float, ...], spacing: tuple[float, ...]
) -> None:
    affine = np.array([[0, 0.3, 0.9, -80], [0.8, 0.5, 0, 12], [-0.6, 0.7, 0.2, 3], [0, 0, 0, 1]]) @ np.diag(
        [*spacing, 1]
    )
    grid = Grid(n, affine, "RAS")
    finer = grid.resampled([max(1, round(a * r)) for a, r in zip(n, ratio, strict=True)])
    assert np.abs(finer.corners() - grid.corners()).max() < 1e-6
    centre = [a * 0.47 for a in n]
    axes = np.meshgrid(*[np.arange(a) for a in n], indexing="ij")
    blob = np.exp(-sum((x - c) ** 2 for x, c in zip(axes, centre, strict=True)) / (2 * 3.0**2))[np.newaxis]
    made = resampled(blob, finer.shape).values
    moved = mass_centre(made[0], finer) - mass_centre(blob[0], grid)
    assert np.abs(moved).max() < 2e-3 * max(spacing)


def mass_centre(values: np.ndarray, grid: Grid) -> np.ndarray:
    index = np.stack(np.meshgrid(*[np.arange(n) for n in values.shape], indexing="ij"), axis=-1)
    return (grid.world(index) * values[..., np.newaxis]).sum(axis=(0, 1, 2)) / values.sum()


@pytest.mark.parametrize("garbage", [0.0, 1e30, np.nan])
def test_garbage_under_invalid_samples_changes_nothing(garbage: float) -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(50, 3, (1, 30, 34)).astype(np.float32)
    valid = rng.random((1, 30, 34)) < 0.8
    valid[:, 10:20, 5:30] = False
    made = resampled(np.where(valid, values, np.float32(7)), (47, 21), valid)
    other = resampled(np.where(valid, values, np.float32(garbage)), (47, 21), valid)
    assert made.valid is not None
    np.testing.assert_array_equal(made.valid, other.valid)
    np.testing.assert_array_equal(made.values[made.valid], other.values[made.valid])
    assert 30 < made.values[made.valid].min() < made.values[made.valid].max() < 70
    below = valid[0][np.ix_(((2 * np.arange(47) + 1) * 30) // 94, ((2 * np.arange(21) + 1) * 34) // 42)]
    np.testing.assert_array_equal(made.valid[0], below)
    assert (made.values[~made.valid] == 7).all()


def test_labels_and_alpha_are_repeated_and_never_mixed() -> None:
    rng = np.random.default_rng(5)
    values = np.concatenate([rng.normal(0, 1, (1, 20, 20)), rng.choice([3.0, 200.0], (2, 20, 20))])
    channels = (Channel("1"), Channel("class", "category"), Channel("alpha", "alpha"))
    made = resampled(values, (31, 14), channels=channels).values
    assert set(np.unique(made[1:])) == {3.0, 200.0}
    assert len(np.unique(made[0])) > 100
    assert resampled(values[1:2], (31, 14), channels=channels[1:2]).values.tolist() == made[1:2].tolist()


def pieces(values: np.ndarray, valid: np.ndarray, axis: int, size: int) -> Iterator[Piece]:
    for window in Slab(axis, size).windows(values.shape[1:]):
        place = (slice(None), *window.slices)
        yield Piece(window, 0, values[place], valid[place])


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("shape", [(31, 50, 12), (90, 17, 24), (61, 34, 24)])
def test_no_slab_changes_a_bit(axis: int, size: int, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(0, 1, (2, 61, 34, 20)).astype(np.float32)
    valid = rng.random((2, 61, 34, 20)) < 0.7
    grid = Grid.pixels((61, 34, 20))
    stage = Resampling(grid, grid.resampled(shape), (Channel("1"), Channel("2")))
    whole = stage.apply(Piece(Window.whole(grid.shape), 0, values, valid), Window.whole(shape))
    monkeypatch.setattr(stream, "RUN_SAMPLES", 1)
    made = enlarge_whole(through(pieces(values, valid, axis, size), grid, [stage], axis), shape)
    np.testing.assert_array_equal(made.values, whole.values)
    np.testing.assert_array_equal(made.valid, whole.valid)


@pytest.mark.parametrize("shape", [(1, 7, 13), (2, 1, 5), (4, 3, 1)])
@pytest.mark.parametrize("wanted", [(1, 10, 40), (5, 2, 2), (9, 9, 9)])
def test_volumes_thinner_than_the_kernel_work(shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    values = np.random.default_rng(7).normal(10, 1, (1, *shape))
    made = resampled(values, wanted).values
    assert made.shape == (1, *wanted)
    assert values.min() - 2 < made.min() <= made.max() < values.max() + 2
