import math

import numpy as np
import pytest

from srkit.arrays import ArraySource
from srkit.evaluation import evaluate
from srkit.evaluation.agreement import agreement
from srkit.evaluation.reference import make_reference
from srkit.grid import Scale

AREA = [{"name": "area"}]


@pytest.fixture
def reference(toy_plugins):
    rng = np.random.default_rng(0)
    hr = rng.uniform(100, 1000, (2, 48, 40))

    def made(valid=None):
        source = ArraySource(hr, valid=valid)
        return make_reference(toy_plugins, source, domain="toy", scale=Scale(2, 2), degradation=AREA)

    return made


def test_hr_itself_agrees(reference):
    found = agreement(reference(), reference().hr)
    assert found == pytest.approx({"l1": 0, "angle": 0, "shift": 0}, abs=1e-6)


def test_a_level_is_a_difference_and_no_angle_where_it_is_a_factor(reference):
    pair = reference()
    found = agreement(pair, pair.hr * 1.25)
    means = pair.hr.reshape(2, 24, 2, 20, 2).mean(axis=(2, 4))
    assert found["l1"] == pytest.approx(0.25 * means.mean())
    assert found["angle"] == pytest.approx(0, abs=1e-6)
    assert found["shift"] == 0


def test_a_spectrum_that_turns_is_an_angle(reference):
    pair = reference()
    means = pair.hr.reshape(2, 24, 2, 20, 2).mean(axis=(2, 4))
    angle = np.degrees(np.abs(np.arctan2(means[0], means[1]) - np.arctan2(means[1], means[0])))
    assert agreement(pair, pair.hr[::-1])["angle"] == pytest.approx(angle.mean())


def test_a_displaced_output_is_told_in_lr_samples(reference):
    pair = reference()
    assert agreement(pair, np.roll(pair.hr, (4, -6), axis=(1, 2)))["shift"] == pytest.approx(math.hypot(2, 3), abs=0.02)


def test_invalid_samples_have_no_say(reference):
    valid = np.ones((1, 48, 40), bool)
    valid[:, 10:20, 8:16] = False
    pair = reference(valid)
    garbage = np.where(valid, pair.hr, 1e6)
    assert agreement(pair, garbage) == pytest.approx({"l1": 0, "angle": 0, "shift": 0}, abs=1e-6)


def test_every_row_of_an_evaluation_has_it(save_array, toy_plugins):
    table = evaluate(save_array("s_image"), degradation=AREA, plugins=toy_plugins).as_dict()
    found = {row["model"]: row["agreement"] for row in table["rows"]}
    assert set(found) == {"nearest", "bicubic", "bspline", "lanczos"}
    assert found["nearest"]["l1"] == 0  # repeated, then averaged
    assert found["bicubic"]["l1"] > 0
    assert all(row["shift"] <= 0.05 and row["angle"] is None for row in found.values())
