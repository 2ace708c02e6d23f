"""Privacy: nothing from inside a file leaves it by messages, logs or names."""

from __future__ import annotations

import logging
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from srkit_medical.dicom.discover import discover_series
from srkit_medical.dicom.inspect import inspect_series
from srkit_medical.dicom.source import open_series

from srkit.domain import Item
from srkit.errors import SrkitError

Make = Callable[..., Path]
WORD = "CANARY"
TEXTS = {
    "PatientName", "PatientID", "PatientBirthDate", "PatientComments", "AccessionNumber", "InstitutionName",
    "StationName", "ReferringPhysicianName", "StudyDescription", "SeriesDescription", "ProtocolName", "StudyDate",
    "AcquisitionTime", "DeviceSerialNumber", "OperatorsName", "ContentDate",
}  # fmt: skip


def marked(dataset: Dataset, k: int) -> None:
    with disable_value_validation():
        for keyword in TEXTS:
            setattr(dataset, keyword, WORD)
        dataset.FrameOfReferenceUID = f"1.2.{WORD}"
        dataset.preamble = WORD.encode() + b"\0" * 122
        dataset.file_meta.SourceApplicationEntityTitle = WORD


@pytest.fixture
def folder(make: Make) -> Path:
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(edit=marked)


def test_items_findings_grids_and_logs_hold_nothing_of_the_patient(
    folder: Path, enlarge, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    found = list(discover_series(folder, {}))
    output = enlarge(folder)
    said = [repr(found), repr(inspect_series(output.source)), repr(output.source.grid), repr(output.plan)]
    said += [caplog.text, *capfd.readouterr(), " ".join(str(path) for path in output.files)]
    assert all(WORD not in text for text in said)


def test_header_and_preamble_of_the_file_are_fresh(folder: Path, enlarge) -> None:
    dataset = enlarge(folder).datasets[0]
    assert dataset.preamble == b"\0" * 128
    assert WORD not in str(dataset.file_meta)
    assert str(dataset.PatientID) == WORD


def broken_numbers(dataset: Dataset) -> None:
    dataset["PixelSpacing"].VR = "LO"
    dataset["PixelSpacing"].value = [WORD, WORD]


def broken_count(dataset: Dataset) -> None:
    dataset.add_new("NumberOfFrames", "LO", WORD)


def broken_position(dataset: Dataset) -> None:
    dataset["ImagePositionPatient"].VR = "LO"
    dataset["ImagePositionPatient"].value = [WORD, "1", "2"]


def _rewrite_as_decimal(path: Path) -> None:
    """Give the odd elements their true form again, as a careless writer would have."""
    data = path.read_bytes()
    for tag, vr in ((b"\x28\x00\x30\x00", b"DS"), (b"\x20\x00\x32\x00", b"DS"), (b"\x28\x00\x08\x00", b"IS")):
        data = data.replace(tag + b"LO", tag + vr)
    path.write_bytes(data)


@pytest.mark.parametrize("fault", [broken_numbers, broken_count, broken_position], ids=lambda f: f.__name__)
def test_reasons_and_errors_name_the_element_and_not_its_value(make: Make, fault) -> None:
    path = make(count=1) / "000.dcm"
    dataset = dcmread(path)
    with disable_value_validation():
        fault(dataset)
        dataset.save_as(path)
    _rewrite_as_decimal(path)
    (entry,) = list(discover_series(path.parent, {}))
    assert WORD not in repr(entry)
    with pytest.raises(SrkitError) as caught:
        open_series(Item((path,), "mri"), {})
    assert WORD not in "".join(traceback.format_exception(caught.value))
