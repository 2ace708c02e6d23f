"""Normalisers against numpy's percentiles and the promises of I1 to I3."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from srkit_medical.normalizers import completed, normalizer_of

from srkit.errors import InputError, RecipeError

Make = Callable[[np.ndarray], Any]
WINDOW = {"kind": "window"}
PERCENTILE = {"kind": "percentile"}


def head(seed: int = 0) -> np.ndarray:
    """Return a bright ball in dark noise."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in (20, 22, 14)], indexing="ij")
    ball = sum(a**2 for a in axes) < 0.6
    return np.where(ball, rng.normal(800, 60, ball.shape), rng.uniform(0, 40, ball.shape)).astype(np.float32)


def test_percentiles_are_those_of_the_foreground(in_memory: Make) -> None:
    volume = head()
    normalizer = normalizer_of(PERCENTILE, in_memory(volume))
    assert normalizer is not None
    body = volume[volume > volume[volume != 0].mean()]
    low, high = np.percentile(body, [0.5, 99.5])
    np.testing.assert_allclose(normalizer.normalise(np.array([low, high], np.float32)), [-1, 1], atol=1e-5)
    assert (normalizer.spec["low_value"], normalizer.spec["high_value"]) == pytest.approx((low, high))
    json.dumps(dict(normalizer.spec))


def test_one_spike_does_not_change_the_rest(in_memory: Make) -> None:
    volume = head()
    spiked = volume.copy()
    spiked[3, 3, 3] = 2e4
    one, other = (normalizer_of(PERCENTILE, in_memory(v)) for v in (volume, spiked))
    assert one is not None
    assert other is not None
    assert np.abs(one.normalise(volume) - other.normalise(volume)).max() < 0.2


def test_bright_specks_in_the_air_are_no_body(in_memory: Make) -> None:
    rng = np.random.default_rng(5)
    volume = head()
    specks = volume.copy()
    corner = specks[:3]
    corner[rng.random(corner.shape) < 0.1] = 5000  # beside the ball, joined to nothing: one sample in a hundred
    one, other = (normalizer_of(PERCENTILE, in_memory(v)) for v in (volume, specks))
    assert one is not None
    assert other is not None
    assert other.spec["high_value"] == pytest.approx(one.spec["high_value"], rel=0.01)


def test_two_legs_are_one_body(in_memory: Make) -> None:
    volume = np.full((20, 24, 10), 10, np.float32)
    volume[3:8, 8:16], volume[12:17, 8:16] = 700, 900
    normalizer = normalizer_of({**PERCENTILE, "low": 0, "high": 100}, in_memory(volume))
    assert normalizer is not None
    assert (normalizer.spec["low_value"], normalizer.spec["high_value"]) == (700, 900)


def test_values_beyond_the_percentiles_are_not_clipped(in_memory: Make) -> None:
    normalizer = normalizer_of(PERCENTILE, in_memory(head()))
    assert normalizer is not None
    far = np.array([-500.0, 9000.0], np.float32)
    np.testing.assert_allclose(normalizer.denormalise(normalizer.normalise(far), far), far, rtol=1e-5)


def test_frames_of_a_series_share_one_mapping(in_memory: Make) -> None:
    series = np.stack([head(), 0.5 * head(), 0.25 * head()])
    normalizer = normalizer_of(PERCENTILE, in_memory(series))
    assert normalizer is not None
    means = [float(normalizer.denormalise(normalizer.normalise(v), v).mean()) for v in series]
    np.testing.assert_allclose(np.array(means) / means[0], [1, 0.5, 0.25], rtol=1e-3)


@pytest.mark.parametrize("value", [0.0, 7.3, -4.0])
def test_constant_volume_comes_back(in_memory: Make, value: float) -> None:
    volume = np.full((4, 5, 6), value, np.float32)
    normalizer = normalizer_of(PERCENTILE, in_memory(volume))
    assert normalizer is not None
    np.testing.assert_array_equal(normalizer.denormalise(normalizer.normalise(volume), volume), volume)


