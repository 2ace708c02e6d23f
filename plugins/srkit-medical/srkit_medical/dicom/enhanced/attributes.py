"""The table of attributes for Enhanced objects: what frames share, and what each frame says."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

from pydicom import Dataset
from pydicom.sequence import Sequence

from srkit.image import OutputPlan
from srkit_medical.dicom import attributes, lineage, scrub, uids
from srkit_medical.dicom.checks import numbers
from srkit_medical.dicom.derived import DerivedSlice
from srkit_medical.dicom.grouping import Series
from srkit_medical.dicom.instance import Instance

ORIGINAL_ONLY = (
    "BulkMotionCompensationTechnique", "PulseSequenceName", "MRAcquisitionType", "EchoPulseSequence",
    "MultiPlanarExcitation", "PhaseContrast", "TimeOfFlightContrast", "SteadyStatePulseSequence",
    "EchoPlanarPulseSequence", "SaturationRecovery", "SpectrallySelectedSuppression", "OversamplingPhase",
    "GeometryOfKSpaceTraversal", "RectilinearPhaseEncodeReordering", "SegmentedKSpaceTraversal", "CoverageOfKSpace",
    "NumberOfKSpaceTrajectories",
)  # fmt: skip
"""Allowed in original images alone; they describe an acquisition that this is not."""

NO_LONGER = (
    "ConcatenationUID", "InConcatenationNumber", "InConcatenationTotalNumber", "ConcatenationFrameOffsetNumber",
    "SOPInstanceUIDOfConcatenationSource", *scrub.SPACING_KEYWORDS,
)  # fmt: skip
"""Never true at the top of an output; a stale SpacingBetweenSlices there makes dcm2niix double the slice step."""

FRAME_TYPES = ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "PETFrameTypeSequence")
POSITIONS = (0x00209057, 0x00200032)  # InStackPositionNumber, ImagePositionPatient: what a frame index may point at


def set_common(dataset: Dataset, series: Series, plan: OutputPlan, series_uid: str) -> None:
    """Apply the rows that concern the whole object."""
    scrub.scrub(dataset, keep_private=bool(plan.options.get("keep_private")))
    for data in (dataset, *scrub.nested_datasets(dataset)):
        for keyword in ORIGINAL_ONLY:
            if keyword in data:
                del data[keyword]
    for keyword in NO_LONGER:
        if keyword in dataset:
            del dataset[keyword]
    attributes.set_identity(dataset, deepcopy(dataset), plan, series_uid)
    attributes.set_study(dataset, uids.study_uid(series))
    dataset.ImageType = resampled_type(list(dataset.ImageType))
    attributes.set_loss(dataset, series)
    lineage.set_origin(dataset, plan)
    lineage.set_dates(dataset, dataset)
    if series.first.has_identity:
        files = list({instance.uid: instance for instance in series.instances}.values())
        dataset.SourceImageEvidenceSequence = [_evidence(files, dataset.StudyInstanceUID)]
        dataset.ReferencedSeriesSequence = [lineage.series_item(files)]


def resampled_type(values: list[str]) -> list[str]:
    """Return the four values of ImageType or FrameType; SECONDARY is an error in Enhanced objects."""
    return ["DERIVED", "PRIMARY", values[2] if len(values) > 2 else "OTHER", "RESAMPLED"]


def set_frames(
    dataset: Dataset, series: Series, plan: OutputPlan, slices: list[DerivedSlice], starts: Mapping[Path, int]
) -> None:
    """Give each output frame the groups of its nearest source frame, made true.

    `starts` says where among the frames of `dataset` those of each source file begin.
    """
    shared = dataset.SharedFunctionalGroupsSequence[0]
    sources = list(dataset.PerFrameFunctionalGroupsSequence)
    for keyword in ("PlanePositionSequence", "DerivationImageSequence"):
        if keyword in shared:
            del shared[keyword]
    _set_measures(shared, slices[0])
    _set_frame_type(shared)
    pointers = _kept_pointers(dataset)
    frames = []
    for derived in slices:
        frame = deepcopy(sources[starts[derived.nearest.path] + derived.nearest.frame_index])
        _set_position(frame, derived)
        _set_measures(frame, derived)
        _set_frame_type(frame)
        _set_content(frame, derived, pointers)
        frame.DerivationImageSequence = [_derivation(series, plan, derived)]
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    dataset.NumberOfFrames = len(frames)


def _set_position(frame: Dataset, derived: DerivedSlice) -> None:
    item = Dataset()
    item.ImagePositionPatient = [attributes.ds(x) for x in derived.plane.position]
    frame.PlanePositionSequence = [item]


def _set_measures(group: Dataset, derived: DerivedSlice) -> None:
    for item in group.get("PixelMeasuresSequence") or ():
        item.PixelSpacing = [attributes.ds(x) for x in derived.plane.spacing]
        if derived.thickness_mm is not None:
            item.SliceThickness = attributes.ds(derived.thickness_mm)
        if derived.spacing_mm is not None:
            item.SpacingBetweenSlices = attributes.ds(derived.spacing_mm)


def _set_frame_type(group: Dataset) -> None:
    for keyword in FRAME_TYPES:
        for item in group.get(keyword) or ():
            item.FrameType = resampled_type(list(item.get("FrameType") or ()))


def _kept_pointers(dataset: Dataset) -> list[int | None]:
    """Take private dimensions, of which nothing is left, out of the list; return what each of the source points at.

    None stands for a dimension that went.
    """
    before = list(dataset.get("DimensionIndexSequence") or ())
    kept = [item for item in before if is_kept_dimension(item)]
    if len(kept) < len(before):
        dataset.DimensionIndexSequence = kept
    return [item.get("DimensionIndexPointer") if item in kept else None for item in before]


def is_kept_dimension(item: Dataset) -> bool:
    """Tell whether a dimension points at an attribute of the standard."""
    pointer = item.get("DimensionIndexPointer")
    return pointer is not None and not pointer.is_private


def _set_content(frame: Dataset, derived: DerivedSlice, pointers: list[int | None]) -> None:
    for item in frame.get("FrameContentSequence") or ():
        item.InStackPositionNumber = derived.in_stack
        given = [int(value) for value in numbers(item, "DimensionIndexValues")]
        if given and len(given) == len(pointers):
            pairs = [(value, pointer) for value, pointer in zip(given, pointers, strict=True) if pointer is not None]
            item.DimensionIndexValues = [
                derived.in_stack if pointer in POSITIONS else value for value, pointer in pairs
            ]


def _derivation(series: Series, plan: OutputPlan, derived: DerivedSlice) -> Dataset:
    item = Dataset()
    item.DerivationDescription = lineage.derivation_text(series, plan, derived.nearest)[: lineage.DESCRIPTION_LENGTH]
    item.DerivationCodeSequence = [lineage.code_item("113085", "Spatial resampling")]
    item.SourceImageSequence = Sequence(_frame_item(source) for source in derived.sources if source.has_identity)
    return item


def _frame_item(source: Instance) -> Dataset:
    """Return a reference to one frame: several numbers in one item are legal, and more than highdicom opens."""
    item = lineage.source_item(source)
    item.ReferencedFrameNumber = source.frame_index + 1
    return item


def _evidence(files: list[Instance], study_uid: str) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = files[0].series
    series.ReferencedSOPSequence = [lineage.reference(file) for file in files]
    item = Dataset()
    item.StudyInstanceUID = study_uid
    item.ReferencedSeriesSequence = [series]
    return item
