import math

import numpy as np
import pytest
import torch

from srkit.evaluation.metrics import ssim
from srkit.evaluation.multiscale import WEIGHTS, ms_ssim


def noisy_pair(shape, seed=0):
    rng = np.random.default_rng(seed)
    hr = rng.normal(500, 200, shape)
    return hr + rng.normal(0, 60, shape), hr


@pytest.mark.parametrize(("shape", "ndim"), [((1, 181, 200), 2), ((1, 176, 176, 177), 3)])
def test_ms_ssim_equals_monais(shape, ndim):
    metrics = pytest.importorskip("monai.metrics")
    sr, hr = (values - 500 for values in noisy_pair(shape))  # around 0: MONAI computes in float32
    judge = metrics.MultiScaleSSIMMetric(spatial_dims=ndim, data_range=2000.0)
    expected = judge(torch.from_numpy(sr)[None], torch.from_numpy(hr)[None])
    assert ms_ssim(sr, hr, data_range=2000) == pytest.approx(float(expected), abs=1e-6)


def test_equal_images_have_1_and_short_ones_none():
    _, hr = noisy_pair((2, 176, 176))
    assert ms_ssim(hr, hr, data_range=1000) == pytest.approx(1)
    assert math.isnan(ms_ssim(hr[:, :175], hr[:, :175], data_range=1000))


def test_the_weights_add_up_to_1():
    assert sum(WEIGHTS) == pytest.approx(1, abs=2e-4)


def test_invalid_samples_change_nothing():
    sr, hr = noisy_pair((1, 192, 400))
    valid = np.ones((1, 192, 400), bool)
    valid[..., 192:] = False
    spoiled = sr.copy()
    spoiled[..., 192:] = 1e6
    expected = ms_ssim(sr[..., :192], hr[..., :192], data_range=1000)
    assert ms_ssim(spoiled, hr, data_range=1000, valid=valid) == pytest.approx(expected, abs=1e-12)


def test_more_blur_is_worse():
    _, hr = noisy_pair((1, 176, 176))
    blurred = (hr + np.roll(hr, 1, axis=1)) / 2
    assert ms_ssim(blurred, hr, data_range=1000) < ms_ssim((3 * hr + blurred) / 4, hr, data_range=1000) < 1
    assert ssim(blurred, hr, data_range=1000) < 1
