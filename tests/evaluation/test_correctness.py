"""Outputs between LR and HR, on cases whose answer is known, and once against the reference's own arithmetic."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

import srkit
from srkit.arrays import ArraySource
from srkit.evaluation.correctness import FIGURES, correctness
from srkit.evaluation.reference import make_reference
from srkit.grid import Scale

ALL = 1 / (1 + 2 * math.exp(-4))  # the share of the nearest of three at distances 0, 1 and 1, and temperature 0.25


@pytest.fixture
def pair(toy_plugins):
    """Return a function that makes a pair of two bands of waves and noise, stored as float."""

    def made(shape=(2, 96, 88), valid=None):
        rng = np.random.default_rng(0)
        blur = (0,) * (len(shape) - 2) + (0.7, 0.7)
        hr = 500 + 300 * ndimage.gaussian_filter(rng.normal(size=shape), blur)
        source = ArraySource(hr.astype(np.float32), valid=valid)
        return make_reference(toy_plugins, source, domain="toy", scale=Scale(2, 2), degradation=None)

    return made


def between(reference):
    """Return LR on HR's grid, by another library's linear interpolation."""
    lr = reference.lr.read(srkit.Window.whole(reference.lr.grid.shape), 0).values
    return np.stack([ndimage.zoom(band, 2, order=1, mode="nearest", grid_mode=True) for band in lr])


def found(reference, sr, valid=None):
    return correctness(reference, sr.astype(np.float32), valid)


def test_hr_itself_is_improvement(pair):
    reference = pair()
    figures = found(reference, reference.hr)
    assert figures["improvement"] == pytest.approx(ALL, abs=1e-3)
    assert figures["omission"] == pytest.approx((1 - ALL) / 2, abs=1e-3)
    assert figures["hallucination"] == pytest.approx((1 - ALL) / 2, abs=1e-3)
    assert figures["synthesis"] == pytest.approx(
        np.abs(reference.hr - between(reference))[:, 16:-16, 16:-16].mean(), rel=1e-4
    )


def test_the_input_interpolated_is_omission_and_adds_nothing(pair):
    figures = found(pair(), between(pair()))
    assert figures["omission"] == pytest.approx(ALL, abs=1e-3)
    assert figures["synthesis"] == pytest.approx(0, abs=1e-3)


def test_what_is_far_from_both_is_hallucination(pair):
    reference = pair()
    figures = found(reference, reference.hr + 5000 * np.where(np.indices((96, 88)).sum(axis=0) % 2, 1, -0.05))
    assert figures["hallucination"] > 0.9
    assert figures["improvement"] < 0.05


def test_shares_are_whole_and_follow_how_much_is_right(pair):
    reference = pair()
    plain = between(reference)
    series = [found(reference, plain + share * (reference.hr - plain)) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert all(sum(figures[name] for name in list(FIGURES)[1:]) == pytest.approx(1) for figures in series)
    assert np.all(np.diff([figures["improvement"] for figures in series]) > 0)
    assert np.all(np.diff([figures["omission"] for figures in series]) < 0)
    assert np.all(np.diff([figures["synthesis"] for figures in series]) > 0)


def test_border_and_invalid_samples_do_not_count(pair):
    valid = np.ones((1, 96, 88), bool)
    valid[:, 30:50, 20:40] = False
    reference = pair(valid=valid)
    spoilt = reference.hr.copy()
    spoilt[:, 30:50, 20:40] = 9999
    spoilt[:, :16] = 9999
    spoilt[:, :, -16:] = 9999
    assert found(reference, spoilt, valid) == found(reference, reference.hr, valid)
    assert all(math.isnan(value) for value in found(reference, spoilt, np.zeros_like(valid)).values())


def test_slices_of_a_volume_keep_their_border(pair):
    reference = pair((1, 5, 48, 40))
    assert found(reference, reference.hr)["improvement"] == pytest.approx(ALL, abs=1e-3)


def test_shares_are_those_of_the_definition_sample_by_sample(pair):
    """Equations of opensr-test 1.3.3 (`tc_improvement`, `tc_omission`, `tc_hallucination`, softmin), once more."""
    reference = pair()
    sr = (reference.hr + np.random.default_rng(1).normal(0, 60, reference.hr.shape)).astype(np.float32)
    lr, sr_, hr = (
        torch.from_numpy(np.asarray(a, np.float64)[:, 16:-16, 16:-16]) for a in (between(reference), sr, reference.hr)
    )
    d_ref, d_im, d_om = (((a - b).abs() / (a + b).abs()).mean(0) for a, b in ((lr, hr), (sr_, hr), (sr_, lr)))
    quiet = d_ref.flatten().kthvalue(int(0.75 * d_ref.numel())).values
    seen = (d_ref > quiet) | (d_im > quiet) | (d_om > quiet)
    d_im, d_om = (d_im / d_ref)[seen], (d_om / d_ref)[seen]
    discount = torch.exp(-(d_im + d_om - 1) * 0.05)
    spaces = torch.stack([d_im + d_om * (1 - discount), d_om + d_im * (1 - discount), torch.exp(-d_im * d_om * 0.05)])
    wanted = torch.softmax(-spaces / 0.25, dim=0).mean(dim=1).tolist()
    figures = found(reference, sr)
    assert [figures[name] for name in list(FIGURES)[1:]] == pytest.approx(wanted, rel=1e-3)
