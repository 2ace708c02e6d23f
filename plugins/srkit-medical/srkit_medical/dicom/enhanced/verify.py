"""Verifies a staged Enhanced object: what all frames share, and each frame, against what they must say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.pixels import pixel_array

from srkit.domain import Finding
from srkit.image import Array, OutputPlan
from srkit_medical.dicom import scrub, uids
from srkit_medical.dicom.checks import POSITION_SHARE, Fault, check_rescale, is_close, is_named_study, numbers
from srkit_medical.dicom.compressing import syntax_for
from srkit_medical.dicom.derived import DerivedSlice, derived_slices
from srkit_medical.dicom.enhanced.attributes import FRAME_TYPES, NO_LONGER, ORIGINAL_ONLY
from srkit_medical.dicom.enhanced.parts import whole_header
from srkit_medical.dicom.enhanced.source import EnhancedSource
from srkit_medical.dicom.reading import READ_ERRORS, UnfitError, quiet, read_attributes, read_pixels
from srkit_medical.dicom.storage import Layout

KEPT = {
    "FrameOfReferenceUID": "5", "PatientPosition": "5", "StudyInstanceUID": "6", "PatientID": "6", "PatientName": "6",
    "PatientBirthDate": "6", "StudyDate": "6", "AccessionNumber": "6", "SOPClassUID": "6", "Modality": "6",
    "LossyImageCompression": "9", "BitsAllocated": "10", "BitsStored": "10", "HighBit": "10",
    "PixelRepresentation": "10", "PhotometricInterpretation": "10",
}  # fmt: skip
"""Elements of the source that stay, with the number of the fault that a change is."""

EXTREMES = (
    "SmallestImagePixelValue", "LargestImagePixelValue", "SmallestPixelValueInSeries", "LargestPixelValueInSeries",
)  # fmt: skip


def verify_enhanced(source: EnhancedSource, staged: Path, plan: OutputPlan) -> list[Finding]:
    """Return a `failure` per fault of the file `staged`; none where all is true."""
    try:
        with quiet():
            output, (before, starts) = read_attributes(staged), whole_header(source.series)
            found = [
                *_common(source, output, before, plan),
                *_frames(source, output, before, starts, plan),
                *_samples(source, staged, plan),
            ]
    except (UnfitError, *READ_ERRORS):
        found = [("W3", "the output or its source cannot be read back")]
    return [Finding("failure", text, code) for code, text in dict.fromkeys(found)]


def _common(source: EnhancedSource, output: FileDataset, before: Dataset, plan: OutputPlan) -> Iterator[Fault]:
    for keyword, code in KEPT.items():
        lossy = keyword == "LossyImageCompression" and output.get(keyword) == "01"
        if output.get(keyword) != before.get(keyword) and not lossy and not is_named_study(keyword, output, before):
            yield code, f"{keyword} is not the source's"
    uid = str(output.get("SeriesInstanceUID", ""))
    new = uid == uids.series_uid(source.series, plan) if plan.provenance.is_known else uid != source.series.first.series
    if not new:
        yield "7", "SeriesInstanceUID is not the new one of this output"
    uid = str(output.get("SOPInstanceUID", ""))
    if uid in ("", *(instance.uid for instance in source.series.instances)) or uid != str(
        output.file_meta.get("MediaStorageSOPInstanceUID", "")
    ):
        yield "8", "SOPInstanceUID is missing, the source's, or not that of the file's header"
    if not _is_resampled(output.get("ImageType")):
        yield "4", "ImageType does not say DERIVED, PRIMARY and RESAMPLED"
    count, rows, columns = plan.grid.shape
    if (output.get("NumberOfFrames"), output.get("Rows"), output.get("Columns")) != (
        plan.frames * count,
        rows,
        columns,
    ):
        yield "W5", "NumberOfFrames, Rows and Columns are not those of the plan"
    yield from _leftovers(output, plan)


def _leftovers(output: FileDataset, plan: OutputPlan) -> Iterator[Fault]:
    yield from (("11", f"{k} is stale") for k in EXTREMES if k in output)
    yield from (("13", f"{k} is still at the top of the file") for k in NO_LONGER if k in output)
    everything = (output, *scrub.nested_datasets(output))
    if any(keyword in data for data in everything for keyword in ORIGINAL_ONLY):
        yield "W1", "it describes an acquisition that it is not"
    if not plan.options.get("keep_private") and any(scrub.has_private(data) for data in everything):
        yield "P3", "private attributes are still there"
    if output.preamble != b"\0" * 128 or "SourceApplicationEntityTitle" in output.file_meta:
        yield "P7", "the file's header carries something of the source's"
    if output.file_meta.get("TransferSyntaxUID") != syntax_for(plan):
        yield "W1", "the transfer syntax is not the one that was asked for"
    if output.get("ContentQualification") != "RESEARCH":
        yield "W2", "ContentQualification is not RESEARCH"


def _frames(
    source: EnhancedSource, output: Dataset, before: Dataset, starts: Mapping[Path, int], plan: OutputPlan
) -> Iterator[Fault]:
    slices = derived_slices(source.series, plan)
    shared, each = _groups(output)
    old_shared, old_each = _groups(before)
    if len(each) != len(slices):
        yield "W5", f"{len(each)} of {len(slices)} frames say where they lie"
        return
    for derived, frame in zip(slices, each, strict=True):
        groups = [*shared, frame]
        yield from _geometry(groups, derived)
        for item in _items(groups, "PixelValueTransformationSequence"):
            yield from check_rescale(item, _rescale_before(derived), source.series)
        if _windows(groups) != _windows(
            [*old_shared, old_each[starts[derived.nearest.path] + derived.nearest.frame_index]]
        ):
            yield "11", "the windows of a frame are not the source's"
        yield from _lineage(groups, derived, str(output.get("SOPInstanceUID", "")))


def _groups(dataset: Dataset) -> tuple[list[Dataset], list[Dataset]]:
    """Return the functional groups that all frames share, and those of each."""
    shared, each = (dataset.get(f"{name}FunctionalGroupsSequence") or () for name in ("Shared", "PerFrame"))
    return list(shared), list(each)


def _windows(groups: list[Dataset]) -> list[tuple[Any, Any]]:
    return [(item.get("WindowCenter"), item.get("WindowWidth")) for item in _items(groups, "FrameVOILUTSequence")]


def _samples(source: EnhancedSource, staged: Path, plan: OutputPlan) -> Iterator[Fault]:
    layout = source.series.first.layout
    low, high = layout.limits
    pixels = read_pixels(staged)
    for index in range(plan.frames * plan.grid.shape[0]):
        frame = _frame(pixels, index, plan, layout)
        if frame.shape != plan.grid.shape[1:]:
            yield "W5", "a frame has not as many samples as Rows and Columns say"
        elif frame.min() < low or frame.max() > high:
            yield "10", "samples of a frame go beyond BitsStored"


def _frame(pixels: FileDataset, index: int, plan: OutputPlan, layout: Layout) -> Array:
    """Return a frame as it is stored: pydicom would hide what goes beyond BitsStored."""
    if syntax_for(plan).is_compressed:
        decoded: Array = pixel_array(pixels, raw=True, index=index)
        return decoded
    rows, columns = plan.grid.shape[1:]
    dtype, count = layout.dtype.newbyteorder("<"), rows * columns
    return np.frombuffer(pixels.PixelData, dtype, count, index * count * dtype.itemsize).reshape(rows, columns)


def _rescale_before(derived: DerivedSlice) -> Dataset:
    before = Dataset()
    before.RescaleSlope, before.RescaleIntercept = derived.nearest.slope, derived.nearest.intercept
    return before


def _geometry(groups: list[Dataset], derived: DerivedSlice) -> Iterator[Fault]:
    position = [numbers(item, "ImagePositionPatient") for item in _items(groups, "PlanePositionSequence")]
    tolerance = POSITION_SHARE * min(derived.plane.spacing)
    if (
        len(position) != 1
        or position[0].shape != (3,)
        or np.abs(position[0] - derived.plane.position).max() > tolerance
    ):
        yield "1", "ImagePositionPatient of a frame is not the centre of its first pixel"
    orientation = [numbers(item, "ImageOrientationPatient") for item in _items(groups, "PlaneOrientationSequence")]
    expected = np.concatenate([derived.nearest.plane.across, derived.nearest.plane.down])
    if any(given.shape != (6,) or np.abs(given - expected).max() > POSITION_SHARE for given in orientation):
        yield "5", "ImageOrientationPatient of a frame is not the source's"
    for item in _items(groups, "PixelMeasuresSequence"):
        if not is_close(numbers(item, "PixelSpacing"), derived.plane.spacing):
            yield "2", "PixelSpacing of a frame is not the source's divided by the scale"
        for keyword, true in (("SliceThickness", derived.thickness_mm), ("SpacingBetweenSlices", derived.spacing_mm)):
            if true is not None and not is_close(numbers(item, keyword), [true]):
                yield "3", f"{keyword} of a frame is stale"


def _lineage(groups: list[Dataset], derived: DerivedSlice, own_uid: str) -> Iterator[Fault]:
    if not all(_is_resampled(item.get("FrameType")) for key in FRAME_TYPES for item in _items(groups, key)):
        yield "4", "FrameType of a frame does not say DERIVED, PRIMARY and RESAMPLED"
    derivations = _items(groups, "DerivationImageSequence")
    sources = [item for derivation in derivations for item in derivation.get("SourceImageSequence") or ()]
    named = [
        (str(item.get("ReferencedSOPInstanceUID", "")), *numbers(item, "ReferencedFrameNumber")) for item in sources
    ]
    wanted = [(source.uid, source.frame_index + 1) for source in derived.sources if source.has_identity]
    if len(derivations) != 1 or named != wanted or any(uid == own_uid for uid, *_ in named):
        yield "12", "SourceImageSequence of a frame does not name the frames that it came from, and them alone"
    purposes = [(item.get("PurposeOfReferenceCodeSequence") or [Dataset()])[0].get("CodeValue") for item in sources]
    if any(purpose != "121322" for purpose in purposes):
        yield "12", "SourceImageSequence of a frame lacks its purpose"


def _items(groups: list[Dataset], keyword: str) -> list[Dataset]:
    return [item for group in groups for item in group.get(keyword) or ()]


def _is_resampled(value: Any) -> bool:
    values = [str(v) for v in value or ()]
    return len(values) == 4 and values[:2] == ["DERIVED", "PRIMARY"] and values[3] == "RESAMPLED"
