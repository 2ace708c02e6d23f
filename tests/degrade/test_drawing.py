from collections import Counter

import pytest
import torch
from scipy import stats

from srkit.degrade import apply, is_random, margin, parse, settled
from srkit.errors import RecipeError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(spec, count, seed=0):
    """Return the steps that `count` draws from one generator settle on."""
    source, degradation = generator(seed), parse(spec)
    return [settled(degradation, source).steps for _ in range(count)]


def test_a_range_is_drawn_evenly_between_its_ends():
    found = [s[0].parameters["sigma"] for s in drawn([{"name": "gaussian", "sigma": {"from": 0.3, "to": 0.7}}], 2000)]
    assert stats.kstest(found, "uniform", args=(0.3, 0.4)).pvalue > 1e-3


def test_one_of_is_taken_as_often_as_its_weights_say():
    spec = [{"name": "one_of", "steps": [{"name": "area"}, {"name": "bicubic"}, []], "weights": [6, 3, 1]}]
    found = Counter(steps[0].name if steps else "nothing" for steps in drawn(spec, 3000))
    assert stats.chisquare([found["area"], found["bicubic"], found["nothing"]], [1800, 900, 300]).pvalue > 1e-3


def test_a_choice_takes_what_it_may():
    spec = [{"name": "resize", "kind": {"any": ["area", "bicubic"], "weights": [0, 1]}}]
    assert {steps[0].parameters["kind"] for steps in drawn(spec, 50)} == {"bicubic"}


def test_lists_may_have_a_range_for_each_channel():
    spec = [{"name": "gaussian_noise", "sigma": [{"from": 1, "to": 2}, {"from": 10, "to": 20}, 5.0]}]
    first, second, third = drawn(spec, 1)[0][0].parameters["sigma"]
    assert 1 <= first <= 2
    assert 10 <= second <= 20
    assert third == 5


def test_the_same_seed_draws_the_same_steps_and_the_same_lr():
    spec = [{"name": "gaussian", "sigma": {"from": 0.3, "to": 0.7}}, {"name": "rician", "sigma": {"from": 1, "to": 9}}]
    hr = torch.rand(1, 1, 16, 16) * 100
    one, again, other = (apply(hr, parse(spec), (2, 2), generator(seed)) for seed in (4, 4, 5))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert drawn(spec, 3, seed=4) == drawn(spec, 3, seed=4)


def test_without_a_generator_a_range_is_its_middle_and_a_choice_its_heaviest():
    spec = [
        {"name": "one_of", "steps": [{"name": "area"}, {"name": "gaussian", "sigma": {"from": 0.4, "to": 0.6}}],
         "weights": [1, 2]},
        {"name": "gaussian_noise", "sigma": {"from": 1, "to": 2}},
    ]  # fmt: skip
    hr = torch.rand(1, 1, 16, 16)
    judge = apply(hr, parse([{"name": "gaussian", "sigma": 0.5}]), (2, 2))
    assert torch.equal(apply(hr, parse(spec), (2, 2)), judge)


def test_steps_of_one_list_stay_together():
    spec = [{"name": "one_of", "steps": [[{"name": "area"}, {"name": "gaussian_noise", "sigma": 1}], []]}]
    assert {tuple(step.name for step in steps) for steps in drawn(spec, 40)} == {("area", "gaussian_noise"), ()}


def test_the_margin_suffices_for_whatever_is_drawn():
    spec = [
        {"name": "blur", "size": {"any": [5, 11]}},
        {"name": "one_of", "steps": [{"name": "gaussian", "mtf": {"from": 0.05, "to": 0.4}}, {"name": "bicubic"}]},
    ]
    least = margin(parse(spec), (2, 2))
    widest = margin(parse([{"name": "blur", "size": 11}, {"name": "gaussian", "mtf": 0.05}]), (2, 2))
    assert least == widest
    for steps in drawn(spec, 20):
        own = margin(parse([{"name": s.name, **s.parameters} for s in steps]), (2, 2))
        assert own[0] <= least[0]
        assert own[1] <= least[1]


@pytest.mark.parametrize(
    ("spec", "random"),
    [
        ([{"name": "area"}], False),
        ([{"name": "gaussian", "sigma": {"from": 0.4, "to": 0.6}}], True),
        ([{"name": "area"}, {"name": "signal_noise", "a": 1}], True),
        ([{"name": "one_of", "steps": [{"name": "area"}]}], True),
    ],
)
def test_what_may_differ_from_one_time_to_the_next_is_known(spec, random):
    assert is_random(parse(spec)) is random


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"name": "gaussian", "sigma": {"from": 2, "to": 1}}, "ends below its beginning"),
        ({"name": "gaussian", "sigma": {"from": 2}}, "is no range"),
        ({"name": "gaussian", "sigma": {"low": 1, "high": 2}}, "is no range"),
        ({"name": "gaussian", "sigma": {"from": -1, "to": 2}}, "must be a number above 0"),
        ({"name": "gaussian", "mtf": {"from": 0.3, "to": 1.5}}, "mtf"),
        ({"name": "profile", "shape": {"any": ["box", "bx"]}}, "did you mean 'box'"),
        ({"name": "profile", "shape": {"any": []}}, "is no choice"),
        ({"name": "profile", "shape": {"any": ["box"], "weights": [1, 2]}}, "must be 1 numbers"),
        ({"name": "one_of", "steps": []}, "needs steps"),
        ({"name": "one_of", "step": []}, "did you mean 'steps'"),
        ({"name": "one_of", "steps": [{"name": "area"}], "weights": [0]}, "are all 0"),
        ({"name": "one_of", "steps": [{"name": "aera"}]}, "did you mean 'area'"),
        ({"name": "one_of", "steps": ["area"]}, "mapping with a name"),
        ({"name": "one-of", "steps": []}, "did you mean 'one_of'"),
    ],
)
def test_a_wrong_range_or_choice_is_refused_with_a_hint(step, message):
    with pytest.raises(RecipeError, match=message):
        parse([step])


def test_alternatives_that_downscale_differently_are_refused():
    spec = parse([{"name": "one_of", "steps": [{"name": "area"}, {"name": "area", "axes": ["row"]}]}])
    with pytest.raises(RecipeError, match="let each downscale alike"):
        margin(spec, (2, 2))
