"""Frames of an Enhanced object as instances: each gets a flat copy of what its functional groups say."""

from __future__ import annotations

from pathlib import Path

from pydicom import Dataset, FileDataset
from pydicom.sequence import Sequence

from srkit_medical.dicom.grouping import Series, arrange
from srkit_medical.dicom.instance import (
    Instance,
    check_kind,
    check_size,
    instance_of,
    layout_of,
    shape_of,
    sop_class_of,
    syntax_of,
)
from srkit_medical.dicom.reading import READ_ERRORS, Elements, UnfitError, quiet, read_header

_COMMON = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "FrameOfReferenceUID",
    "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "BurnedInAnnotation",
    "LossyImageCompression", "ContentQualification", "ImageType",
)  # fmt: skip
"""What all frames share. Spacings at the top of the file are not among them: they are often stale."""
_GROUPS = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
_FLAT = {
    "PlanePositionSequence": {"ImagePositionPatient": "ImagePositionPatient"},
    "PlaneOrientationSequence": {"ImageOrientationPatient": "ImageOrientationPatient"},
    "PixelMeasuresSequence": {
        "PixelSpacing": "PixelSpacing",
        "SliceThickness": "SliceThickness",
        "SpacingBetweenSlices": "SpacingBetweenSlices",
    },
    "PixelValueTransformationSequence": {
        "RescaleSlope": "RescaleSlope",
        "RescaleIntercept": "RescaleIntercept",
    },
    "FrameContentSequence": {
        "StackID": "StackID",
        "TemporalPositionIndex": "TemporalPositionIdentifier",
        "FrameAcquisitionNumber": "AcquisitionNumber",
    },
    "MREchoSequence": {"EffectiveEchoTime": "EchoTime"},
    "MRDiffusionSequence": {"DiffusionBValue": "DiffusionBValue"},
    "MRImageFrameTypeSequence": {"FrameType": "ImageType"},
    "CTImageFrameTypeSequence": {"FrameType": "ImageType"},
    "CTReconstructionSequence": {"ConvolutionKernel": "ConvolutionKernel"},
}
"""Functional group, its elements, and the name of each in a classic slice."""


def read_volume(path: Path) -> Series:
    """Return the volumes of an Enhanced object, all on one grid. Raises UnfitError where it holds none, or others."""
    keywords = (*_COMMON, *_GROUPS, "NumberOfFrames", "PixelPresentation", "DimensionIndexSequence")
    header, pixel_bytes = read_header(path, keywords)
    with quiet():
        try:
            frames = _frames(path, header)
            check_size(pixel_bytes, frames[0].shape, frames[0].layout, frames[0].syntax, len(frames))
        except READ_ERRORS:
            raise UnfitError("has functional groups that cannot be read") from None
    first = frames[0]
    if any(frame.kin != first.kin or not frame.plane.is_parallel(first.plane) for frame in frames):
        raise UnfitError("holds stacks of several kinds or directions, and only one stack per file is treated yet")
    return arrange(frames)


def _frames(path: Path, header: FileDataset) -> list[Instance]:
    elements = Elements(header)
    _check(elements, header)
    sop_class, syntax = sop_class_of(header), syntax_of(header)
    shape_of(elements), layout_of(elements)
    shared, each = (header[keyword].value if keyword in header else () for keyword in _GROUPS)
    if not each or len(each) != (elements.whole("NumberOfFrames") or 0):
        raise UnfitError("is a multi-frame object that does not say where its frames lie")
    frames = []
    for index, groups in enumerate(each):
        flat = Elements(_flat(header, [*shared, groups], index))
        check_kind(flat)
        frames.append(instance_of(flat, path, sop_class, syntax, index))
    return frames


def _check(elements: Elements, header: Dataset) -> None:
    if elements.text("PixelPresentation") not in ("", "MONOCHROME"):
        raise UnfitError("has colours laid over its values, which super-resolution would mix")
    pointers = [item.get("DimensionIndexPointer") for item in header.get("DimensionIndexSequence") or ()]
    if any(pointer is not None and pointer.is_private for pointer in pointers):
        raise UnfitError("orders its frames by private attributes, which are not understood")


def _flat(header: Dataset, groups: Sequence | list[Dataset], index: int) -> Dataset:
    flat = Dataset()
    for keyword in _COMMON:
        if keyword in header:
            flat[keyword] = header[keyword]
    flat.InstanceNumber = index + 1
    for group in groups:
        for sequence, names in _FLAT.items():
            for item in group.get(sequence) or ():
                for keyword, name in names.items():
                    if item.get(keyword) not in (None, ""):
                        setattr(flat, name, item[keyword].value)
    return flat
