"""Checks of one derived file against what it must say. Each yields (code, sentence); codes number the classic faults.

They read the file as it lies on disk and the source again, and trust neither the sink nor what it kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.pixels import pixel_array

from srkit.image import OutputPlan
from srkit_medical.dicom import scrub
from srkit_medical.dicom.compressing import syntax_for
from srkit_medical.dicom.derived import DerivedSlice, keeps_private
from srkit_medical.dicom.grouping import Series
from srkit_medical.dicom.moments import moment_of_acquisition
from srkit_medical.dicom.rescale import common_rescale
from srkit_medical.dicom.storage import Layout

Fault = tuple[str, str]
POSITION_SHARE = 1e-6  # of a pixel; decimal strings hold 12 digits and more


@dataclass(frozen=True, slots=True)
class Evidence:
    """One file of the output, what it should be, and its nearest source."""

    output: FileDataset
    source: Dataset
    derived: DerivedSlice
    series: Series
    plan: OutputPlan
    series_uid: str


def check_position(case: Evidence) -> Iterator[Fault]:
    """Expect ImagePositionPatient moved by the part of a sample that finer sampling asks for."""
    plane = case.derived.plane
    position = numbers(case.output, "ImagePositionPatient")
    if len(position) != 3 or np.abs(position - plane.position).max() > POSITION_SHARE * min(plane.spacing):
        yield "1", "ImagePositionPatient is not the centre of the first pixel"


def check_spacing(case: Evidence) -> Iterator[Fault]:
    """Expect PixelSpacing divided by the scale, rows first, at any depth."""
    for data in (case.output, *scrub.nested_datasets(case.output)):
        given = numbers(data, "PixelSpacing")
        if (data is case.output or "PixelSpacing" in data) and not is_close(given, case.derived.plane.spacing):
            yield "2", "PixelSpacing is not the source's divided by the scale"


def check_slices(case: Evidence) -> Iterator[Fault]:
    """Expect true SliceThickness and SpacingBetweenSlices at any depth."""
    derived = case.derived
    thickness = numbers(case.source, "SliceThickness")
    if derived.thickness_mm is not None:
        thickness = np.array([derived.thickness_mm])
    spacing = numbers(case.source, "SpacingBetweenSlices")
    if derived.spacing_mm is not None:
        spacing = np.array([derived.spacing_mm])
    for data in (case.output, *scrub.nested_datasets(case.output)):
        for keyword, expected in (("SliceThickness", thickness), ("SpacingBetweenSlices", spacing)):
            if keyword in data and not is_close(numbers(data, keyword), expected):
                yield "3", f"{keyword} is stale"
    if derived.thickness_mm is not None and "SliceThickness" not in case.output:
        yield "3", "SliceThickness is missing"


def check_image_type(case: Evidence) -> Iterator[Fault]:
    """Expect a derived, secondary image (PET knows no such word), and the rest as in the source."""
    given, before = _texts(case.output, "ImageType"), _texts(case.source, "ImageType")
    kind = ["DERIVED", "PRIMARY" if case.series.first.domain == "pet" else "SECONDARY"]
    if given[:2] != kind or given[2:] != [value for value in before[2:] if value != "MOSAIC"]:
        yield "4", f"ImageType does not say {', '.join(kind)} and the source's other values"


def check_patient_space(case: Evidence) -> Iterator[Fault]:
    """Expect frame of reference, orientation and patient position of the source."""
    keywords = ("FrameOfReferenceUID", "ImageOrientationPatient", "PositionReferenceIndicator", "PatientPosition")
    yield from (("5", f"{k} is not the source's") for k in keywords if _differs(case, k))


def check_patient_and_study(case: Evidence) -> Iterator[Fault]:
    """Expect patient, study and order of the source."""
    keywords = (
        "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "PatientID", "PatientName",
        "PatientBirthDate", "PatientSex", "SOPClassUID", "Modality",
    )  # fmt: skip
    for keyword in keywords:
        is_told = (keyword == "SOPClassUID" and not case.source.get(keyword)) or is_named_study(
            keyword, case.output, case.source
        )
        if _differs(case, keyword) and not is_told:
            yield "6", f"{keyword} is not the source's"


def is_named_study(keyword: str, output: Dataset, source: Dataset) -> bool:
    """Tell whether an output names the study, where its source did not: archives refuse what has none."""
    return keyword == "StudyInstanceUID" and not source.get(keyword) and bool(output.get(keyword))


def check_series(case: Evidence) -> Iterator[Fault]:
    """Expect a series of its own."""
    if str(case.output.get("SeriesInstanceUID", "")) != case.series_uid or case.series_uid == case.series.first.series:
        yield "7", "SeriesInstanceUID is not the new one of this output"


def check_instance(case: Evidence) -> Iterator[Fault]:
    """Expect an identity of its own, the same in the file's header."""
    uid = str(case.output.get("SOPInstanceUID", ""))
    if not uid or any(uid == instance.uid for instance in case.series.instances):
        yield "8", "SOPInstanceUID is missing or a source's"
    if str(case.output.file_meta.get("MediaStorageSOPInstanceUID", "")) != uid:
        yield "8", "the file's header names another SOPInstanceUID"


