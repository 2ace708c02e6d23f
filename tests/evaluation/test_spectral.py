import math

import numpy as np
import pytest

from srkit.evaluation.spectral import ergas, sam


def test_the_angle_between_spectra_is_in_degrees():
    hr = np.zeros((2, 1, 2))
    hr[0] = 1
    sr = hr.copy()
    sr[:, 0, 1] = [1, 1]
    assert sam(sr, hr) == pytest.approx((0 + 45) / 2)
    assert sam(7 * hr, hr) == 0


def test_dark_and_invalid_pixels_have_no_angle():
    hr, sr = np.ones((3, 1, 3)), np.ones((3, 1, 3))
    hr[:, 0, 0] = 0
    sr[:, 0, 1] = [1, 0, 0]
    valid = np.ones((3, 1, 3), bool)
    valid[2, 0, 1] = False
    assert sam(sr, hr, valid=valid) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("bands", [0, 1])
def test_one_band_has_no_angle(bands):
    hr = np.full((2, 1, 1), float(bands))[: 1 + bands]
    assert math.isnan(sam(hr[:1], hr[:1]))


def test_ergas_is_walds_formula():
    rng = np.random.default_rng(0)
    hr = rng.uniform(10, 20, (4, 9, 8))
    sr = hr + rng.normal(0, 1, hr.shape)
    rmse = np.sqrt(((sr - hr) ** 2).mean(axis=(1, 2)))
    expected = 100 * (10 / 40) * np.sqrt(((rmse / hr.mean(axis=(1, 2))) ** 2).mean())
    assert ergas(sr, hr, scale=4) == pytest.approx(expected)
    assert ergas(hr, hr, scale=4) == 0


def test_ergas_counts_valid_samples_only():
    hr, sr = np.ones((2, 2, 4)), np.ones((2, 2, 4))
    sr[..., 3] = 99
    valid = np.ones((1, 2, 4), bool)
    valid[..., 3] = False
    assert ergas(sr, hr, scale=2, valid=valid) == 0


def test_ergas_of_a_band_without_brightness_is_no_number():
    assert math.isnan(ergas(np.ones((2, 2, 2)), np.zeros((2, 2, 2)), scale=2))
    assert math.isnan(ergas(np.ones((1, 2, 2)), np.ones((1, 2, 2)), scale=2))
