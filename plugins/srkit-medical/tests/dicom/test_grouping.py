"""Which slices make one volume, and what tells volumes at one place apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

Make = Callable[..., Path]
TURNED = [0.999, 0.0447101778, 0, -0.0447101778, 0.999, 0]

OTHERWISE = {
    "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.4", "FrameOfReferenceUID": "1.2.5",
    "PixelSpacing": [0.9, 0.7002], "ImageOrientationPatient": TURNED, "BitsStored": 12,
    "PhotometricInterpretation": "MONOCHROME1", "ImageType": ["ORIGINAL", "PRIMARY", "R", "ND"], "EchoTime": "33",
    "EchoNumbers": 2,
}  # fmt: skip
"""What slices of one MR volume have in common, and another value of each."""

OTHERWISE_IN_CT = {"ConvolutionKernel": "B70f", "ScanOptions": "PHASE 40"}


def half(keyword: str, value: object) -> Callable[[Dataset, int], None]:
    """Return an edit that gives every second slice another value of an element."""

    def edit(dataset: Dataset, k: int) -> None:
        dataset.FrameOfReferenceUID = "1.2.0"
        if k % 2:
            setattr(dataset, keyword, value)
            if keyword == "BitsStored":
                dataset.HighBit = int(str(value)) - 1

    return edit


@pytest.mark.parametrize("keyword", [*OTHERWISE, *OTHERWISE_IN_CT])
def test_slices_that_differ_in_kind_make_two_volumes(make: Make, items, keyword: str) -> None:
    kind = "CT" if keyword in OTHERWISE_IN_CT else "MR"
    folder = make(kind=kind, count=8, edit=half(keyword, {**OTHERWISE, **OTHERWISE_IN_CT}[keyword]))
    assert [len(item.paths) for item in items(folder)] == [4, 4]


@pytest.mark.parametrize("keyword", ["SeriesDescription", "ExposureTime", "SliceThickness", "WindowCenter"])
def test_slices_that_differ_in_words_make_one(make: Make, items, keyword: str) -> None:
    (item,) = items(make(count=8, edit=half(keyword, "3")))
    assert len(item.paths) == 8


TIMES = {
    "TemporalPositionIdentifier": (1, 2), "AcquisitionNumber": (7, 9), "TriggerTime": ("0", "431.5"),
    "DiffusionBValue": (0.0, 1000.0), "AcquisitionTime": ("101500", "101502.5"), "InstanceNumber": (1, 21),
}  # fmt: skip


@pytest.mark.parametrize("keyword", TIMES)
def test_volumes_at_one_place_are_told_apart(make: Make, opened, keyword: str) -> None:
    def twice(dataset: Dataset, k: int) -> None:
        for other in TIMES:
            dataset.pop(other, None)
        dataset.InstanceNumber = 1
        dataset.ImagePositionPatient = [0, 0, 4 * (k // 2)]
        value = TIMES[keyword][k % 2]
        setattr(dataset, keyword, value + k // 2 if keyword == "InstanceNumber" else value)
        dataset.PixelData = np.full((64, 64), 100 * (k % 2) + k // 2, dtype="<i2").tobytes()

    source = opened(make(count=10, edit=twice, names=lambda k: f"{(7 * k) % 10}"))
    assert (source.frames, source.grid.shape[0], source.series.told_apart_by) == (2, 5, keyword)
    for time in range(2):
        first_samples = source.read(source.extent, time).values[0, :, 0, 0]
        np.testing.assert_array_equal(first_samples, 100 * time + np.arange(5))