def check_loss(case: Evidence) -> Iterator[Fault]:
    """Expect that a loss in any source is not forgotten."""
    lossy = any("lossy" in instance.notes for instance in case.series.instances)
    given = str(case.output.get("LossyImageCompression", ""))
    if lossy and given != "01":
        yield "9", "LossyImageCompression does not say 01, as a source does"
    if not lossy and _differs(case, "LossyImageCompression"):
        yield "9", "LossyImageCompression is not the source's"


def check_samples(case: Evidence) -> Iterator[Fault]:
    """Expect as many samples as Rows and Columns say, in the bits that BitsStored says, with meanings unchanged."""
    keywords = ("SamplesPerPixel", "PhotometricInterpretation", "PixelPaddingValue")
    yield from (("10", f"{k} is not the source's") for k in keywords if _differs(case, k))
    layout = _layout(case)
    stored = {
        "BitsAllocated": layout.allocated, "BitsStored": layout.stored, "HighBit": layout.stored - 1,
        "PixelRepresentation": int(layout.signed),
    }  # fmt: skip
    yield from (("10", f"{k} is not the source's") for k, true in stored.items() if case.output.get(k, 0) != true)
    if case.output.get("ModalityLUTSequence"):
        yield "D14", "a table is still there, though samples are values already"
    yield from check_rescale(case.output, case.source, case.series)
    if (case.output.get("Rows"), case.output.get("Columns")) != case.plan.grid.shape[1:]:
        yield "W5", "Rows and Columns are not those of the plan"
    samples = _samples(case)
    if samples is None:
        yield "W5", "there are not as many samples as Rows and Columns say"
        return
    low, high = layout.limits
    if samples.min() < low or samples.max() > high:
        yield "10", "samples go beyond BitsStored"


def check_rescale(output: Dataset, source: Dataset, series: Series) -> Iterator[Fault]:
    """Expect the source's slope and intercept, or those that reach the values of all its slices."""
    wanted = common_rescale(series.instances)
    for keyword, number in zip(("RescaleSlope", "RescaleIntercept"), wanted, strict=True):
        kept = (keyword in output) == (keyword in source) and output.get(keyword) == source.get(keyword)
        is_new = series.is_rescaled_by_slice or series.first.table is not None
        if not (is_close(numbers(output, keyword), [number]) if is_new else kept):
            yield "D13", f"{keyword} is not what the samples are stored with"


def check_display(case: Evidence) -> Iterator[Fault]:
    """Expect true extremes, if told, and the source's windows."""
    samples = _samples(case)
    for keyword, true in (("SmallestImagePixelValue", np.min), ("LargestImagePixelValue", np.max)):
        if keyword in case.output and (samples is None or case.output.get(keyword) != true(samples)):
            yield "11", f"{keyword} is stale"
    for keyword in ("SmallestPixelValueInSeries", "LargestPixelValueInSeries"):
        if keyword in case.output:
            yield "11", f"{keyword} is stale"
    for keyword in ("WindowCenter", "WindowWidth", "VOILUTSequence"):
        if _differs(case, keyword):
            yield "11", f"{keyword} is not the source's"


def check_moment(case: Evidence) -> Iterator[Fault]:
    """Expect the time at which the nearest source was acquired: of a mosaic, its tile."""
    tile = case.derived.nearest.tile
    if tile is None or not tile.delay_s:
        if _differs(case, "AcquisitionTime"):
            yield "W4", "AcquisitionTime is not that of the nearest source"
        return
    given, before = (moment_of_acquisition(dataset) for dataset in (case.output, case.source))
    if given is None or before is None:
        if given is not before:
            yield "W4", "AcquisitionTime came or went"
    elif abs((given - before).total_seconds() - tile.delay_s) > 1e-5:
        yield "W4", "AcquisitionTime is not when the slice of the mosaic was acquired"


