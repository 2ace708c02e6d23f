"""Frames of an Enhanced object as instances: each gets a flat copy of what its functional groups say."""

from __future__ import annotations

from filecmp import cmp
from pathlib import Path

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.sequence import Sequence

from srkit.domain import Item
from srkit.errors import SrkitError
from srkit_medical.dicom.grouping import Series, arrange, by_kin, by_plane
from srkit_medical.dicom.instance import (
    Instance,
    check_kind,
    instance_of,
    sop_class_of,
    syntax_of,
)
from srkit_medical.dicom.pixels import read_stored
from srkit_medical.dicom.reading import READ_ERRORS, Elements, UnfitError, quiet, read_header
from srkit_medical.dicom.storage import check_size, layout_of, shape_of

_COMMON = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "FrameOfReferenceUID",
    "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "BurnedInAnnotation",
    "LossyImageCompression", "InstanceCreatorUID", "ImageType", "SeriesDescription",
)  # fmt: skip
"""What all frames share. Spacings at the top of the file are not among them: they are often stale."""
_GROUPS = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
_KEYWORDS = (*_COMMON, *_GROUPS, "NumberOfFrames", "PixelPresentation", "DimensionIndexSequence")
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
    "PETFrameTypeSequence": {"FrameType": "ImageType"},
    "CTReconstructionSequence": {"ConvolutionKernel": "ConvolutionKernel"},
}
"""Functional group, its elements, and the name of each in a classic slice."""


def read_volumes(*paths: Path) -> dict[str, Series | UnfitError]:
    """Return the stacks of an Enhanced object, each with all of its volumes, or why a stack cannot be treated.

    A concatenation has several files, in their order.

    The key is empty where there is one stack; else ``stack-01`` and so on, in the order of their first frames.
    Raises UnfitError where the object as a whole cannot be read.
    """
    frames: list[Instance] = []
    is_private = False
    for path in paths:
        header, pixel_bytes = read_header(path, _KEYWORDS)
        with quiet():
            try:
                found = _frames(path, header, len(frames))
                check_size(pixel_bytes, found[0].shape, found[0].layout, found[0].syntax, len(found))
                is_private |= _has_private_dimensions(header)
            except READ_ERRORS:
                raise UnfitError("has functional groups that cannot be read") from None
        frames += found
    stacks = [part for kin in by_kin(frames) for part in by_plane(kin)]
    width = max(2, len(str(len(stacks))))
    return {
        f"stack-{n:0{width}d}" if len(stacks) > 1 else "": _volume(stack, is_private=is_private)
        for n, stack in enumerate(stacks, start=1)
    }


def have_same_samples(item: Item, other: Item) -> bool:
    """Tell whether two volumes of Enhanced objects hold the same stored samples: as files, or frame by frame."""
    files = list(zip(item.paths, other.paths, strict=False))
    if all(a.is_file() and b.is_file() and cmp(a, b, shallow=False) for a, b in files):
        return True
    try:
        volumes = [read_volumes(*found.paths)[found.key] for found in (item, other)]
        frames = [volume.instances for volume in volumes if isinstance(volume, Series)]
        return all(np.array_equal(read_stored(a), read_stored(b)) for a, b in zip(*frames, strict=True))
    except (SrkitError, UnfitError):
        return False


def _volume(stack: list[Instance], *, is_private: bool) -> Series | UnfitError:
    try:
        check_kind(stack[0].image_type)
        series = arrange(stack)
    except UnfitError as error:
        error.image_type = stack[0].image_type
        return error
    if is_private and len(series.frames) > 1:
        return UnfitError("tells its volumes apart by private attributes, which are not understood")
    return series


def _frames(path: Path, header: FileDataset, before: int) -> list[Instance]:
    """Return the frames of a file that follows `before` frames in other files of its object."""
    elements = Elements(header)
    if elements.text("PixelPresentation") not in ("", "MONOCHROME"):
        raise UnfitError("has colours laid over its values, which super-resolution would mix")
    sop_class, syntax = sop_class_of(header), syntax_of(header)
    shape_of(elements), layout_of(elements)
    shared, each = (header[keyword].value if keyword in header else () for keyword in _GROUPS)
    if not each or len(each) != (elements.whole("NumberOfFrames") or 0):
        raise UnfitError("is a multi-frame object that does not say where its frames lie")
    return [
        instance_of(Elements(_flat(header, [*shared, groups], before + index)), path, sop_class, syntax, index)
        for index, groups in enumerate(each)
    ]


def _has_private_dimensions(header: Dataset) -> bool:
    pointers = [item.get("DimensionIndexPointer") for item in header.get("DimensionIndexSequence") or ()]
    return any(pointer is not None and pointer.is_private for pointer in pointers)


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
