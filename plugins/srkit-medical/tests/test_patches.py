"""Training windows show the body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from srkit_medical.patches import ForegroundSampler

from srkit.errors import RecipeError
from srkit.grid import Window

Make = Callable[[np.ndarray], Any]


def body_in_air(air: float = 0.0) -> np.ndarray:
    """Return a small bright cube in a corner of much air."""
    rng = np.random.default_rng(0)
    volume = rng.normal(air, 3, (60, 60, 20)).astype(np.float32)
    volume[40:58, 38:58, 4:18] += 1000
    return volume


@pytest.mark.parametrize("air", [0.0, -1000.0])
def test_windows_hold_body(in_memory: Make, air: float) -> None:
    volume = body_in_air(air)
    sampler = ForegroundSampler(in_memory(volume), (12, 12, 6))
    rng = np.random.default_rng(1)
    windows = [sampler.draw(rng, Window.whole(volume.shape))[0] for _ in range(40)]
    shares = [float((volume[w.slices] > air + 500).mean()) for w in windows]
    uniform = float((volume > air + 500).mean())
    assert np.median(shares) > 4 * uniform
    assert np.mean([share > 0 for share in shares]) > 0.9


def test_windows_vary(in_memory: Make) -> None:
    sampler = ForegroundSampler(in_memory(body_in_air()), (12, 12, 6))
    rng = np.random.default_rng(1)
    assert len({sampler.draw(rng, Window.whole((60, 60, 20)))[0] for _ in range(20)}) > 10


def test_air_alone_still_gives_a_window(in_memory: Make) -> None:
    sampler = ForegroundSampler(in_memory(body_in_air()), (12, 12, 6))
    region = Window((0, 0, 0), (24, 24, 20))
    window, _ = sampler.draw(np.random.default_rng(0), region)
    assert window.shape == (12, 12, 6)
    assert region.contains(window)


def test_windows_keep_off_missing_samples(in_memory: Make) -> None:
    volume = np.full((60, 60, 20), 100.0, np.float32)
    volume[:30] = np.nan
    sampler = ForegroundSampler(in_memory(volume), (12, 12, 6))
    rng = np.random.default_rng(1)
    windows = [sampler.draw(rng, Window.whole(volume.shape))[0] for _ in range(20)]
    assert all(np.isfinite(volume[w.slices]).all() for w in windows)


def test_volume_is_read_once_however_many_windows_are_drawn(in_memory: Make) -> None:
    source = in_memory(body_in_air())
    sampler = ForegroundSampler(source, (12, 12, 6))
    rng = np.random.default_rng(1)
    sampler.draw(rng, source.extent)
    reads = source.reads
    for _ in range(20):
        sampler.draw(rng, source.extent)
    assert source.reads == reads


def test_map_of_a_large_volume_is_thinned(in_memory: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srkit_medical.patches.MAP_SAMPLES", 3000)
    volume = body_in_air()
    sampler = ForegroundSampler(in_memory(volume), (12, 12, 6))
    rng = np.random.default_rng(1)
    windows = [sampler.draw(rng, Window.whole(volume.shape))[0] for _ in range(20)]
    assert np.mean([(volume[w.slices] > 500).any() for w in windows]) > 0.9


def test_region_smaller_than_a_window_is_refused(in_memory: Make) -> None:
    sampler = ForegroundSampler(in_memory(body_in_air()), (12, 12, 6))
    with pytest.raises(RecipeError, match="smaller patch"):
        sampler.draw(np.random.default_rng(0), Window((0, 0, 0), (60, 60, 5)))
