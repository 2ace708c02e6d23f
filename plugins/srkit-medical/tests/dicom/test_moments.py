"""When a slice was acquired, told as DICOM tells dates and times."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.config import disable_value_validation
from srkit_medical.dicom.moments import delay_acquisition


@pytest.mark.parametrize(
    ("time", "delay_s", "expected"),
    [
        ("122458.102500", 1.45, "122459.552500"),
        ("1224", 0.5, "122400.500000"),
        ("12", 61, "120101.000000"),
        ("235959.9", 0.2, "000000.100000"),
        ("120000", 0.0, "120000"),
        ("noon", 1.0, "noon"),
        ("", 1.0, ""),
    ],
)
def test_a_time_moves_and_what_is_none_stays(time: str, delay_s: float, expected: str) -> None:
    dataset = Dataset()
    with disable_value_validation():
        dataset.AcquisitionTime = time
    delay_acquisition(dataset, delay_s)
    assert str(dataset.AcquisitionTime or "") == expected
    assert "AcquisitionDate" not in dataset


def test_midnight_moves_the_date_and_nothing_contradicts() -> None:
    dataset = Dataset()
    dataset.AcquisitionDate, dataset.AcquisitionTime = "20240228", "235959.5"
    dataset.AcquisitionDateTime = "20240228235959.5"
    delay_acquisition(dataset, 86400.75)
    assert (dataset.AcquisitionDate, dataset.AcquisitionTime) == ("20240301", "000000.250000")
    assert "AcquisitionDateTime" not in dataset
