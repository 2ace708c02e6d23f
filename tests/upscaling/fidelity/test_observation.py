"""What D sees of valid samples, against scipy and plain means; and that nothing else has an influence."""

import numpy as np
import pytest
from scipy import ndimage
from upscaling_toys import Mapper

from srkit.degrade import parse
from srkit.domain import Degradation, Step
from srkit.grid import Grid, Scale, Window
from srkit.image import Array
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger
from srkit.upscaling.fidelity.observation import Observation, observation_of

STEPS = {
    "area": [{"name": "area"}],
    "bicubic": [{"name": "bicubic"}],
    "mtf": [{"name": "gaussian", "mtf": 0.3}],
    "k-space": [{"name": "kspace", "window": "hamming", "magnitude": False}],
}


def plane(name: str, factor: int = 2) -> Observation:
    return Observation(parse(STEPS[name]), (factor, factor), ("row", "column"))


def block_means(values: Array, factor: int) -> Array:
    rows, columns = (n // factor for n in values.shape[1:])
    return values.reshape(-1, rows, factor, columns, factor).mean(axis=(2, 4))


def test_the_box_mean_is_the_mean(rng: np.random.Generator) -> None:
    sr = rng.normal(100, 30, (2, 12, 18))
    seen, known = plane("area", 3).degraded(sr, None)
    np.testing.assert_allclose(seen, block_means(sr, 3), rtol=1e-13)
    assert known is None


def test_a_gaussian_is_scipys_away_from_the_border(rng: np.random.Generator) -> None:
    sr = rng.normal(0, 1, (1, 48, 48))
    sigma = 2 * np.sqrt(-2 * np.log(0.3)) / np.pi
    blurred = ndimage.correlate(sr[0], _gaussian_on_half_samples(sigma))
    seen, _ = plane("mtf").degraded(sr, None)
    np.testing.assert_allclose(seen[0, 4:-4, 4:-4], blurred[::2, ::2][4:-4, 4:-4], atol=1e-12)


def _gaussian_on_half_samples(sigma: float) -> Array:
    offsets = np.arange(-4, 5) - 0.5  # the centre of an LR sample lies between two HR samples
    line = np.where(np.abs(offsets) <= 4 * sigma, np.exp(-0.5 * (offsets / sigma) ** 2), 0)
    return np.outer(line, line) / line.sum() ** 2


@pytest.mark.parametrize("name", STEPS)
def test_what_lies_under_invalid_samples_has_no_influence(name: str, rng: np.random.Generator) -> None:
    sr = rng.normal(100, 30, (2, 24, 24)).astype(np.float32)
    valid = (rng.random((2, 12, 12)) > 0.3).repeat(2, 1).repeat(2, 2)
    garbage = np.where(valid, sr, np.float32(1e30))
    for values, known in (plane(name).degraded(sr, valid), plane(name).degraded(garbage, valid)):
        np.testing.assert_array_equal(values, plane(name).degraded(np.where(valid, sr, 7), valid)[0])
        assert known is not None
        assert known[valid[:, ::2, ::2]].mean() > 0.9


@pytest.mark.parametrize("name", STEPS)
def test_a_flat_image_stays_flat_beside_holes(name: str, rng: np.random.Generator) -> None:
    valid = (rng.random((1, 12, 12)) > 0.3).repeat(2, 1).repeat(2, 2)
    seen, known = plane(name).degraded(np.full((1, 24, 24), 50.0), valid)
    assert known is not None
    np.testing.assert_allclose(seen[known], 50.0, rtol=1e-5)


@pytest.mark.parametrize("name", STEPS)
def test_a_mask_that_is_all_valid_changes_no_bit(name: str, rng: np.random.Generator) -> None:
    sr = rng.normal(100, 30, (1, 24, 24)).astype(np.float32)
    with_mask, _ = plane(name).degraded(sr, np.ones((1, 24, 24), np.bool_))
    np.testing.assert_array_equal(with_mask, plane(name).degraded(sr, None)[0])


@pytest.mark.parametrize("name", ["area", "bicubic", "mtf"])
@pytest.mark.parametrize("factor", [2, 3])
def test_a_window_with_its_margin_sees_the_same_bits(name: str, factor: int, rng: np.random.Generator) -> None:
    observation, grid = plane(name, factor), Grid.pixels((30, 30))
    sr = rng.normal(100, 30, (1, 30 * factor, 30 * factor)).astype(np.float32)
    whole, _ = observation.degraded(sr, None)
    window = Window((11, 0), (14, 30))
    wide = observation.around(window, observation.margin, grid)
    assert wide.shape[0] < 30
    part, _ = observation.degraded(sr[(slice(None), *wide.upscaled((factor, factor)).slices)], None)
    inner = window.relative_to(wide)
    np.testing.assert_array_equal(part[(slice(None), *inner.slices)], whole[(slice(None), *window.slices)])


def test_k_space_wants_whole_axes_and_a_profile_its_own(rng: np.random.Generator) -> None:
    steps = parse([*STEPS["k-space"], {"name": "profile"}])
    observation = Observation(steps, (4, 2, 2), ("slice", "row", "column"))
    assert observation.margin[1:] == (None, None)
    assert observation.margin[0] == 2  # four standard deviations of 1 / 2.355
    window = observation.around(Window((5, 3, 3), (6, 4, 4)), observation.reach(1), Grid.pixels((20, 9, 9)))
    assert window == Window((1, 0, 0), (10, 9, 9))


def test_an_axis_that_is_nothing_of_a_picture_is_gone_through(rng: np.random.Generator) -> None:
    sr = rng.normal(0, 1, (2, 5, 8, 6))
    seen, _ = Observation(parse(STEPS["area"]), (1, 2, 2), (None, "row", "column")).degraded(sr, None)
    expected = np.stack([block_means(sr[:, i], 2) for i in range(5)], axis=1)
    np.testing.assert_allclose(seen, expected, rtol=1e-13)


def test_columns_may_come_before_rows(rng: np.random.Generator) -> None:
    sr = rng.normal(0, 1, (1, 12, 12))
    one = Observation(
        parse([{"name": "gaussian", "mtf": 0.3, "axes": ["row"]}, {"name": "area"}]), (2, 2), ("row", "column")
    )
    other = Observation(one.degradation, (2, 2), ("column", "row"))
    np.testing.assert_array_equal(one.degraded(sr, None)[0].swapaxes(1, 2), other.degraded(sr.swapaxes(1, 2), None)[0])


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("factor", [2, 4])
def test_the_least_gain_is_that_of_the_finest_waves(name: str, factor: int) -> None:
    """A checkerboard of LR samples is what U and D weaken most; its amplitude in the middle of an image is the gain."""
    observation = plane(name, factor)
    rows, columns = np.indices((64, 64))
    checkers = ((-1.0) ** (rows + columns))[np.newaxis]
    again, _ = observation.degraded(observation.interpolated(checkers)[0], None)
    gain = float((again * checkers)[0, 24:40, 24:40].mean())
    assert observation.least_gain(1) == pytest.approx(gain, rel=0.02, abs=0.002)


def test_the_models_own_degradation_is_taken_before_the_domains_and_that_before_the_box_mean(plugins: Plugins) -> None:
    from srkit.arrays import ArraySource

    source, scale = ArraySource(np.zeros((1, 8, 8), np.uint8)), Scale(2, 2)
    network = Mapper(lambda lr: lr)
    taught = Enlarger("m", scale, network, ("row", "column"), degradation=({"name": "gaussian", "mtf": 0.3},))
    silent = Enlarger("m", scale, network, ("row", "column"))
    found = [observation_of(plugins, "toy", source, e) for e in (taught, silent, Enlarger.baseline("nearest", scale))]
    assert [f.origin for f in found] == ["model", "domain", "box mean"]
    assert [f.degradation.steps[0].name for f in found] == ["gaussian", "bicubic", "area"]


def test_a_step_of_a_plugin_takes_its_place(rng: np.random.Generator) -> None:
    def thinned(hr: Array, _: np.random.Generator) -> Array:
        return hr[:, ::2, ::2]

    sr = rng.normal(0, 1, (3, 8, 10))
    observation = Observation(Degradation((Step("thin", function=thinned),)), (2, 2), ("row", "column"))
    np.testing.assert_array_equal(observation.degraded(sr, None)[0], sr[:, ::2, ::2])
