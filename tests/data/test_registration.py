"""How far images lie apart, judged by scikit-image and by shifts that are known."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from srkit.data.registration import correlation, displacement, linear_fit

RNG = np.random.default_rng(3)


def moved(image, shift):
    """Return a periodic image with its content moved by `shift`, exactly."""
    return np.fft.ifftn(ndimage.fourier_shift(np.fft.fftn(image), shift)).real


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (0.37, -0.62), (-7.25, 4.5), (0.01, 20.4)])
def test_known_displacements_of_an_image_are_found(shift):
    image = ndimage.gaussian_filter(RNG.normal(size=(64, 81)), 0.7, mode="wrap")
    assert displacement(image, moved(image, shift)) == pytest.approx(shift, abs=0.011)


def test_displacement_is_that_of_scikit_image():
    """On noisy images too, of even and odd sizes, flat and of three axes; theirs is the way back."""
    for shape, shift in [((48, 57), (1.3, -0.4)), ((15, 32, 21), (0.5, 2.2, -1.7))]:
        image = ndimage.gaussian_filter(RNG.normal(size=shape), 0.8, mode="wrap")
        other = moved(image, shift) + RNG.normal(scale=0.05, size=shape)
        theirs = phase_cross_correlation(image, other, upsample_factor=100)[0]
        assert displacement(image, other) == pytest.approx(tuple(-theirs), abs=0.0101)


def test_correlation_and_fit_are_those_of_numpy():
    x = RNG.normal(size=(40, 50)).astype(np.float32) * 300 + 5000
    y = 0.7 * x - 20 + RNG.normal(size=x.shape) * 9
    assert correlation(x, y) == pytest.approx(np.corrcoef(x.ravel(), y.ravel())[0, 1], abs=1e-9)
    assert linear_fit(x, y) == pytest.approx(np.polyfit(x.ravel().astype(float), y.ravel(), 1), rel=1e-6)


def test_a_constant_image_agrees_with_nothing():
    assert correlation(np.ones(9), np.arange(9)) == 0
    assert linear_fit(np.full(9, 3.0), np.full(9, 5.0)) == (1.0, 2.0)