def test_two_grey_values_come_back(in_memory: Make) -> None:
    volume = np.zeros((4, 5, 6), np.float32)
    volume[1:3] = 255
    normalizer = normalizer_of(PERCENTILE, in_memory(volume))
    assert normalizer is not None
    np.testing.assert_allclose(np.unique(normalizer.normalise(volume)), [-1, 1])


def test_volume_without_a_number_is_refused(in_memory: Make) -> None:
    with pytest.raises(InputError, match="number"):
        normalizer_of(PERCENTILE, in_memory(np.full((4, 5, 6), np.nan, np.float32)))


def test_large_volume_is_thinned_to_nearly_the_same_numbers(in_memory: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = normalizer_of(PERCENTILE, in_memory(head()))
    monkeypatch.setattr("srkit_medical.normalizers.SAMPLES", 1500)
    some = normalizer_of(PERCENTILE, in_memory(head()))
    assert whole is not None
    assert some is not None
    assert some.spec["samples"] < whole.spec["samples"] / 4
    assert some.spec["high_value"] == pytest.approx(whole.spec["high_value"], rel=0.05)


@settings(max_examples=30, deadline=None)
@given(values=arrays(np.float32, 12, elements=st.floats(-3100, 9000, width=32)))
def test_identity_network_changes_no_hounsfield_value(values: np.ndarray) -> None:
    normalizer = normalizer_of(WINDOW, None)  # type: ignore[arg-type]  # a window needs no source
    assert normalizer is not None
    again = normalizer.denormalise(normalizer.normalise(values), values)
    np.testing.assert_allclose(again, values, rtol=0, atol=2e-3)


def test_network_never_sees_metal_or_filler() -> None:
    normalizer = normalizer_of(WINDOW, None)  # type: ignore[arg-type]  # a window needs no source
    assert normalizer is not None
    seen = normalizer.normalise(np.array([-3024, -1024, 3071, 8000], np.float32))
    np.testing.assert_allclose(seen[1:3], [-1, 1], atol=1e-6)
    assert np.abs(seen).max() < 1.05


def test_metal_and_filler_pass_by_the_network() -> None:
    normalizer = normalizer_of(WINDOW, None)  # type: ignore[arg-type]  # a window needs no source
    assert normalizer is not None
    interpolated = np.array([8000, -3024, 3200, 40], np.float32)
    result = normalizer.denormalise(np.zeros(4, np.float32), interpolated)
    np.testing.assert_array_equal(result[:3], interpolated[:3])
    assert result[3] == pytest.approx((3071 - 1024) / 2)


def test_edge_of_the_window_shows_no_seam() -> None:
    normalizer = normalizer_of(WINDOW, None)  # type: ignore[arg-type]  # a window needs no source
    assert normalizer is not None
    ramp = np.linspace(2900, 3300, 4001, dtype=np.float32)
    sr = normalizer.normalise(ramp - 10)  # a network that is 10 HU off everywhere
    result = normalizer.denormalise(sr, ramp)
    assert np.abs(np.diff(result)).max() < 1.0


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "percentile", "lo": 1},
        {"kind": "percentile", "low": 60, "high": 40},
        {"kind": "percentile", "high": 101},
        {"kind": "window", "low": "a"},
        {"kind": "window", "blend": 0},
        {"kind": "window", "low": True},
    ],
)
def test_senseless_specs_are_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(RecipeError):
        completed(spec)


def test_other_kinds_are_left_to_others() -> None:
    assert completed({"kind": "range"}) is None
    assert normalizer_of({"kind": "range"}, None) is None  # type: ignore[arg-type]


def test_completing_twice_changes_nothing() -> None:
    once = completed(PERCENTILE)
    assert once is not None
    assert completed(once) == once == {"kind": "percentile", "low": 0.5, "high": 99.5}
