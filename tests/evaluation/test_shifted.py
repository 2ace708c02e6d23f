import math

import numpy as np
import pytest

from srkit.evaluation.metrics import psnr
from srkit.evaluation.shifted import cpsnr


def images(shape=(1, 30, 26)):
    rng = np.random.default_rng(0)
    hr = rng.uniform(0, 1000, shape)
    return hr + rng.normal(0, 30, shape), hr


def papers(sr, hr, valid):
    """The formula of the challenge, shift by shift and for one band."""
    best = -math.inf
    rows, columns = sr.shape
    inner = sr[3 : rows - 3, 3 : columns - 3]
    for u in range(7):
        for v in range(7):
            part = hr[u : u + rows - 6, v : v + columns - 6]
            clear = valid[u : u + rows - 6, v : v + columns - 6]
            bias = (part - inner)[clear].sum() / clear.sum()
            error = ((part - (inner + bias))[clear] ** 2).sum() / clear.sum()
            best = max(best, -10 * math.log10(error / 1000**2))
    return best


@pytest.mark.parametrize("holes", [False, True])
def test_it_is_the_challenges_formula(holes):
    sr, hr = images()
    valid = np.ones(hr.shape, bool)
    if holes:
        valid[0, 4:11, 8:20] = False
    expected = papers(sr[0], hr[0], valid[0])
    assert cpsnr(sr, hr, data_range=1000, valid=valid) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-1, 3)])
def test_a_shift_and_an_offset_of_each_band_cost_nothing(shift):
    _, hr = images((3, 40, 40))
    sr = np.roll(hr, shift, axis=(1, 2)) + np.array([5.0, -70.0, 0.0])[:, None, None]
    assert cpsnr(sr, hr, data_range=1000) > 200
    assert psnr(sr, hr, data_range=1000) < 30


def test_a_shift_that_is_too_far_costs():
    _, hr = images((1, 40, 40))
    assert cpsnr(np.roll(hr, 4, axis=1), hr, data_range=1000) < 20


def test_what_lies_under_invalid_samples_has_no_say():
    sr, hr = images()
    valid = np.ones((1, 30, 26), bool)
    valid[0, 12:15, 12:15] = False
    garbage = np.where(valid, hr, 1e9)
    assert cpsnr(sr, garbage, data_range=1000, valid=valid) == cpsnr(sr, hr, data_range=1000, valid=valid)


def test_small_and_invalid_images_have_no_figure():
    assert math.isnan(cpsnr(np.ones((1, 6, 40)), np.ones((1, 6, 40)), data_range=1))
    assert math.isnan(
        cpsnr(np.ones((1, 20, 20)), np.ones((1, 20, 20)), data_range=1, valid=np.zeros((1, 20, 20), bool))
    )
