import numpy as np
import pytest
from scipy import stats

from srkit.evaluation.statistics import by_subject, interval, summary
from srkit.evaluation.table import EvaluationRow, EvaluationTable


def test_a_subject_counts_once_however_often_it_was_scanned():
    values, subjects = [30.0, 32.0, 34.0, 20.0, np.inf], ["a", "a", "a", "b", "c"]
    found = summary(values, subjects, higher_is_better=True)
    assert by_subject(values, subjects).tolist() == [32.0, 20.0]
    assert (found["mean"], found["median"], found["worst"]) == (26.0, 26.0, 20.0)
    assert found["sd"] == pytest.approx(np.std([32, 20], ddof=1))
    assert (found["subjects"], found["items"]) == (2, 4)
    assert summary(values, subjects, higher_is_better=False)["worst"] == 32.0


def test_the_interval_is_that_of_scipys_bootstrap():
    values = np.random.default_rng(3).gamma(4, 2, 15)
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000, random_state=np.random.default_rng(1)
    ).confidence_interval
    assert interval(values) == pytest.approx((expected.low, expected.high), rel=0.02)
    assert interval(values) == interval(values)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(8)
    hits = sum(low <= 5 <= high for low, high in (interval(rng.normal(5, 1, 30)) for _ in range(200)))
    assert 175 <= hits <= 199


@pytest.mark.parametrize("values", [[], [np.nan]])
def test_nothing_finite_is_no_number(values):
    found = summary(values, ["a"] * len(values), higher_is_better=True)
    assert np.isnan(found["mean"])
    assert found["subjects"] == found["items"] == 0


def test_one_subject_has_no_interval_in_the_table():
    rows = tuple(EvaluationRow(f"{n}.nii", "m", {"psnr": 30.0 + n}, 1.0, subject="1") for n in range(2))
    content = EvaluationTable("2", ("m",), rows, higher_is_better={"psnr": True}).as_dict()
    assert content["summary"]["m"]["psnr"]["low"] is None
    assert content["summary"]["m"]["psnr"]["mean"] == 30.5
    assert [row["subject"] for row in content["rows"]] == ["1", "1"]
