import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from srkit.evaluation.cutoff import cutoff


def field(shape, seed=0):
    """Return ``(1, *shape)`` whose power falls with the square of the frequency, as photographs' does."""
    frequency = np.sqrt(sum(f**2 for f in np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij")))
    frequency.flat[0] = 1
    noise = np.fft.fftn(np.random.default_rng(seed).normal(size=shape))
    return np.fft.ifftn(noise / frequency ** (0.5 + len(shape) / 2)).real[None]


def enlarged(lr, factor, mode):
    size = tuple(n * factor for n in lr.shape[1:])
    return F.interpolate(torch.from_numpy(lr)[None], size=size, mode=mode)[0].numpy()


@pytest.mark.parametrize("seed", range(5))
def test_an_image_of_full_detail_reaches_its_own_nyquist_frequency(seed):
    assert cutoff(field((256, 300), seed), (2, 2)) == 2
    assert cutoff(field((512, 512), seed), (4, 4)) == 4


@pytest.mark.parametrize("factor", [2, 4])
def test_interpolation_reaches_little_further_than_its_input(factor):
    lr = field((160, 161))
    assert 0.8 < cutoff(enlarged(lr, factor, "bicubic"), (factor, factor)) < 1.4


def test_detail_up_to_a_frequency_is_found_there():
    hr = field((512, 512))
    spectrum = np.fft.fft2(hr)
    rows, columns = np.meshgrid(np.fft.fftfreq(512), np.fft.fftfreq(512), indexing="ij")
    spectrum[:, np.maximum(abs(rows), abs(columns)) > 0.35] = 0
    assert cutoff(np.fft.ifft2(spectrum).real, (2, 2)) == pytest.approx(0.35 / 0.25, rel=0.08)


def test_level_and_contrast_do_not_matter():
    values = enlarged(field((128, 128)), 2, "bicubic")
    assert cutoff(values * 7 - 300, (2, 2)) == pytest.approx(cutoff(values, (2, 2)))


def test_only_enlarged_axes_count():
    volume = enlarged(field((128, 128)), 2, "bicubic").repeat(2, axis=0)[None]
    blurred = cutoff(volume, (1, 2, 2))
    assert blurred < 1.4
    assert cutoff(volume, (1, 2, 1)) == pytest.approx(blurred, rel=0.2)


def test_invalid_samples_do_not_make_detail():
    values = enlarged(field((160, 160)), 2, "bicubic")
    valid = np.ones(values.shape, bool)
    valid[:, 100:140, 60:200] = False
    spoiled = np.where(valid, values, 1e6)
    assert cutoff(spoiled, (2, 2), valid=valid) == pytest.approx(cutoff(values, (2, 2)), rel=0.1)
    assert math.isnan(cutoff(values, (2, 2), valid=np.zeros_like(valid)))


def test_what_has_no_law_has_no_figure():
    assert math.isnan(cutoff(np.zeros((1, 256, 256)), (2, 2)))
    assert math.isnan(cutoff(field((16, 16)), (2, 2)))
    assert math.isnan(cutoff(field((256, 256)), (1, 1)))
