from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from srkit import plugins as verbs
from srkit.errors import InputError, RecipeError
from srkit.grid import Window
from srkit.plugins import Plugins

Sources = Callable[..., Any]
REGION = Window((2, 4), (18, 20))


def test_windows_lie_inside_the_region_and_reach_all_of_it(plugins: Plugins, source: Sources) -> None:
    sampler = verbs.patches(plugins, "any", source(np.zeros((1, 24, 24))), (4, 6))
    rng = np.random.default_rng(0)
    windows = [sampler.draw(rng, REGION)[0] for _ in range(400)]
    assert all(REGION.contains(window) and window.shape == (4, 6) for window in windows)
    assert {w.start[0] for w in windows} == set(range(2, 15))
    assert {w.start[1] for w in windows} == set(range(4, 15))


def test_the_same_state_gives_the_same_windows(plugins: Plugins, source: Sources) -> None:
    sampler = verbs.patches(plugins, "any", source(*[np.zeros((1, 24, 24))] * 3), (4, 4))
    first, again = ([sampler.draw(rng, REGION) for _ in range(5)] for rng in map(np.random.default_rng, (7, 7)))
    assert first == again
    assert {frame for _, frame in first} <= {0, 1, 2}


def test_windows_with_invalid_samples_are_rejected(plugins: Plugins, source: Sources) -> None:
    valid = np.ones((1, 24, 24), bool)
    valid[0, :, 12] = False
    image = np.zeros((1, 24, 24))
    image[0, 9, :] = np.nan
    sampler = verbs.patches(plugins, "any", source(image, validity=valid), (3, 3))
    rng = np.random.default_rng(0)
    for _ in range(100):
        (row, column), _frame = sampler.draw(rng, REGION)[0].start, 0
        assert not row <= 9 < row + 3
        assert not column <= 12 < column + 3


def test_where_no_window_is_whole_the_best_one_found_is_taken(plugins: Plugins, source: Sources) -> None:
    valid = np.ones((1, 24, 24), bool)
    valid[0, ::3, :] = False
    window, _ = verbs.patches(plugins, "any", source(np.zeros((1, 24, 24)), validity=valid), (4, 4)).draw(
        np.random.default_rng(0), REGION
    )
    assert valid[(0, *window.slices)].mean() == 0.75


def test_an_empty_item_and_a_patch_larger_than_the_region_are_refused(plugins: Plugins, source: Sources) -> None:
    rng = np.random.default_rng(0)
    empty = source(np.full((1, 24, 24), np.nan))
    with pytest.raises(InputError, match="empty"):
        verbs.patches(plugins, "any", empty, (4, 4)).draw(rng, REGION)
    with pytest.raises(RecipeError, match="smaller patch"):
        verbs.patches(plugins, "any", source(np.zeros((1, 24, 24))), (17, 4)).draw(rng, REGION)
