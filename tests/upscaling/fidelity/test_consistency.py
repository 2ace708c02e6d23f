"""Enforced consistency: what is left after it, what it keeps, and that no cut shows."""

from collections.abc import Iterator

import numpy as np
import pytest

from srkit.arrays import ArraySource
from srkit.degrade import parse
from srkit.grid import Grid, Slab
from srkit.image import Array, Block, Encoding
from srkit.upscaling.enlarging import stream
from srkit.upscaling.enlarging.stream import Piece, through
from srkit.upscaling.fidelity.consistency import Enforced, projected, schedule_for, value_limits
from srkit.upscaling.fidelity.observation import Observation

AREA, MTF = [{"name": "area"}], [{"name": "gaussian", "mtf": 0.3}]


def observation(steps: list, factor: int = 2) -> Observation:
    return Observation(parse(steps), (factor, factor), ("row", "column"))


def scene(rng: np.random.Generator, size: int = 48) -> Array:
    """A smooth scene with noise, in counts of 16 bits."""
    rows, columns = np.indices((size, size)) / size
    waves = 4000 + 2000 * np.sin(9 * rows + 4 * columns) * np.cos(7 * columns)
    return np.rint(waves + rng.normal(0, 40, waves.shape)).astype(np.float32)[np.newaxis]


def enforced(sr: Array, source: ArraySource, seen: Observation) -> Array:
    valid = source.read(source.extent).valid
    grown = None if valid is None else valid.repeat(2, 1).repeat(2, 2)
    stage = Enforced(source, seen, range(len(source.channels)))
    piece = Piece(source.extent.upscaled((2, 2)), 0, sr, grown)
    return stage.apply(piece, piece.window).values


@pytest.mark.parametrize("steps", [AREA, MTF], ids=["box mean", "mtf"])
@pytest.mark.parametrize("start", ["interpolated", "wrong"])
def test_half_a_count_is_left_at_most(steps: list, start: str, rng: np.random.Generator) -> None:
    lr, seen = scene(rng), observation(steps)
    sr = seen.interpolated(lr)[0] if start == "interpolated" else scene(rng, 96) * 0.8
    source = ArraySource(lr.astype(np.uint16))
    again = seen.degraded(enforced(sr, source, seen), None)[0]
    assert np.abs(again - lr).mean() <= 0.5
    assert np.sqrt(((again - lr) ** 2).mean()) / lr.std() < 1e-3


def test_what_agrees_already_is_left_as_it_is(rng: np.random.Generator) -> None:
    lr = scene(rng)
    nearest = lr.repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(enforced(nearest, ArraySource(lr.astype(np.uint16)), observation(AREA)), nearest)


def test_values_stay_what_the_stored_type_can_hold(rng: np.random.Generator) -> None:
    lr = rng.choice([0, 255], (1, 32, 32)).astype(np.uint8)
    sr = observation(MTF).interpolated(lr.astype(np.float32))[0]
    made = enforced(sr, ArraySource(lr), observation(MTF))
    assert made.min() >= 0
    assert made.max() <= 255


@pytest.mark.parametrize("steps", [AREA, MTF], ids=["box mean", "mtf"])
def test_invalid_samples_keep_their_values_and_have_no_influence(steps: list, rng: np.random.Generator) -> None:
    lr, valid = scene(rng), rng.random((1, 48, 48)) > 0.1
    made = []
    for rubbish in (0, 65535):
        stored = np.where(valid, lr, rubbish).astype(np.uint16)
        sr = np.where(valid, lr, rubbish).astype(np.float32).repeat(2, 1).repeat(2, 2)
        made.append(enforced(sr, ArraySource(stored, valid=valid), observation(steps)))
        grown = valid.repeat(2, 1).repeat(2, 2)
        assert (made[-1][~grown] == rubbish).all()
    np.testing.assert_array_equal(made[0][grown], made[1][grown])
    again, known = observation(steps).degraded(made[0], grown)
    assert known is not None
    assert np.abs(again - lr)[known & valid].mean() <= 0.5


@pytest.mark.parametrize("steps", [AREA, [{"name": "bicubic"}]], ids=["box mean", "bicubic"])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("rows", [7, 1000])
def test_no_cut_shows(steps: list, axis: int, rows: int, rng: np.random.Generator, monkeypatch: object) -> None:
    lr = scene(rng, 160)
    source, seen = ArraySource(lr.astype(np.uint16)), observation(steps)
    sr = scene(rng, 320)
    whole = enforced(sr, source, seen)
    stage, made = Enforced(source, seen, [0]), np.zeros_like(sr)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "RUN_SAMPLES", 1)
        runs = list(through(_pieces(sr, axis, rows), stage.grid, [stage], axis))
    for run in runs:
        made[(slice(None), *run.window.slices)] = run.values
    assert len(runs) > 1
    np.testing.assert_array_equal(made, whole)


