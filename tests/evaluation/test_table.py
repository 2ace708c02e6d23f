"""A table as plain values and back."""

import json
import math

from srkit.evaluation import EvaluationRow, EvaluationTable
from srkit.evaluation.table import SkippedItem


def test_a_table_is_read_back_from_its_json() -> None:
    rows = (
        EvaluationRow(
            "a", "m", {"psnr": 30.5, "sam": 1.0}, 255.0, {"red": {"psnr": 31.0}}, ({"name": "area"},), {"l1": 0.5},
            trained_on=True, subject="s1",
        ),
        EvaluationRow("b", "m", {"psnr": 29.0, "sam": 2.0}, 128.0),
    )  # fmt: skip
    better = {"psnr": True, "sam": False}
    table = EvaluationTable("2", ("m",), rows, (SkippedItem("c", "broken"),), ({"name": "area"},), "a note", better)
    found = EvaluationTable.from_dict(json.loads(table.to_json()))
    assert found == table
    assert found.summary("m", "sam")["worst"] == 2.0


def test_what_is_no_number_comes_back_as_nan() -> None:
    table = EvaluationTable("2", ("m",), (EvaluationRow("a", "m", {"psnr": math.inf}, 1.0),))
    found = EvaluationTable.from_dict(json.loads(table.to_json()))
    assert math.isnan(found.rows[0].metrics["psnr"])
    assert found.degradation == ()
