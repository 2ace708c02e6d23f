import math

import numpy as np
import pytest
from scipy import ndimage

from srkit.arrays import ArraySource
from srkit.evaluation.detail import Detail
from srkit.evaluation.reference import make_reference
from srkit.grid import Scale

BLUR = [{"name": "gaussian", "sigma": 0.45}]
TWO = Scale(2, 2)


@pytest.fixture
def pair(toy_plugins):
    """Return a function that degrades an image of waves and noise: stored as float, so that nothing is rounded."""

    def made(shape=(1, 64, 56), valid=None, degradation=BLUR):
        rng = np.random.default_rng(0)
        hr = 500 + 100 * ndimage.gaussian_filter(rng.normal(size=shape), (0,) * (len(shape) - 2) + (0.7, 0.7)) * 3
        source = ArraySource(hr.astype(np.float32), valid=valid)
        return make_reference(toy_plugins, source, domain="toy", scale=TWO, degradation=degradation)

    return made


def detail(plugins, reference, degradation=BLUR):
    return Detail.of(plugins, "toy", reference, TWO, degradation)


def interpolated(reference):
    lr = reference.seen(reference.hr)
    return np.stack([ndimage.zoom(band, 2, order=3, mode="reflect", grid_mode=True) for band in lr])


def test_hr_itself_has_everything_right_and_adds_nothing(pair, toy_plugins):
    reference = pair()
    found = detail(toy_plugins, reference).figures(reference.hr)
    assert found == pytest.approx({"unsupported": 0, "added": 0}, abs=1e-6)


def test_the_linear_reconstruction_has_none_of_it_and_adds_next_to_nothing(pair, toy_plugins):
    reference = pair()
    measured = detail(toy_plugins, reference)
    plain = reference.hr - measured.hr
    found = measured.figures(plain)
    assert found["unsupported"] == pytest.approx(1, abs=0.15)
    assert found["added"] < 0.05


def test_made_up_detail_is_an_error_and_added_energy(pair, toy_plugins):
    reference = pair()
    measured = detail(toy_plugins, reference)
    plain = reference.hr - measured.hr
    made_up = plain + np.roll(measured.hr, (17, 11), axis=(1, 2))  # as strong as the truth, and elsewhere
    found = measured.figures(made_up)
    assert found["unsupported"] == pytest.approx(math.sqrt(2), abs=0.2)
    assert found["added"] > 5 * measured.figures(plain)["added"]
    stronger = measured.figures(plain + 2 * np.roll(measured.hr, (17, 11), axis=(1, 2)))
    assert stronger["added"] > 2 * found["added"]


def test_what_the_input_supports_does_not_count(pair, toy_plugins):
    reference = pair()
    measured = detail(toy_plugins, reference)
    rows = np.cos(2 * np.pi * np.arange(64) / 32)[None, :, None]  # far below LR's limit
    found = measured.figures(reference.hr + 20 * rows)
    assert found["unsupported"] < 0.05
    assert np.sqrt(np.mean((20 * rows) ** 2)) > 0.1 * measured.hr.std()


def test_half_of_the_true_detail_is_half_the_error(pair, toy_plugins):
    reference = pair()
    measured = detail(toy_plugins, reference)
    found = measured.figures(reference.hr - 0.5 * measured.hr)
    assert found["unsupported"] == pytest.approx(0.5, abs=0.1)


def test_invalid_samples_have_no_say(pair, toy_plugins):
    valid = np.ones((1, 64, 56), bool)
    valid[:, 20:30, 20:30] = False
    reference = pair(valid=valid)
    measured = detail(toy_plugins, reference)
    spoiled = np.where(valid, reference.hr, 1e6)
    assert measured.figures(spoiled) == pytest.approx({"unsupported": 0, "added": 0}, abs=1e-6)


def test_volumes_and_bands_are_measured_as_well(pair, toy_plugins):
    for shape, degradation in (((1, 3, 32, 32), BLUR), ((2, 32, 32), [{"name": "gaussian", "sigma": [0.3, 0.6]}])):
        reference = pair(shape, degradation=degradation)
        measured = detail(toy_plugins, reference, degradation)
        assert measured.figures(reference.hr)["unsupported"] == pytest.approx(0, abs=1e-6)
        assert measured.figures(interpolated(reference) if len(shape) == 3 else reference.hr * 0.5)["unsupported"] > 0.3


def test_a_flat_image_has_no_detail_to_compare(toy_plugins):
    source = ArraySource(np.full((1, 32, 32), 7, np.uint8))
    reference = make_reference(toy_plugins, source, domain="toy", scale=TWO, degradation=BLUR)
    found = detail(toy_plugins, reference).figures(reference.hr)
    assert all(math.isnan(value) for value in found.values())
