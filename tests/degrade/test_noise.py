import math

import numpy as np
import pytest
import torch
from scipy import special, stats

from srkit.degrade import apply, parse, with_signal
from srkit.errors import RecipeError

SHAPE = (1, 1, 400, 400)
STEPS = [
    {"name": "rician", "sigma": 3.0},
    {"name": "gaussian_noise", "sigma": 3.0},
    {"name": "poisson_gaussian", "gain": 0.5, "sigma": 2.0},
    {"name": "signal_noise", "a": 3.0, "b": 0.1},
]


def noisy(values: torch.Tensor, step: dict[str, object], seed: int = 0) -> np.ndarray:
    return apply(values, parse([step]), (1, 1), torch.Generator().manual_seed(seed)).numpy()


@pytest.mark.parametrize("step", STEPS)
def test_the_noise_free_form_changes_nothing(step: dict[str, object]) -> None:
    values = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(apply(values, parse([step]), (1, 1), None), values, rtol=0, atol=0)


@pytest.mark.parametrize("step", STEPS)
def test_the_same_seed_gives_the_same_noise(step: dict[str, object]) -> None:
    values = torch.rand(1, 1, 8, 8) * 100
    np.testing.assert_array_equal(noisy(values, step, 5), noisy(values, step, 5))
    assert not np.array_equal(noisy(values, step, 5), noisy(values, step, 6))


@pytest.mark.parametrize("snr", [1, 2, 3, 5, 10])
def test_the_mean_of_rician_noise_follows_laguerres_function(snr: float) -> None:
    sigma = 2.0
    result = noisy(torch.full(SHAPE, snr * sigma, dtype=torch.double), {"name": "rician", "sigma": sigma})
    x = -(snr**2) / 2
    laguerre = math.exp(x / 2) * ((1 - x) * special.iv(0, -x / 2) - x * special.iv(1, -x / 2))
    assert result.mean() == pytest.approx(sigma * math.sqrt(math.pi / 2) * laguerre, abs=0.02)


def test_the_background_of_rician_noise_is_rayleigh() -> None:
    result = noisy(torch.zeros(SHAPE, dtype=torch.double), {"name": "rician", "sigma": 2.0})
    assert result.mean() / 2 == pytest.approx(1.253, abs=0.005)
    assert result.std() / 2 == pytest.approx(0.655, abs=0.005)


def test_gaussian_noise_is_normal_with_its_sigma() -> None:
    result = noisy(torch.full(SHAPE, 7.0, dtype=torch.double), {"name": "gaussian_noise", "sigma": 3.0})
    assert stats.kstest((result.ravel() - 7) / 3, "norm").pvalue > 1e-3


@pytest.mark.parametrize("level", [0.0, 20.0, 500.0])
def test_sensor_noise_has_a_variance_that_grows_with_the_signal(level: float) -> None:
    step = {"name": "poisson_gaussian", "gain": 0.5, "sigma": 2.0}
    result = noisy(torch.full(SHAPE, level, dtype=torch.double), step)
    assert result.mean() == pytest.approx(level, abs=0.2)
    assert result.var() == pytest.approx(0.5 * level + 4, rel=0.02)


def test_every_channel_can_have_its_own_sigma() -> None:
    result = noisy(torch.zeros(1, 2, 200, 200, dtype=torch.double), {"name": "gaussian_noise", "sigma": [1.0, 5.0]})
    assert result[0].std(axis=(1, 2)) == pytest.approx([1, 5], rel=0.03)


@pytest.mark.parametrize("level", [0.0, 300.0, 2000.0])
def test_signal_noise_has_a_deviation_that_is_a_line_in_the_signal_of_each_band(level: float) -> None:
    values = torch.full((1, 2, 300, 300), level, dtype=torch.double)
    result = noisy(values, {"name": "signal_noise", "a": [3.0, 5.0], "b": [0.02, 0.0]})[0] - level
    assert result.mean(axis=(1, 2)) == pytest.approx([0, 0], abs=0.5)
    assert result.std(axis=(1, 2)) == pytest.approx([3 + 0.02 * level, 5], rel=0.02)


def test_signal_noise_is_never_of_less_than_nothing() -> None:
    values = torch.full(SHAPE, -500.0, dtype=torch.double)
    assert (noisy(values, {"name": "signal_noise", "a": 1.0, "b": 0.01}) == -500).all()


def test_shot_noise_can_have_a_gain_for_each_channel() -> None:
    values = torch.full((1, 2, 300, 300), 200.0, dtype=torch.double)
    result = noisy(values, {"name": "poisson_gaussian", "gain": [0.5, 4.0], "sigma": [0, 3]})[0]
    assert result.var(axis=(1, 2)) == pytest.approx([100, 809], rel=0.03)


def test_grey_noise_is_the_same_in_all_channels() -> None:
    result = noisy(torch.zeros(1, 3, 20, 20), {"name": "gaussian_noise", "sigma": [1.0, 1.0, 2.0], "grey": True})[0]
    np.testing.assert_array_equal(result[0], result[1])
    np.testing.assert_allclose(result[2], 2 * result[0])


def test_an_snr_is_that_of_the_items_mean_signal() -> None:
    rician = with_signal(parse([{"name": "rician", "snr": 20}]), lambda: [400.0])
    result = apply(torch.full(SHAPE, 400.0, dtype=torch.double), rician, (1, 1), torch.Generator().manual_seed(0))
    assert 400 / result.std() == pytest.approx(20, rel=0.02)
    shot = with_signal(parse([{"name": "poisson_gaussian", "snr": 50}]), lambda: [400.0, 100.0])
    values = torch.stack([torch.full(SHAPE[2:], 400.0), torch.full(SHAPE[2:], 25.0)])[None].double()
    result = apply(values, shot, (1, 1), torch.Generator().manual_seed(0))
    assert 400 / result[0, 0].std() == pytest.approx(50, rel=0.02)
    assert 25 / result[0, 1].std() == pytest.approx(25, rel=0.02)  # a quarter of the signal has half of the SNR


def test_the_signal_is_measured_once_and_only_where_an_snr_is_drawn_or_given() -> None:
    asked = []
    chain = [{"name": "one_of", "steps": [[], [{"name": "rician", "snr": {"from": 10, "to": 40}}]]}, {"name": "area"}]
    told = with_signal(parse([*chain, *chain]), lambda: asked.append(1) or [7.0])
    assert asked == [1]
    assert told.steps[0].parameters["steps"][1][0]["signal"] == [7.0]
    with_signal(parse(STEPS), lambda: pytest.fail("no step has an SNR"))


@pytest.mark.parametrize("name", ["rician", "poisson_gaussian"])
def test_noise_is_given_in_one_way(name: str) -> None:
    absolute = "sigma" if name == "rician" else "gain"
    for given in ({}, {"snr": 20, absolute: 1}):
        with pytest.raises(RecipeError, match=f"step '{name}' wants either {absolute} or snr"):
            parse([{"name": name, **given}])
    with pytest.raises(RecipeError, match="does not know the signal"):
        noisy(torch.ones(1, 1, 4, 4), {"name": name, "snr": 20})
