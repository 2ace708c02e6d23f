"""The loss sees a lattice of the enlargement's period, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from srkit.errors import RecipeError
from srkit.losses.checkerboard import CheckerboardLoss


def lattice(height: float, *shape: int, period: int = 4) -> Tensor:
    """A bright sample among dark ones, once in each cell."""
    cell = torch.zeros(period, period)
    cell[1, 2] = height
    return cell.repeat(shape[0] // period, shape[1] // period)[None, None]


def test_it_is_the_mean_deviation_of_the_places_below_an_lr_sample() -> None:
    hr = torch.rand(1, 1, 32, 64, generator=torch.Generator().manual_seed(0))
    expected = (1.5 * 15 / 16 + 15 * 1.5 / 16) / 16
    assert float(CheckerboardLoss()(hr + lattice(1.5, 32, 64), hr)) == pytest.approx(expected, rel=1e-4)


def test_levels_and_what_has_another_period_cost_nothing() -> None:
    hr = torch.zeros(1, 1, 64, 64)
    assert float(CheckerboardLoss()(hr + 0.7, hr)) == pytest.approx(0, abs=1e-7)
    stripes = (torch.arange(64) // 4 % 2).float().expand(64, -1)[None, None]
    assert float(CheckerboardLoss()(stripes, hr)) == pytest.approx(0, abs=1e-7)


def test_patterns_that_differ_from_place_to_place_are_seen_too() -> None:
    hr, sr = torch.zeros(1, 1, 32, 64), lattice(1.0, 32, 64)
    sr[..., 32:] *= -1  # averaged over the whole image nothing would be left
    assert float(CheckerboardLoss()(sr, hr)) > 0.05


def test_patches_below_a_window_and_volumes_with_a_period_per_axis_do() -> None:
    assert float(CheckerboardLoss()(lattice(1.0, 12, 20), torch.zeros(1, 1, 12, 20))) > 0.05
    sr = torch.zeros(1, 1, 6, 6, 16)
    sr[..., ::4] = 1
    assert float(CheckerboardLoss(period=[1, 1, 4])(sr, torch.zeros_like(sr))) == pytest.approx(6 / 16)
    with pytest.raises(RecipeError, match="one for each of 3 axes"):
        CheckerboardLoss(period=[4, 4])(sr, sr)


def test_its_gradient_takes_the_lattice_away() -> None:
    hr, loss = torch.zeros(1, 1, 32, 32), CheckerboardLoss()
    sr = lattice(0.5, 32, 32).requires_grad_()
    before = float(loss(sr.detach(), hr))
    optimizer = torch.optim.SGD([sr], lr=8.0)
    for _ in range(200):
        optimizer.zero_grad()
        loss(sr, hr).backward()
        optimizer.step()
    assert float(loss(sr.detach(), hr)) < 0.1 * before


@pytest.mark.parametrize("wrong", [{"period": 0}, {"window": 0}, {"period": [4, 0]}])
def test_what_is_not_above_zero_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match=r"period|window"):
        CheckerboardLoss(**wrong)
