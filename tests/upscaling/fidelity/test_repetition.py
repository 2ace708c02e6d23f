"""Classes and validity of a finished output are the input's, repeated; NumPy's `repeat` decides."""

import numpy as np
import pytest

from srkit import ArraySource, Channel
from srkit.upscaling.fidelity.repetition import repeated

CODES = {"classes": "C", "validity": "V", "radiometric": "R"}
CHANNELS = (Channel("grey"), Channel("classes", "category"))
FACTORS = (2, 3)


@pytest.fixture
def values():
    values = np.random.default_rng(3).integers(1, 9, (2, 5, 7)).astype(np.float32)
    values[:, 4, 6] = np.nan
    return values


def found(values, output):
    source, made = (ArraySource(array, channels=CHANNELS) for array in (values, output))
    wrong, passed = repeated(source, made, FACTORS, CODES)
    assert {finding.code for finding in wrong}.isdisjoint(code for code, _ in passed)
    return {finding.code: finding.text for finding in wrong}, {code for code, _ in passed}


@pytest.fixture
def output(values):
    return values.repeat(2, axis=1).repeat(3, axis=2)


def test_repeated_samples_pass(values, output):
    assert found(values, output) == ({}, {"C", "V"})


def test_grey_values_may_differ(values, output):
    output[0] += 1
    assert found(values, output) == ({}, {"C", "V"})


def test_one_other_class_is_counted(values, output):
    output[1, 9, 0] += 1
    wrong, passed = found(values, output)
    assert passed == {"V"}
    assert wrong["C"].startswith("1 samples")


@pytest.mark.parametrize(("place", "value"), [((0, 9, 20), 5), ((0, 0, 0), np.nan)], ids=["filled", "lost"])
def test_one_sample_that_is_valid_in_one_alone_is_counted(values, output, place, value):
    output[place] = value
    wrong, passed = found(values, output)
    assert passed == {"C"}
    assert wrong["V"].startswith("1 samples")


def test_what_a_domain_gives_no_number_is_not_compared(values, output):
    output[1] += 1
    assert repeated(*(ArraySource(a, channels=CHANNELS) for a in (values, output)), FACTORS, {}) == ([], ())
