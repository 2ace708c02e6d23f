"""What one DICOM file says that matters here, read once into plain typed values; and which files are refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import FileDataset
from pydicom.uid import UID

from srkit_medical.dicom.geometry import FloatArray, Plane
from srkit_medical.dicom.reading import (
    READ_ERRORS,
    Elements,
    MultiFrameError,
    Part,
    UnfitError,
    named,
    quiet,
    read_header,
)
from srkit_medical.dicom.storage import (
    TABLED,
    Layout,
    Table,
    check_size,
    layout_of,
    padding_of,
    rescale_of,
    shape_of,
    table_of,
)
from srkit_medical.dicom.uids import CREATOR

CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "ct",
    "1.2.840.10008.5.1.4.1.1.4": "mri",
    "1.2.840.10008.5.1.4.1.1.128": "pet",
}
ENHANCED = {
    "1.2.840.10008.5.1.4.1.1.2.1": "ct",
    "1.2.840.10008.5.1.4.1.1.2.2": "ct",
    "1.2.840.10008.5.1.4.1.1.4.1": "mri",
    "1.2.840.10008.5.1.4.1.1.4.4": "mri",
    "1.2.840.10008.5.1.4.1.1.130": "pet",
    "1.2.840.10008.5.1.4.1.1.128.1": "pet",
}
DIRECTORY = "1.2.840.10008.1.3.10"
STANDARD = "1.2.840.10008."
"""How UIDs of the standard begin; vendors have roots of their own."""
_LEGAL_UID = re.compile(r"[12](\.(0|[1-9]\d*))+")

ORDERS = (
    "TemporalPositionIdentifier", "AcquisitionNumber", "TriggerTime", "DiffusionBValue", "EchoTime",
    "AcquisitionDateTime", "AcquisitionTime", "InstanceNumber",
)  # fmt: skip
"""Elements that may tell apart slices of one position, the most telling first."""

KEYWORDS = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "FrameOfReferenceUID",
    "ImageType", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated",
    "BitsStored", "HighBit", "PixelRepresentation", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient",
    "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "PixelPaddingValue", "PixelPaddingRangeLimit",
    "SliceThickness", "SpacingBetweenSlices", "SliceLocation", "EchoNumbers", "StackID", "ConvolutionKernel",
    "ScanOptions", "Units", "CorrectedImage",
    "DiffusionGradientOrientation", "BurnedInAnnotation", "AcquisitionMatrix", "LossyImageCompression",
    "InstanceCreatorUID", "SeriesDescription", "ConcatenationUID", "InConcatenationNumber",
    "InConcatenationTotalNumber", "ImagesInAcquisition", *ORDERS,
)  # fmt: skip

_KIN = {
    "ct": ("ConvolutionKernel", "ScanOptions"),
    "mri": ("EchoNumbers", "EchoTime"),
    "pet": ("Units", "CorrectedImage"),
}
"""What slices of one volume of a domain have in common besides."""

OVERLAYS = tuple(start + (n << 17) for start in (0x60000010, 0x50000005) for n in range(16))
"""OverlayRows of each group of overlays, CurveDimensions of each group of curves."""

PHILIPS_CREATOR, PHILIPS_SCALE = 0x20050010, 0x2005100E
"""Which vendor a private block is of, and its element that tells how shown values relate to true ones."""

_SIDE_PRODUCTS = {
    "LOCALIZER": "is a localizer",
    "P": "holds phase, which must not be interpolated across its wraps",
    "PHASE": "holds phase, which must not be interpolated across its wraps",
    "PHASE MAP": "holds phase, which must not be interpolated across its wraps",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """Where a slice lies on a sheet of `across` by `across` slices, and how long after the sheet it was acquired."""

    row: int
    column: int
    across: int
    delay_s: float = field(default=0.0, repr=False, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One slice of a series, without its pixels.

    Parameters
    ----------
    domain
        ``"ct"``, ``"mri"`` or ``"pet"``.
    kin
        What slices of one volume have in common besides position, orientation and spacing.
    orders
        Values of `ORDERS`, None where there is none.
    padding
        Lowest and highest stored value that means "no data", and which of them is written.
    notes
        Keys of findings that concern the file: ``burned-in``, ``interpolated``, ``monochrome1``, ``lossy`` and so on.
    frame_index
        Which frame of a multi-frame file it is.
    tile
        Which part of a mosaic it is; None where it is a picture of its own.
    image_type
        All values of ImageType, of FrameType for a frame.
    images
        ImagesInAcquisition.
    table
        By which stored samples of the file become those that `layout` speaks of; None where they are the same.
    description
        SeriesDescription, to be matched and never told.
    gap
        Where the slice was missing, and is made of its neighbours; None where it is real.
    philips_scale
        Philips' private ScaleSlope as text, empty where there is none.
    """

    path: Path
    domain: str
    uid: str
    sop_class: str
    study: str
    series: str
    frame: str
    patient: str
    plane: Plane
    shape: tuple[int, int]
    layout: Layout
    slope: float
    intercept: float
    padding: tuple[int, int, int] | None
    syntax: UID
    kin: tuple[Any, ...]
    orders: tuple[Any, ...]
    thickness_mm: float
    spacing_mm: float
    location: float | None
    notes: frozenset[str]
    frame_index: int = 0
    philips_scale: str = ""
    tile: Tile | None = None
    image_type: tuple[str, ...] = ()
    images: int | None = None
    table: Table | None = field(default=None, repr=False)
    description: str = field(default="", repr=False)
    gap: Gap | None = field(default=None, repr=False)

    @property
    def has_identity(self) -> bool:
        """Tell whether SOPInstanceUID and SeriesInstanceUID are such that others may refer to them."""
        return is_legal(self.uid) and is_legal(self.series)

    @property
    def is_own(self) -> bool:
        """Tell whether srkit made it."""
        return "own" in self.notes

    @property
    def origins(self) -> tuple[Instance, ...]:
        """The real slices that it is: itself, or its neighbours where it was missing."""
        return (self,) if self.gap is None else (self.gap.low, self.gap.high)

    @property
    def number(self) -> int | None:
        """InstanceNumber."""
        return None if self.orders[-1] is None else int(self.orders[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """The neighbours of a slice that is missing, and which `share` of the way from the lower one it would lie."""

    low: Instance
    high: Instance
    share: float


class MosaicError(UnfitError):
    """A sheet with many slices side by side; `sheet` is what it would be as one slice."""

    def __init__(self, sheet: Instance) -> None:
        super().__init__("is a Siemens mosaic: tiles of many slices in one picture")
        self.sheet = sheet


def read_instance(path: Path) -> Instance:
    """Return what the file at `path` says.

    Raises UnfitError where it cannot be a slice of an item, as a MosaicError where it holds many side by side.
    """
    header, pixel_bytes = read_header(path, (*KEYWORDS, *OVERLAYS, PHILIPS_CREATOR, PHILIPS_SCALE))
    with quiet():  # elements are decoded, and pydicom's warnings given, when they are asked for
        try:
            return _instance(path, header, pixel_bytes)
        except UnfitError as error:
            elements = Elements(header)
            error.series, error.uid = elements.text("SeriesInstanceUID"), elements.text("SOPInstanceUID")
            error.image_type = elements.texts("ImageType")
            raise
        except READ_ERRORS:
            raise UnfitError("is a DICOM file whose header makes no sense; copy it again from its origin") from None


def _instance(path: Path, header: FileDataset, pixel_bytes: int | None) -> Instance:
    elements = Elements(header)
    sop_class = sop_class_of(header)
    _check_class(sop_class, elements)
    check_kind(elements.texts("ImageType"))
    if (elements.whole("NumberOfFrames") or 1) > 1:
        raise UnfitError("holds several frames under a single-frame class; their positions are not known")
    syntax = syntax_of(header)
    check_size(pixel_bytes, shape_of(elements), layout_of(elements), syntax)
    instance = instance_of(elements, path, sop_class, syntax)
    if "MOSAIC" in (value.strip().upper() for value in elements.texts("ImageType")):
        raise MosaicError(instance)
    return instance


def is_legal(uid: str) -> bool:
    """Tell whether `uid` is a UID as PS3.5, 9.1 has them."""
    return _LEGAL_UID.fullmatch(uid) is not None and len(uid) <= 64


def sop_class_of(header: FileDataset) -> str:
    """Return the class of a file; some de-identified ones keep it in the file meta information alone."""
    return Elements(header).text("SOPClassUID") or str(header.file_meta.get("MediaStorageSOPClassUID", ""))


def syntax_of(header: FileDataset) -> UID:
    """Return how a file is encoded."""
    syntax = UID(str(header.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2")))
    if not syntax.is_transfer_syntax:
        raise UnfitError("names a transfer syntax (0002,0010) that there is not; copy it again from its origin")
    return syntax


def instance_of(elements: Elements, path: Path, sop_class: str, syntax: UID, frame_index: int = 0) -> Instance:
    """Return what `elements` say of one slice. Raises UnfitError where that is not enough or not usable."""
    domain = CLASSES.get(sop_class) or ENHANCED[sop_class]
    shape, layout = shape_of(elements), layout_of(elements)
    table = table_of(elements, layout)
    layout = layout if table is None else TABLED
    slope, intercept, notes = rescale_of(elements)
    return Instance(
        path=path,
        domain=domain,
        uid=elements.text("SOPInstanceUID"),
        sop_class=sop_class,
        study=elements.text("StudyInstanceUID"),
        series=elements.text("SeriesInstanceUID"),
        frame=elements.text("FrameOfReferenceUID"),
        patient=elements.text("PatientID"),
        plane=_plane_of(elements),
        shape=shape,
        layout=layout,
        slope=slope,
        intercept=intercept,
        padding=padding_of(elements, layout),
        syntax=syntax,
        kin=(sop_class, shape, layout, *_kin_of(elements, domain, sop_class)),
        orders=tuple(_order_of(elements, keyword) for keyword in ORDERS),
        thickness_mm=abs(elements.number("SliceThickness") or 0.0),
        spacing_mm=abs(elements.number("SpacingBetweenSlices") or 0.0),
        location=elements.number("SliceLocation"),
        notes=notes | _notes_of(elements, shape, layout),
        frame_index=frame_index,
        philips_scale=_philips_scale_of(elements),
        image_type=elements.texts("ImageType"),
        images=elements.whole("ImagesInAcquisition"),
        table=table,
        description=elements.text("SeriesDescription"),
    )


def _check_class(sop_class: str, elements: Elements) -> None:
    if not sop_class:
        raise UnfitError("is named or begins like a DICOM file, but has no SOPClassUID (0008,0016)")
    if not is_legal(sop_class):
        raise UnfitError("has a SOPClassUID (0008,0016) that is none; copy it again from its origin")
    if sop_class in ENHANCED:
        raise MultiFrameError(_part_of(elements))
    if sop_class not in CLASSES:
        reason = f"is of {_class_name(sop_class)}, not a slice of MR, CT or PET"
        raise UnfitError(reason, failed=False, doubtful=_is_doubtful(sop_class))


def _part_of(elements: Elements) -> Part | None:
    uid = elements.text("ConcatenationUID")
    number, total = (elements.whole(f"InConcatenation{name}Number") or 0 for name in ("", "Total"))
    return Part(uid, number, total) if uid and number > 0 else None


def check_kind(image_type: Sequence[str]) -> None:
    """Raise UnfitError for pictures that are no slices, or whose values must not be interpolated."""
    kinds = {value.strip().upper() for value in image_type}
    for kind, reason in _SIDE_PRODUCTS.items():
        if kind in kinds:
            raise UnfitError(reason, failed=False)


def _class_name(sop_class: str) -> str:
    name = UID(sop_class).name
    return "an unknown class" if name == sop_class else f"the class {name.removesuffix(' Storage')}"


def _is_doubtful(sop_class: str) -> bool:
    """Tell whether a class claims to be the standard's, and is not: damaged, or newer than what is known here."""
    return sop_class.startswith(STANDARD) and UID(sop_class).name == sop_class


def _plane_of(elements: Elements) -> Plane:
    spacing = elements.numbers("PixelSpacing")
    position = elements.numbers("ImagePositionPatient")
    directions = np.array(elements.numbers("ImageOrientationPatient"))
    if len(spacing) != 2 or min(spacing) <= 0:
        raise UnfitError(f"has no usable {named('PixelSpacing')}")
    if len(position) != 3 or len(directions) != 6:
        raise UnfitError("does not say where it lies (ImagePositionPatient, ImageOrientationPatient)")
    across, down = directions[:3], directions[3:]
    if not _is_orthonormal(across, down):
        raise UnfitError(f"has rows and columns that are not at right angles ({named('ImageOrientationPatient')})")
    return Plane(np.array(position), across, down, (spacing[0], spacing[1]))


def _is_orthonormal(across: FloatArray, down: FloatArray) -> bool:
    return bool(max(abs(across @ across - 1), abs(down @ down - 1), abs(across @ down)) <= 2e-3)


def _philips_scale_of(elements: Elements) -> str:
    is_philips = elements.by_tag(PHILIPS_CREATOR).startswith("Philips MR")
    return elements.by_tag(PHILIPS_SCALE) if is_philips else ""


def _kin_of(elements: Elements, domain: str, sop_class: str) -> tuple[Any, ...]:
    """Return what slices of one volume share; echoes of one Enhanced object are volumes on one grid, like times."""
    image_type = elements.texts("ImageType")
    own = _KIN[domain]
    kernel_or_echo = ("ConvolutionKernel", "StackID") if sop_class in ENHANCED else own
    return (
        elements.text("PhotometricInterpretation"),
        elements.text("FrameOfReferenceUID"),
        image_type[:3] if domain == "ct" else image_type,  # GE adds a fourth value to single slices of a CT volume
        *(elements.texts(keyword) for keyword in kernel_or_echo),
    )


def _order_of(elements: Elements, keyword: str) -> float | str | None:
    if keyword.startswith("Acquisition") and keyword.endswith("Time"):
        return elements.text(keyword) or None
    try:
        return elements.number(keyword)
    except UnfitError:
        return None


def _notes_of(elements: Elements, shape: tuple[int, int], layout: Layout) -> frozenset[str]:
    notes = {
        "burned-in": elements.text("BurnedInAnnotation").upper() == "YES",
        "interpolated": is_interpolated(elements, shape),
        "monochrome1": elements.text("PhotometricInterpretation") == "MONOCHROME1",
        "lossy": elements.text("LossyImageCompression") == "01",
        "overlay": any(elements.by_tag(tag) for tag in OVERLAYS),
        "own": elements.text("InstanceCreatorUID") == CREATOR,
        "useless padding": elements.has("PixelPaddingValue") and padding_of(elements, layout) is None,
    }
    return frozenset(key for key, holds in notes.items() if holds)


def is_interpolated(elements: Elements, shape: tuple[int, int]) -> bool:
    """Tell whether fewer samples were acquired along the longer side than are stored."""
    matrix = [n for n in elements.numbers("AcquisitionMatrix") if n > 0]
    return bool(matrix) and max(matrix) < max(shape)
