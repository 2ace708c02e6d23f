import math

import numpy as np
import pytest
import torch
from scipy import ndimage, special

from srkit.degrade import apply, margin, parse
from srkit.degrade.blur import Blur
from srkit.errors import RecipeError

EVERY = [
    {"kind": "gaussian", "sigma": 1.3, "sigma_across": 2.5, "angle": 30.0},
    {"kind": "generalised", "sigma": 2.0, "sigma_across": 0.8, "angle": -70.0, "beta": 0.7},
    {"kind": "plateau", "sigma": 1.7, "beta": 1.6},
    {"kind": "sinc", "cutoff": 1.9},
]


def distances(size):
    along = np.arange(size) - size // 2
    return np.meshgrid(along, along, indexing="ij")


@pytest.mark.parametrize("parameters", EVERY[:3])
def test_bells_follow_the_formula_of_the_covariance(parameters):
    turn, sigma = math.radians(parameters.get("angle", 0)), parameters["sigma"]
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    spread = np.diag([sigma**2, parameters.get("sigma_across", sigma) ** 2])
    inverse = np.linalg.inv(rotation @ spread @ rotation.T)  # of (x, y), as basicsr has it
    y, x = distances(21)
    square = np.einsum("...i,ij,...j->...", np.stack([x, y], -1), inverse, np.stack([x, y], -1))
    beta = parameters.get("beta", 1.0)
    judge = 1 / (square**beta + 1) if parameters["kind"] == "plateau" else np.exp(-0.5 * square**beta)
    np.testing.assert_allclose(Blur(**parameters).kernel(), judge / judge.sum(), rtol=1e-9)


def test_the_sinc_is_the_circular_low_pass_of_its_cutoff():
    y, x = distances(13)
    radius = np.hypot(x, y)
    with np.errstate(invalid="ignore"):
        judge = 1.9 * special.j1(1.9 * radius) / (2 * np.pi * radius)
    judge[6, 6] = 1.9**2 / (4 * np.pi)
    np.testing.assert_allclose(Blur("sinc", cutoff=1.9, size=13).kernel(), judge / judge.sum(), rtol=1e-6)
    response = np.abs(np.fft.fft2(Blur("sinc", cutoff=1.9, size=101).kernel().numpy()))
    omega = 2 * np.pi * np.hypot(*np.meshgrid(np.fft.fftfreq(101), np.fft.fftfreq(101)))
    assert response[omega < 1.6] == pytest.approx(1, abs=0.1)
    assert response[omega > 2.2].max() < 0.1


@pytest.mark.parametrize("parameters", EVERY)
def test_values_are_filtered_as_scipy_does_it_up_to_the_border(parameters):
    hr = torch.rand(2, 3, 24, 20, dtype=torch.double)
    blurred = apply(hr, parse([{"name": "blur", **parameters, "size": 9}]), (1, 1))
    kernel = Blur(**parameters, size=9).kernel().numpy()
    for sample in range(2):
        for channel in range(3):
            judge = ndimage.correlate(hr[sample, channel].numpy(), kernel, mode="nearest")
            np.testing.assert_allclose(blurred[sample, channel], judge, rtol=1e-9)


def test_a_volume_is_blurred_slice_by_slice():
    hr = torch.rand(1, 2, 3, 16, 16)
    chain = parse([{"name": "blur", "sigma": 1.5, "size": 7}])
    blurred = apply(hr, chain, (1, 1, 1))
    for plane in range(3):
        torch.testing.assert_close(blurred[:, :, plane], apply(hr[:, :, plane], chain, (1, 1)))
    assert margin(chain, (1, 1, 1)) == (0, 3, 3)


@pytest.mark.parametrize("size", [0, 4, 2.5])
def test_a_kernel_has_an_odd_number_of_samples(size):
    with pytest.raises(RecipeError, match="odd number"):
        parse([{"name": "blur", "size": size}])
