"""Held-out patches, measured and shown."""

import numpy as np
import pytest

from srkit.data.pairs import Pair
from srkit.training.observing.samples import sample_row
from srkit.training.observing.validation import HeldOut, figures


class Identity:
    """A normaliser that changes nothing."""

    def normalise(self, values):
        return values.astype(np.float32)

    def denormalise(self, sr, interpolated):
        return sr


def held_out(lr, hr, valid=None):
    return HeldOut(0, Pair(lr, hr, valid), Identity(), 1.0, (2, 2))


def test_figures_are_those_of_skimage_over_the_patches_of_an_item(toy_plugins):
    from srkit import plugins as verbs

    rng = np.random.default_rng(0)
    patches = [held_out(rng.random((1, 8, 8)), rng.random((1, 16, 16))) for _ in range(2)]
    known = {"psnr": verbs.metrics(toy_plugins)["psnr"]}
    found = figures(patches, lambda patch: patch.interpolated("nearest"), known)
    errors = [patch.interpolated("nearest") - patch.pair.hr for patch in patches]
    assert found["psnr"] == pytest.approx(-10 * np.log10(np.mean(np.square(errors))))


def test_a_sample_shows_lr_interpolated_sr_hr_and_the_error_side_by_side():
    hr = np.linspace(0, 1, 64).reshape(1, 8, 8)
    row = sample_row(held_out(hr[:, ::2, ::2], hr), hr)
    assert row.shape == (8, 5 * 8 + 4 * 4, 3)
    np.testing.assert_array_equal(row[:, 24:32], row[:, 36:44])
    assert not row[:, 48:].any()
    off = sample_row(held_out(hr[:, ::2, ::2], hr), hr + 0.1)
    assert np.abs(off[:, 48:] - 0.5 * 255).max() <= 2
    np.testing.assert_array_equal(row[::2, 0:8:2], row[1::2, 1:8:2])