def _pieces(sr: Array, axis: int, size: int) -> Iterator[Piece]:
    for window in Slab(axis, size).windows(sr.shape[1:]):
        yield Piece(window, 0, sr[(slice(None), *window.slices)], None)


def test_other_channels_pass_through(rng: np.random.Generator) -> None:
    lr = np.concatenate([scene(rng), scene(rng)]).astype(np.uint16)
    sr = np.concatenate([scene(rng, 96), scene(rng, 96)])
    stage = Enforced(ArraySource(lr), observation(AREA), [1])
    piece = Piece(stage.grid and ArraySource(sr).extent, 0, sr, None)
    made = stage.apply(piece, piece.window).values
    np.testing.assert_array_equal(made[0], sr[0])
    assert (made[1] != sr[1]).any()


def test_the_weights_are_chebyshevs_and_a_plain_round() -> None:
    """The share of detail of gain g that is left after n rounds is T_n((m - g) / h) / T_n(m / h)."""
    least = 0.1
    schedule = schedule_for(least)
    middle, half = (1 + least) / 2, (1 - least) / 2
    gains = np.linspace(least, 1, 50)
    left, step = np.ones(50), np.zeros(50)
    for momentum, gain in schedule.weights:
        step = momentum * step + gain * left
        left = left - gains * step
    polynomial = np.polynomial.chebyshev.Chebyshev.basis(len(schedule.weights) - 1)
    share = polynomial((middle - gains) / half) / polynomial(middle / half)
    np.testing.assert_allclose(left, share * (1 - gains), atol=1e-12)


@pytest.mark.parametrize(("least", "rounds", "passes"), [(1.0, 1, 0), (0.47, 6, 0), (0.08, 10, 0), (0.01, 10, 1)])
def test_rounds_follow_from_what_the_degradation_leaves(least: float, rounds: int, passes: int) -> None:
    schedule = schedule_for(least)
    assert (len(schedule.weights), schedule.passes, schedule.reach) == (rounds, passes, rounds * (1 + passes))


def test_what_the_degradation_removes_is_not_amplified(rng: np.random.Generator) -> None:
    """Noise of the input at its Nyquist frequency, which a Hamming window claims cannot be there."""
    seen = observation([{"name": "kspace", "window": "hamming", "magnitude": False}])
    rows, columns = np.indices((32, 32))
    checkers = 1000 + 50 * ((-1.0) ** (rows + columns))[np.newaxis]
    lr = checkers.astype(np.float32)
    sr = np.full((1, 64, 64), 1000, np.float32)
    made = enforced(sr, ArraySource(lr.astype(np.uint16)), seen)
    assert np.abs(made - 1000).max() < 50
    brighter = enforced(sr * 1.1, ArraySource(lr.astype(np.uint16)), seen)
    assert np.abs(brighter - 1000).mean() < 10


def test_limits_are_in_the_images_units() -> None:
    assert value_limits(Encoding(np.dtype(np.int16), slope=-0.5, intercept=10.0)) == (-16373.5, 16394.0)
    assert value_limits(Encoding(np.dtype(np.float32))) is None


def test_a_volume_is_made_consistent_slice_by_slice_with_k_space(rng: np.random.Generator) -> None:
    """Whole slices are read, however the runs lie; the windowed rim of k-space is left alone."""
    lr = np.stack([scene(rng, 24)[0] for _ in range(5)])[np.newaxis]
    seen = Observation(
        parse([{"name": "kspace", "window": "hamming", "magnitude": False}]), (1, 2, 2), ("slice", "row", "column")
    )
    source = ArraySource(lr.astype(np.uint16), roles={"slice": 0, "row": 1, "column": 2}, grid=Grid.pixels((5, 24, 24)))
    sr = seen.interpolated(lr)[0] * np.float32(1.1)
    stage = Enforced(source, seen, [0])
    made = np.concatenate([run.values for run in through(_pieces(sr, 0, 1), stage.grid, [stage], 0)], axis=1)
    before, after = (np.abs(seen.degraded(v, None)[0] - lr).mean() for v in (sr, made))
    assert after < before / 4
    whole = projected(seen, Block(sr), Block(lr), (0, 65535), schedule_for(seen.least_gain(1)))
    np.testing.assert_allclose(made, whole, atol=1e-5 * 8000)
