import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit.degrade import apply, margin, noise_free, parse
from srkit.domain import Degradation, Step
from srkit.errors import PluginError, RecipeError

CHAINS = [
    [{"name": "bicubic"}],
    [{"name": "gaussian", "mtf": 0.2}],
    [{"name": "profile", "axes": ["row"], "thickness": 2.0}, {"name": "area"}],
    [{"name": "gaussian", "sigma": 0.8, "axes": ["column"]}, {"name": "bicubic"}],
]


@given(st.sampled_from(CHAINS), st.tuples(st.integers(1, 4), st.integers(1, 4)), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_a_window_with_its_margin_gives_the_lr_of_the_whole(
    chain: list[dict[str, object]], scale: tuple[int, int], first: int
) -> None:
    degradation = parse(chain)
    hr = torch.rand(1, 1, 30 * scale[0], 30 * scale[1], dtype=torch.double)
    whole = apply(hr, degradation, scale)
    rows, columns = margin(degradation, scale)
    assert rows is not None
    assert columns is not None
    assert rows % scale[0] == columns % scale[1] == 0
    start = ((12 + first) * scale[0] - rows, (12 + first) * scale[1] - columns)
    size = (3 * scale[0] + 2 * rows, 3 * scale[1] + 2 * columns)
    window = hr[..., start[0] : start[0] + size[0], start[1] : start[1] + size[1]]
    lr = apply(window, degradation, scale)
    inner = lr[..., rows // scale[0] : rows // scale[0] + 3, columns // scale[1] : columns // scale[1] + 3]
    torch.testing.assert_close(inner, whole[..., 12 + first : 15 + first, 12 + first : 15 + first])


@pytest.mark.parametrize("chain", CHAINS)
def test_a_constant_stays_constant_up_to_the_border(chain: list[dict[str, object]]) -> None:
    lr = apply(torch.full((1, 2, 24, 24), 37.0, dtype=torch.double), parse(chain), (3, 2))
    torch.testing.assert_close(lr, torch.full((1, 2, 8, 12), 37.0, dtype=torch.double))


def test_steps_follow_in_order() -> None:
    hr = torch.rand(1, 1, 16, 16) * 100
    chain = parse([{"name": "area"}, {"name": "rician", "sigma": 5.0}])
    lr = apply(hr, chain, (2, 2), torch.Generator().manual_seed(3))
    small = apply(hr, parse([{"name": "area"}]), (2, 2))
    judge = apply(small, parse([{"name": "rician", "sigma": 5.0}]), (1, 1), torch.Generator().manual_seed(3))
    torch.testing.assert_close(lr, judge)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ([{"name": "bicubc"}], "did you mean 'bicubic'"),
        ([{"name": "gaussian", "sigam": 1}], "did you mean 'sigma'"),
        ([{"name": "gaussian"}], "either sigma"),
        ([{"name": "gaussian", "sigma": 1, "mtf": 0.3}], "either sigma"),
        ([{"name": "gaussian", "sigma": -1}], "sigma"),
        ([{"name": "gaussian", "mtf": 1.0}], "mtf"),
        ([{"name": "gaussian", "mtf": "0.3"}], "mtf"),
        ([{"name": "kspace", "window": "haming"}], "did you mean 'hamming'"),
        ([{"name": "kspace", "taper": 2}], "taper"),
        ([{"name": "kspace", "magnitude": 1}], "magnitude"),
        ([{"name": "profile", "shape": "bx"}], "did you mean 'box'"),
        ([{"name": "profile", "thickness": 0}], "thickness"),
        ([{"name": "area", "axes": ["rows"]}], "did you mean 'row'"),
        ([{"name": "rician"}], "sigma"),
        ([{"name": "rician", "sigma": float("nan")}], "sigma"),
        ([{"sigma": 1}], "name"),
        (["bicubic"], "mapping with a name"),
        ({"name": "bicubic"}, "not a list"),
        ("bicubic", "not a list"),
    ],
)
def test_a_wrong_recipe_is_refused_with_a_hint(spec: list[dict[str, object]], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse(spec)


def test_a_chain_that_does_not_downscale_everything_is_refused() -> None:
    with pytest.raises(RecipeError, match="slice by 4"):
        apply(torch.rand(1, 1, 8, 8, 8), parse([{"name": "kspace"}]), (4, 2, 2))


def test_numbers_per_channel_must_fit_the_channels() -> None:
    with pytest.raises(RecipeError, match="2 numbers for 3 channels"):
        apply(torch.rand(1, 3, 8, 8), parse([{"name": "gaussian", "mtf": [0.3, 0.2]}]), (2, 2))


def test_planes_of_a_volume_can_name_their_roles() -> None:
    plane = torch.rand(1, 1, 8, 6, dtype=torch.double)
    lr = apply(plane, parse([{"name": "profile", "shape": "box"}]), (4, 1), roles=("slice", "column"))
    torch.testing.assert_close(lr, plane.reshape(1, 1, 2, 4, 6).mean(dim=3))


def _every_second(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (values[..., 0::2, :] + values[..., 1::2, :]) / 2


def test_a_plugins_function_downscales_what_other_steps_leave() -> None:
    chain = Degradation((Step("own", function=_every_second, margin=(0, 0)), Step("area", {"axes": ["column"]})))
    hr = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(apply(hr, chain, (2, 2)), torch.nn.functional.avg_pool2d(hr, 2))


def test_a_plugins_function_sees_grid_axis_order() -> None:
    seen = []

    def look(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seen.append(values.shape)
        return values + np.arange(values.shape[1])[:, None, None]

    chain = Degradation((Step("own", function=look, margin=(1, 2, None)), Step("area")))
    volume = torch.zeros(1, 1, 2, 4, 6)  # slice, row, column; the file has column, row, slice
    lr = apply(volume, chain, (1, 1, 2), grid_axes=(2, 1, 0))
    assert seen == [(1, 6, 4, 2)]
    torch.testing.assert_close(lr[0, 0, 0, 0], torch.tensor([0.5, 2.5, 4.5]))
    assert margin(chain, (1, 1, 2), grid_axes=(2, 1, 0)) == (None, 2, 2)


def test_a_plugins_function_sees_planes_with_a_slice_axis_of_one() -> None:
    seen = []

    def look(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seen.append(values.shape)
        return values

    chain = Degradation((Step("own", function=look, margin=(0, 0, 0)), Step("area")))
    lr = apply(torch.rand(1, 1, 4, 6), chain, (2, 2), grid_axes=(1, 0))
    assert seen == [(1, 6, 4, 1)]
    assert lr.shape == (1, 1, 2, 3)


def test_a_plugins_function_draws_from_the_generator() -> None:
    chain = Degradation((Step("own", function=lambda values, rng: values + rng.normal(size=values.shape)),))
    first, again, other = (
        apply(torch.zeros(1, 1, 4, 4), chain, (1, 1), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, other)


def test_a_plugins_function_is_told_its_parameters_as_drawn() -> None:
    step = Step("own", {"by": {"from": 2, "to": 4}}, function=lambda values, rng, by: values + by)
    chain = Degradation((Step("one_of", {"steps": [step, [step, {"name": "area"}]], "weights": [0, 1]}),))
    found = [apply(torch.zeros(1, 1, 4, 4), chain, (2, 2), torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    assert [lr.shape for lr in found] == [(1, 1, 2, 2)] * 2
    assert all(2 <= lr.min() == lr.max() <= 4 for lr in found)
    assert not torch.equal(*found)
    assert float(apply(torch.zeros(1, 1, 4, 4), chain, (2, 2)).mean()) == 3


def test_a_function_of_the_wrong_size_is_blamed() -> None:
    chain = Degradation((Step("shrinker", function=_every_second),))
    with pytest.raises(PluginError, match="shrinker"):
        apply(torch.zeros(1, 1, 4, 4), chain, (1, 2))


def test_the_noise_free_form_has_the_middle_of_ranges_and_no_noise() -> None:
    steps = [
        {"name": "gaussian", "sigma": {"from": 0.4, "to": 0.6}},
        {"name": "one_of", "weights": [3, 1], "steps": [{"name": "rician", "snr": 20}, []]},
        {"name": "gaussian_noise", "sigma": 5},
    ]
    degradation = parse(steps)
    found = noise_free(degradation)
    assert [(step.name, step.parameters) for step in found.steps] == [("gaussian", {"sigma": 0.5})]
    hr = torch.rand(1, 1, 16, 16, dtype=torch.float64)
    assert torch.equal(apply(hr, found, (2, 2), torch.Generator()), apply(hr, degradation, (2, 2)))
