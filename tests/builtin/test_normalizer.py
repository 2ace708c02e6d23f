from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit import plugins as verbs
from srkit.builtin.normalizer import RangeNormalizer, fit_range
from srkit.errors import InputError, RecipeError
from srkit.plugins import Plugins

Sources = Callable[..., Any]


def test_low_and_high_become_minus_one_and_one_and_nothing_is_clipped(plugins: Plugins, source: Sources) -> None:
    spec = {"kind": "range", "low": -1000, "high": 3000}
    normalizer = verbs.normalizer(plugins, "any", spec, source(np.zeros((1, 2, 2))))
    numbers = normalizer.normalise(np.array([[[-1000.0, 1000.0], [3000.0, 5000.0]]]))
    np.testing.assert_allclose(numbers, [[[-1, 0], [1, 2]]])
    assert numbers.dtype == np.float32
    assert normalizer.spec == spec


@given(st.floats(-1e4, 1e4), st.floats(1, 1e5), st.floats(-1e5, 1e5))
@settings(max_examples=50, deadline=None)
def test_denormalising_undoes_normalising(low: float, span: float, value: float) -> None:
    normalizer = RangeNormalizer.from_spec({"kind": "range", "low": low, "high": low + span}, 1)
    values = np.array([[[value]]])
    back = normalizer.denormalise(normalizer.normalise(values), values)
    np.testing.assert_allclose(back, values, atol=1e-6 * (abs(value) + abs(low) + span))


def test_every_channel_has_its_own_range() -> None:
    normalizer = RangeNormalizer.from_spec({"kind": "range", "low": [0, 10], "high": [1, 30]}, 2)
    np.testing.assert_allclose(normalizer.normalise(np.array([[[1.0]], [[20.0]]])), [[[1]], [[0]]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_come_back_in_their_own_float_type(dtype: type) -> None:
    normalizer = RangeNormalizer.from_spec({"kind": "range", "low": 0, "high": 1}, 1)
    assert normalizer.denormalise(np.zeros((1, 2, 2), np.float32), np.zeros((1, 2, 2), dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"low": 0}, "'high'"),
        ({"low": 1, "high": 1}, "exceed"),
        ({"low": [0, 0], "high": 1}, "does not fit 3"),
        ({"low": "a", "high": 1}, "'low'"),
        ({"low": 0, "high": float("inf")}, "high"),
        ({"low": 0, "hihg": 1}, "did you mean 'high'"),
    ],
)
def test_specs_that_make_no_sense_are_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        RangeNormalizer.from_spec({"kind": "range", **spec}, 3)


def test_fitting_takes_minimum_and_maximum_of_all_valid_samples(source: Sources) -> None:
    image = np.arange(50, dtype=np.float64).reshape(1, 5, 10)
    valid = np.ones((1, 5, 10), bool)
    valid[0, 4] = False
    image[0, 4] = -9999
    fitted = fit_range({"kind": "range"}, [source(image, validity=valid), source(image * 2, validity=valid)])
    assert fitted == {"kind": "range", "low": [0], "high": [78]}


def test_fitting_looks_at_every_frame(source: Sources) -> None:
    fitted = fit_range({"kind": "range"}, [source(np.zeros((1, 4, 4)), np.full((1, 4, 4), 7.0))])
    assert (fitted["low"], fitted["high"]) == ([0], [7])


def test_percentiles_are_not_moved_by_one_odd_item(source: Sources) -> None:
    rng = np.random.default_rng(0)
    items = [source(rng.uniform(0, 100, (1, 60, 60))) for _ in range(4)] + [source(rng.uniform(0, 1e6, (1, 60, 60)))]
    fitted = fit_range({"kind": "range", "percentiles": [1, 99]}, items)
    assert fitted["low"] == pytest.approx([1], abs=0.7)
    assert fitted["high"] == pytest.approx([99], abs=0.7)


def test_large_items_are_thinned_without_losing_their_extremes(
    source: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srkit.builtin.normalizer.SAMPLES_PER_ITEM", 100)
    image = np.zeros((1, 50, 50))
    image[0, 17, 23], image[0, 40, 1] = 5, -5
    fitted = fit_range({"kind": "range"}, [source(image)])
    assert (fitted["low"], fitted["high"]) == ([-5], [5])


def test_channels_that_enter_no_network_have_no_range(plugins: Plugins, source: Sources) -> None:
    image = source(np.stack([np.ones((4, 4)), np.full((4, 4), 255.0)]), channel_roles=("image", "alpha"))
    fitted = fit_range({"kind": "range"}, [image])
    assert fitted == {"kind": "range", "low": [1], "high": [2]}  # a constant gets a range of 1
    assert verbs.normalizer(plugins, "any", fitted, image).normalise(np.ones((1, 2, 2))).shape == (1, 2, 2)


def test_a_spec_with_numbers_is_not_fitted(plugins: Plugins, source: Sources) -> None:
    spec = {"kind": "range", "low": 3, "high": 4}
    assert verbs.fit_normalizer(plugins, "any", spec, [source(np.zeros((1, 4, 4)))]) == spec


def test_items_without_valid_samples_or_of_other_channels_are_refused(source: Sources) -> None:
    with pytest.raises(InputError, match="valid"):
        fit_range({"kind": "range"}, [source(np.full((1, 4, 4), np.nan))])
    with pytest.raises(InputError, match="valid"):
        fit_range({"kind": "range"}, [])
    with pytest.raises(InputError, match="number of channels"):
        fit_range({"kind": "range"}, [source(np.zeros((1, 4, 4))), source(np.zeros((2, 4, 4)))])


@pytest.mark.parametrize("percentiles", [[99, 1], [1], "1,99", [0, 101]])
def test_wrong_percentiles_are_refused(percentiles: Any) -> None:
    with pytest.raises(RecipeError, match="percentiles"):
        fit_range({"kind": "range", "percentiles": percentiles}, [])
