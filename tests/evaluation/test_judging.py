import numpy as np
import pytest

from srkit.arrays import ArraySource
from srkit.domain import Metric
from srkit.evaluation.judging import Judge, Terms
from srkit.evaluation.reference import make_reference
from srkit.grid import Scale

AREA = [{"name": "area"}]


@pytest.fixture
def columns_first():
    """A volume whose file has columns first and slices last, as NIfTI mostly does."""
    values = np.random.default_rng(0).integers(0, 1000, (1, 12, 10, 4)).astype("uint16")
    return ArraySource(values, roles={"column": 0, "row": 1, "slice": 2}, valid=values > 9)


def test_metrics_get_slices_rows_and_columns_in_this_order(columns_first, toy_plugins):
    reference = make_reference(toy_plugins, columns_first, domain="toy", scale=Scale(2, 2), degradation=AREA)
    seen = []
    metric = Metric("kept", lambda sr, hr, valid, data_range: seen.append((sr, hr, valid)) or 0.0)
    judge = Judge(reference, reference.valid, None, Terms(Scale(2, 2), AREA, {"kept": metric}))
    judge.figures(reference.hr + 1, None)
    [(sr, hr, valid)] = seen
    assert hr.shape == (1, 4, 10, 12)
    np.testing.assert_array_equal(hr, reference.hr.transpose(0, 3, 2, 1))
    np.testing.assert_array_equal(sr, hr + 1)
    np.testing.assert_array_equal(valid, hr > 9)