def check_references(case: Evidence) -> Iterator[Fault]:
    """Expect the slices that it came from, each with the purpose, and not itself among them."""
    items = case.output.get("SourceImageSequence") or ()
    named = [str(item.get("ReferencedSOPInstanceUID", "")) for item in items]
    if str(case.output.get("SOPInstanceUID", "")) in named:
        yield "12", "SourceImageSequence points at the file itself"
    if named != [source.uid for source in case.derived.named_sources]:
        yield "12", "SourceImageSequence does not name the slices that it came from"
    purposes = [(item.get("PurposeOfReferenceCodeSequence") or [Dataset()])[0].get("CodeValue") for item in items]
    if any(purpose != "121322" for purpose in purposes):
        yield "12", "SourceImageSequence lacks the purpose code 121322"


def check_origin(case: Evidence) -> Iterator[Fault]:
    """Expect words on how it was made, and that it is not for diagnosis."""
    equipment = case.output.get("ContributingEquipmentSequence") or ()
    if not any(item.get("ManufacturerModelName") == "srkit" for item in equipment):
        yield "W2", "ContributingEquipmentSequence does not name srkit"
    for keyword in ("DerivationDescription", "DerivationCodeSequence", "ImageComments"):
        if not case.output.get(keyword):
            yield "W2", f"{keyword} is missing"
    if case.output.get("ContentQualification") != "RESEARCH":
        yield "W2", "ContentQualification is not RESEARCH"


def check_file(case: Evidence) -> Iterator[Fault]:
    """Expect a fresh header of the file, and nothing private or stale in it."""
    output = case.output
    if output.preamble != b"\0" * 128 or "SourceApplicationEntityTitle" in output.file_meta:
        yield "P7", "the file's header carries something of the source's"
    if output.file_meta.get("TransferSyntaxUID") != syntax_for(case.plan):
        yield "W1", "the transfer syntax is not the one that was asked for"
    stale = [keyword for keyword in scrub.REMOVED if keyword in output and keyword not in _MAY_COME_BACK]
    yield from (("W5", f"{keyword} is still there") for keyword in stale)
    everything = (output, *scrub.nested_datasets(output))
    if not keeps_private(case.plan, case.derived) and any(scrub.has_private(data) for data in everything):
        yield "P3", "private attributes are still there"
    if case.output.get("InstanceNumber") != case.derived.number:
        yield "W4", "InstanceNumber does not follow the position"


_MAY_COME_BACK = (
    "PixelData", "InstanceCreationDate", "InstanceCreationTime", "SmallestImagePixelValue", "LargestImagePixelValue",
    "SmallestPixelValueInSeries", "LargestPixelValueInSeries",
)  # fmt: skip

CHECKS: tuple[Callable[[Evidence], Iterator[Fault]], ...] = (
    check_position, check_spacing, check_slices, check_image_type, check_patient_space, check_patient_and_study,
    check_series, check_instance, check_loss, check_samples, check_display, check_moment, check_references,
    check_origin, check_file,
)  # fmt: skip


def numbers(dataset: Dataset, keyword: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return all values of an element, none where it is missing or empty."""
    value = dataset.get(keyword)
    if value in (None, ""):
        return np.zeros(0)
    return np.array(value, dtype=np.float64).reshape(-1)


def _texts(dataset: Dataset, keyword: str) -> list[str]:
    value = dataset.get(keyword) or ()
    return [value] if isinstance(value, str) else [str(v) for v in value]


def is_close(given: np.ndarray[Any, np.dtype[np.float64]], expected: Sequence[float] | np.ndarray[Any, Any]) -> bool:
    """Tell whether numbers agree as far as decimal strings hold them."""
    wanted = np.asarray(expected, dtype=np.float64).reshape(-1)
    return given.shape == wanted.shape and bool(np.allclose(given, wanted, rtol=POSITION_SHARE, atol=0))


def _differs(case: Evidence, keyword: str) -> bool:
    given, before = case.output.get(keyword), case.source.get(keyword)
    return (keyword in case.output) != (keyword in case.source) or bool(given != before)


def _layout(case: Evidence) -> Layout:
    return case.series.first.layout


def _samples(case: Evidence) -> np.ndarray[Any, Any] | None:
    layout = _layout(case)
    rows, columns = case.plan.grid.shape[1:]
    if syntax_for(case.plan).is_compressed:
        samples = pixel_array(case.output, raw=True)
        return samples.reshape(-1) if samples.shape == (rows, columns) else None
    size = rows * columns * layout.allocated // 8
    data = case.output.get("PixelData") or b""
    if len(data) != size + size % 2:
        return None
    return np.frombuffer(data[:size], layout.dtype.newbyteorder("<"))
