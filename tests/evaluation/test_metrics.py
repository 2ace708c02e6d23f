import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit.errors import UsageError
from srkit.evaluation.metrics import mse, psnr, ssim

skimage = pytest.importorskip("skimage.metrics")


def noisy_pair(shape, seed=0):
    rng = np.random.default_rng(seed)
    hr = rng.normal(500, 200, shape).astype(np.float32)
    return (hr + rng.normal(0, 60, shape)).astype(np.float32), hr


@given(shape=st.sampled_from([(1, 11, 11), (1, 23, 17), (3, 16, 30), (1, 12, 13, 14), (2, 11, 15, 12)]))
@settings(max_examples=5, deadline=None)
def test_ssim_equals_scikit_image(shape):
    sr, hr = noisy_pair(shape)
    expected = skimage.structural_similarity(
        sr.astype(np.float64),
        hr.astype(np.float64),
        channel_axis=0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=2000,
    )
    assert ssim(sr, hr, data_range=2000) == pytest.approx(expected, abs=1e-6)


def test_psnr_and_mse_equal_scikit_image():
    sr, hr = noisy_pair((2, 9, 31))
    assert psnr(sr, hr, data_range=4095) == pytest.approx(
        skimage.peak_signal_noise_ratio(hr.astype(np.float64), sr.astype(np.float64), data_range=4095)
    )
    assert mse(sr, hr) == pytest.approx(skimage.mean_squared_error(hr, sr))


def test_a_volume_of_few_slices_is_judged_plane_by_plane():
    sr, hr = noisy_pair((1, 4, 20, 24))
    planes = [ssim(sr[:, i], hr[:, i], data_range=1000) for i in range(4)]
    assert ssim(sr, hr, data_range=1000) == pytest.approx(np.mean(planes), abs=1e-12)


def test_invalid_samples_change_nothing():
    sr, hr = noisy_pair((2, 40, 40))
    valid = np.ones((1, 40, 40), bool)
    valid[:, :, 30:] = False
    spoiled = sr.copy()
    spoiled[:, :, 30:] = 1e6
    assert psnr(spoiled, hr, data_range=1000, valid=valid) == psnr(sr[:, :, :30], hr[:, :, :30], data_range=1000)
    assert ssim(spoiled, hr, data_range=1000, valid=valid) == pytest.approx(
        ssim(sr[:, :, :30], hr[:, :, :30], data_range=1000), abs=1e-12
    )


def test_equal_images_have_infinite_psnr_and_similarity_one():
    _, hr = noisy_pair((1, 16, 16))
    assert psnr(hr, hr, data_range=1) == math.inf
    assert ssim(hr, hr, data_range=1) == pytest.approx(1)


def test_without_a_valid_sample_there_is_no_number():
    sr, hr = noisy_pair((1, 16, 16))
    nothing = np.zeros((1, 16, 16), bool)
    assert math.isnan(psnr(sr, hr, data_range=1, valid=nothing))
    assert math.isnan(ssim(sr, hr, data_range=1, valid=nothing))


def test_an_image_smaller_than_the_window_has_no_similarity():
    sr, hr = noisy_pair((1, 8, 8))
    assert math.isnan(ssim(sr, hr, data_range=1))


@pytest.mark.parametrize("data_range", [0, -1, math.nan, math.inf])
def test_a_range_that_is_no_positive_number_is_refused(data_range):
    sr, hr = noisy_pair((1, 16, 16))
    with pytest.raises(UsageError, match="data range"):
        psnr(sr, hr, data_range=data_range)


def test_shapes_that_differ_are_refused():
    with pytest.raises(UsageError, match="cannot be compared"):
        mse(np.zeros((1, 4, 4)), np.zeros((1, 4, 5)))
