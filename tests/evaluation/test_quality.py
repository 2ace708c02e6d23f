import math

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from srkit.evaluation.metrics import bias
from srkit.evaluation.quality import uiqi


def images(shape=(3, 40, 50), level=100.0):
    rng = np.random.default_rng(0)
    hr = rng.normal(level, 10, shape)
    return hr + rng.normal(0, 4, shape), hr


@pytest.mark.parametrize("level", [100.0, 1e5])
def test_the_index_is_similarity_without_constants(level):
    """scikit-image's SSIM with K1 = K2 = 0 and a uniform window is the same formula."""
    sr, hr = images(level=level)
    full = [
        structural_similarity(x, y, data_range=1, win_size=7, K1=0, K2=0, use_sample_covariance=False, full=True)[1]
        for x, y in zip(sr, hr, strict=True)
    ]
    expected = np.mean([f[3:-3, 3:-3].mean() for f in full])
    assert uiqi(sr, hr, window=7) == pytest.approx(expected, rel=1e-6)


def test_the_index_is_the_papers_formula_window_by_window():
    sr, hr = images((1, 12, 11))
    found = []
    for i in range(5):
        for j in range(4):
            x, y = sr[0, i : i + 8, j : j + 8].ravel(), hr[0, i : i + 8, j : j + 8].ravel()
            covariance = np.cov(x, y)  # the paper's sample covariance
            numerator = 4 * covariance[0, 1] * x.mean() * y.mean()
            found.append(numerator / ((covariance[0, 0] + covariance[1, 1]) * (x.mean() ** 2 + y.mean() ** 2)))
    assert uiqi(sr, hr) == pytest.approx(np.mean(found), rel=1e-9)


def test_flat_windows_compare_by_their_means():
    ones = np.ones((1, 16, 16))
    assert uiqi(ones, ones) == 1
    assert uiqi(0 * ones, 0 * ones) == 1
    assert uiqi(2 * ones, ones) == pytest.approx(2 * 2 / (4 + 1))
    assert uiqi(0.1 * ones, 0.3 * ones) == pytest.approx(2 * 0.03 / 0.1)


def test_windows_that_touch_invalid_samples_do_not_count():
    sr, hr = images()
    valid = np.ones((1, 40, 50), bool)
    valid[:, :, 20:] = False
    sr[:, :, 20:] = 1e9
    assert uiqi(sr, hr, valid=valid) == pytest.approx(uiqi(sr[:, :, :20], hr[:, :, :20]))
    assert math.isnan(uiqi(sr, hr, valid=np.zeros_like(valid)))
    assert math.isnan(uiqi(sr[:, :5, :5], hr[:, :5, :5]))


def test_bias_is_that_of_each_channel_so_that_none_hides_another():
    hr = np.zeros((2, 4, 4))
    sr = hr + np.array([3.0, -1.0])[:, None, None]
    assert bias(sr, hr) == 2
    valid = np.ones((2, 4, 4), bool)
    valid[1] = False
    assert bias(sr, hr, valid=valid) == 3
    assert math.isnan(bias(sr, hr, valid=np.zeros_like(valid)))
