"""Verification: each fault that outside validators miss is put into a good output and must be found by its number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from srkit_medical.dicom.lineage import code_item
from srkit_medical.dicom.rules import SERIES
from srkit_medical.dicom.uids import uid_of
from srkit_medical.dicom.verify import verify_series

import srkit
from srkit.errors import UsageError

Make = Callable[..., Path]


def lossy(dataset: Dataset, k: int) -> None:
    dataset.LossyImageCompression = "01"
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, 0
    dataset.FrameOfReferenceUID = uid_of("frame")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]


@pytest.fixture
def good(make: Make, enlarge):
    return enlarge(make(edit=lossy), "2,2,2")


def put(fault: Callable[[Dataset, Dataset], None], output) -> None:
    """Put `fault(dataset, source)` into every file."""
    for path in output.files:
        dataset = dcmread(path)
        fault(dataset, dcmread(output.source.series.first.path))
        dataset.save_as(path)


def seed(output, fault: Callable[[Dataset, Dataset], None]) -> set[str]:
    """Put `fault` into every file and return the codes that verification finds."""
    put(fault, output)
    return {finding.code for finding in verify_series(output.source, output.folder, output.plan)}


def failing_rows(output) -> set[str]:
    """Return the codes of the rows that fail where a user asks `srkit verify` about the finished pair."""
    found = srkit.verify(output.source.series.first.path.parent, output.folder)
    failing = {finding.code for finding in found.findings if finding.level == "failure"}
    assert found.good is (not failing)
    assert failing <= {*SERIES, "grid", "readable", "D15"}
    assert not failing & {code for code, _ in found.passed}
    return failing


def test_a_good_output_has_no_findings(good) -> None:
    assert verify_series(good.source, good.folder, good.plan) == []


def shift_missing(dataset: Dataset, source: Dataset) -> None:
    across, down = np.array(dataset.ImageOrientationPatient[:3]), np.array(dataset.ImageOrientationPatient[3:])
    back = across * source.PixelSpacing[1] / 4 + down * source.PixelSpacing[0] / 4
    dataset.ImagePositionPatient = [f"{x:.9g}" for x in np.array(dataset.ImagePositionPatient) + back]


def spacing_stale(dataset: Dataset, source: Dataset) -> None:
    dataset.PixelSpacing = source.PixelSpacing


def thickness_stale(dataset: Dataset, source: Dataset) -> None:
    dataset.SliceThickness = "5"


def gap_stale(dataset: Dataset, source: Dataset) -> None:
    dataset.SpacingBetweenSlices = "5"


def nested_gap_stale(dataset: Dataset, source: Dataset) -> None:
    item = Dataset()
    item.SpacingBetweenSlices = "5"
    dataset.PixelMeasuresSequence = [item]


def still_original(dataset: Dataset, source: Dataset) -> None:
    dataset.ImageType = source.ImageType


def other_frame(dataset: Dataset, source: Dataset) -> None:
    dataset.FrameOfReferenceUID = uid_of("another")


def other_study(dataset: Dataset, source: Dataset) -> None:
    dataset.StudyInstanceUID = uid_of("another")


def same_series(dataset: Dataset, source: Dataset) -> None:
    dataset.SeriesInstanceUID = source.SeriesInstanceUID


def same_instance(dataset: Dataset, source: Dataset) -> None:
    dataset.SOPInstanceUID = dataset.SourceImageSequence[0].ReferencedSOPInstanceUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def loss_forgotten(dataset: Dataset, source: Dataset) -> None:
    dataset.LossyImageCompression = "00"


def beyond_bits(dataset: Dataset, source: Dataset) -> None:
    samples = np.frombuffer(dataset.PixelData, "<u2").copy()
    samples[7] = 5000
    dataset.PixelData = samples.tobytes()


def extremes_stale(dataset: Dataset, source: Dataset) -> None:
    dataset.add_new("LargestImagePixelValue", "US", 1)


def windows_uneven(dataset: Dataset, source: Dataset) -> None:
    dataset.WindowCenter, dataset.WindowWidth = [600, 40], 1600


def refers_to_itself(dataset: Dataset, source: Dataset) -> None:
    dataset.SourceImageSequence[0].ReferencedSOPInstanceUID = dataset.SOPInstanceUID


def no_purpose(dataset: Dataset, source: Dataset) -> None:
    for item in dataset.SourceImageSequence:
        del item["PurposeOfReferenceCodeSequence"]


FAULTS = [
    ("1", shift_missing), ("2", spacing_stale), ("3", thickness_stale), ("3", gap_stale), ("3", nested_gap_stale),
    ("4", still_original), ("5", other_frame), ("6", other_study), ("7", same_series), ("8", same_instance),
    ("9", loss_forgotten), ("10", beyond_bits), ("11", extremes_stale), ("11", windows_uneven),
    ("12", refers_to_itself), ("12", no_purpose),
]  # fmt: skip


@pytest.mark.parametrize(("code", "fault"), FAULTS, ids=[f"{code}-{fault.__name__}" for code, fault in FAULTS])
def test_a_fault_that_validators_miss_is_found_by_its_number(good, code: str, fault) -> None:
    assert code in seed(good, fault)


def private_left(dataset: Dataset, source: Dataset) -> None:
    dataset.private_block(0x0029, "OLD", create=True).add_new(1, "LO", "x")


def preamble_left(dataset: Dataset, source: Dataset) -> None:
    dataset.preamble = b"x" * 128


def rows_wrong(dataset: Dataset, source: Dataset) -> None:
    dataset.Rows = 64


def turned(dataset: Dataset, source: Dataset) -> None:
    dataset.ImageOrientationPatient = [0, 1, 0, 1, 0, 0]


def dates_by_slice(dataset: Dataset, source: Dataset) -> None:
    dataset.SeriesTime = f"{int(dataset.InstanceNumber):06d}"


def numbers_equal(dataset: Dataset, source: Dataset) -> None:
    dataset.InstanceNumber = 1


def wrong_purpose(dataset: Dataset, source: Dataset) -> None:
    dataset.SourceImageSequence[0].PurposeOfReferenceCodeSequence = [code_item("121320", "Uncompressed predecessor")]


def anonymous_origin(dataset: Dataset, source: Dataset) -> None:
    del dataset.ContributingEquipmentSequence


OTHERS = [
    ("P3", private_left), ("P7", preamble_left), ("W5", rows_wrong), ("5", turned), ("W4", dates_by_slice),
    ("W4", numbers_equal), ("12", wrong_purpose), ("W2", anonymous_origin),
]  # fmt: skip


@pytest.mark.parametrize(("code", "fault"), OTHERS, ids=[fault.__name__ for _, fault in OTHERS])
def test_other_faults_are_found_as_well(good, code: str, fault) -> None:
    assert code in seed(good, fault)


def test_two_files_with_one_identity_are_found(good) -> None:
    def same(dataset: Dataset, source: Dataset) -> None:
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid_of("all")

    assert "8" in seed(good, same)


def test_a_finished_pair_has_a_row_for_every_rule(good) -> None:
    found = srkit.verify(good.source.series.first.path.parent, good.folder, consistency_limit=0.2)
    assert {code for code, _ in found.passed} == {*SERIES, "grid", "D15", "S1"}


@pytest.mark.parametrize(("code", "fault"), [*FAULTS, *OTHERS], ids=lambda given: getattr(given, "__name__", given))
def test_a_fault_in_a_finished_pair_fails_in_its_row(good, code: str, fault) -> None:
    """Slices that share an identity are no series any more, which is a row of its own."""
    put(fault, good)
    assert failing_rows(good) >= ({"readable"} if fault is same_instance else {code})


def test_a_finished_pair_of_which_a_file_was_cut_short_cannot_be_read(good) -> None:
    good.files[3].write_bytes(good.files[3].read_bytes()[:-1000])
    assert failing_rows(good) == {"readable"}


def test_one_of_several_series_is_the_one_that_the_output_is_named_after(make: Make, tmp_path: Path) -> None:
    for k in range(2):
        make(f"archive/{k}", series=str(k), count=2, origin=(k, 0, 0))
    for k, path in enumerate(sorted((tmp_path / "archive").rglob("*.dcm"))):
        path.rename(tmp_path / "archive" / f"{k}.dcm")
    results = srkit.upscale(tmp_path / "archive", tmp_path / "out", scale=2, model="nearest").results
    assert len(results) == 2
    for result in results:
        assert srkit.verify(tmp_path / "archive", result.output).good
    elsewhere = results[0].output.rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="holds 2 items"):
        srkit.verify(tmp_path / "archive", elsewhere)


def test_a_volume_made_of_a_series_is_compared_as_what_it_is(make: Make, tmp_path: Path) -> None:
    options = {"mri": {"to": "nifti"}}
    folder = make(edit=lossy)
    (result,) = srkit.upscale(folder, tmp_path / "out", scale=2, model="nearest", options=options).results
    assert srkit.verify(folder, result.output, options=options).good
    with pytest.raises(UsageError, match=r"another format .* options"):
        srkit.verify(folder, result.output)


def test_padding_that_moved_fails_in_its_row(make: Make, enlarge) -> None:
    def padded(dataset: Dataset, k: int) -> None:
        lossy(dataset, k)
        samples = np.frombuffer(dataset.PixelData, "<u2").copy()
        samples[:100] = 0
        dataset.PixelData = samples.tobytes()
        dataset.add_new("PixelPaddingValue", "US", 0)

    output = enlarge(make(edit=padded), "2,2,2")
    assert failing_rows(output) == set()

    def filled(dataset: Dataset, source: Dataset) -> None:
        dataset.PixelData = b"\x07\x00" + dataset.PixelData[2:]

    put(filled, output)
    assert failing_rows(output) == {"D15"}


def test_a_missing_file_is_found(good) -> None:
    good.files[3].unlink()
    assert {finding.code for finding in verify_series(good.source, good.folder, good.plan)} == {"W3"}


def test_a_truncated_file_is_found(good) -> None:
    path = good.files[3]
    path.write_bytes(path.read_bytes()[:-1000])
    assert verify_series(good.source, good.folder, good.plan)


def test_findings_quote_nothing_of_the_file(good) -> None:
    def canary(dataset: Dataset, source: Dataset) -> None:
        dataset.PatientName = dataset.StudyInstanceUID = "CANARY"
        dataset.PixelSpacing = [1, 1]

    with disable_value_validation():
        seed(good, canary)
    findings = verify_series(good.source, good.folder, good.plan)
    assert findings
    assert all("CANARY" not in finding.text for finding in findings)
