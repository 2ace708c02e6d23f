"""Opens DICOM files without letting pydicom speak about their content.

pydicom's warnings and errors quote values (a birth date, a whole element); here they become a sentence with a tag.
"""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import Dataset, FileDataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.datadict import tag_for_keyword
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian

from srkit_medical.dicom.archive import first_bytes, opened
from srkit_medical.dicom.deflated import is_bomb

READ_ERRORS = (
    ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError, RuntimeError, EOFError, OSError,
    MemoryError, AssertionError, struct.error, zlib.error, InvalidDicomError, BytesLengthException,
)  # fmt: skip
"""What pydicom and its decoders raise on broken files."""

UNDEFINED = 0xFFFFFFFF
_FLOATS = (0x0008, 0x0009)  # FloatPixelData, DoubleFloatPixelData
_LONG_FORMS = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN", b"SQ", b"UT", b"UC", b"UR")
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")  # file meta or identification, either byte order
_PIXEL_KEYWORDS = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel",
    "PhotometricInterpretation", "NumberOfFrames", "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelData",
)  # fmt: skip


class UnfitError(Exception):
    """A file or series that cannot be an item; `failed` as in `srkit.Skipped`.

    `series` and `uid` tell which series thereby lacks a slice, and `image_type` of what kind it is, where the file
    could say so. One that is `doubtful` is no image as far as is known here, or a damaged slice.
    """

    def __init__(self, reason: str, *, failed: bool = True, doubtful: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.failed = failed
        self.doubtful = doubtful
        self.series: str | None = None
        self.uid = ""
        self.image_type: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Which file of a concatenation one is: its ConcatenationUID, its number from 1, and of how many (0: unknown)."""

    uid: str
    number: int
    total: int


class MultiFrameError(UnfitError):
    """A multi-frame file, which is read in another way; `part` where it is one of several that make an object."""

    def __init__(self, part: Part | None) -> None:
        super().__init__("is a multi-frame object")
        self.part = part


@contextmanager
def quiet() -> Iterator[None]:
    """Silence pydicom's warnings and log records, and let odd values pass through unjudged."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            logger.setLevel(level)


def claims_dicom(path: Path) -> bool:
    """Tell by the first bytes whether `path` may be a DICOM file: the magic, or a plausible first element."""
    head = first_bytes(path, 132)
    return head[128:] == b"DICM" or head[:2] in _FIRST_GROUPS


def read_header(path: Path, keywords: Sequence[str | int]) -> tuple[FileDataset, int | None]:
    """Return the elements named by `keywords` (or tags) and how many bytes of pixels the file really holds.

    The count is None where there is no pixel element, or one of floating-point numbers. Raises UnfitError where the
    file is broken.
    """
    with quiet(), opened(path) as file:
        if is_bomb(file):
            raise UnfitError("is deflated and would grow beyond what images do; it is not inflated")
        try:
            header = dcmread(file, stop_before_pixels=True, force=True, specific_tags=list(keywords))
            if header.file_meta.get("TransferSyntaxUID", None) == DeflatedExplicitVRLittleEndian:
                file.seek(0)
                return header, len(dcmread(file, force=True).get("PixelData", b"")) or None
            return header, _pixel_bytes(file, header)
        except READ_ERRORS:
            raise UnfitError("is a DICOM file whose header cannot be read; copy it again from its origin") from None


def read_whole(path: Path) -> FileDataset:
    """Return all of a file. Raises UnfitError where it is broken."""
    with quiet():
        try:
            with opened(path) as file:
                return dcmread(file, force=True)
        except READ_ERRORS:
            raise UnfitError("is a DICOM file that cannot be read; copy it again from its origin") from None


def read_attributes(path: Path) -> FileDataset:
    """Return all of a file up to its pixels. Raises UnfitError where it is broken."""
    with quiet():
        try:
            with opened(path) as file:
                return dcmread(file, stop_before_pixels=True, force=True)
        except READ_ERRORS:
            raise UnfitError("is a DICOM file that cannot be read; copy it again from its origin") from None


def read_pixels(path: Path) -> FileDataset:
    """Return the pixels of a file and what describes them, nothing else. Raises UnfitError where it is broken."""
    with quiet():
        try:
            with opened(path) as file:
                return dcmread(file, force=True, specific_tags=list(_PIXEL_KEYWORDS))
        except READ_ERRORS:
            raise UnfitError("is a DICOM file that cannot be read; copy it again from its origin") from None


def _pixel_bytes(file: BinaryIO, header: Dataset) -> int | None:
    implicit, little = header.original_encoding
    order = "<" if little else ">"
    start = file.read(8)
    if len(start) < 8:
        return None
    group, element, length = struct.unpack(f"{order}HHL", start)
    if group != 0x7FE0:
        return None
    if element in _FLOATS:
        return None
    if not implicit:
        if start[4:6] not in _LONG_FORMS:
            raise ValueError("pixels of an unknown form")
        (length,) = struct.unpack(f"{order}L", file.read(4))
    if length == UNDEFINED:
        return _fragment_bytes(file)
    here = file.tell()
    return int(min(length, file.seek(0, 2) - here))


def _fragment_bytes(file: BinaryIO) -> int:
    """Walk the fragments of encapsulated pixels; 0 where they end before their delimiter."""
    here = file.tell()
    size = file.seek(0, 2)
    file.seek(here)
    total = 0
    while len(item := file.read(8)) == 8:
        group, element, length = struct.unpack("<HHL", item)
        if (group, element) == (0xFFFE, 0xE0DD):
            return total
        if (group, element) != (0xFFFE, 0xE000) or file.tell() + length > size:
            return 0
        total += length
        file.seek(length, 1)
    return 0


class Elements:
    """Typed access to a data set: a missing or empty element is None, an unreadable one raises UnfitError."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def _raw(self, keyword: str) -> Any:
        try:
            value = self.dataset.get(keyword)
        except READ_ERRORS:
            raise UnfitError(f"has an unreadable {named(keyword)}") from None
        return None if value is None or value == "" else value

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return all values as text."""
        value = self._raw(keyword)
        if value is None:
            return ()
        return (str(value),) if isinstance(value, str) else tuple(str(v) for v in _many(value))

    def text(self, keyword: str) -> str:
        """Return the first value as text, empty where there is none."""
        return next(iter(self.texts(keyword)), "").strip()

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """Return all values as finite numbers."""
        value = self._raw(keyword)
        if value is None:
            return ()
        try:
            found = tuple(float(v) for v in _many(value))
        except READ_ERRORS:
            raise UnfitError(f"has a {named(keyword)} that is no number") from None
        if not all(isfinite(v) for v in found):
            raise UnfitError(f"has a {named(keyword)} that is not finite")
        return found

    def number(self, keyword: str) -> float | None:
        """Return the first value as a finite number."""
        return next(iter(self.numbers(keyword)), None)

    def whole(self, keyword: str) -> int | None:
        """Return the first value as a whole number."""
        found = self.number(keyword)
        return None if found is None else int(found)

    def by_tag(self, tag: int) -> str:
        """Return an element that has no keyword as text, empty where there is none."""
        try:
            element = self.dataset.get(tag)
            return "" if element is None else str(element.value)
        except READ_ERRORS:
            return ""

    def has_items(self, keyword: str) -> bool:
        """Tell whether a sequence is there with something in it."""
        return bool(self._raw(keyword))

    def has(self, keyword: str) -> bool:
        """Tell whether the element is there, empty or not."""
        return keyword in self.dataset


def named(keyword: str) -> str:
    """Return `Keyword (gggg,eeee)` for messages."""
    tag = tag_for_keyword(keyword) or 0
    return f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _many(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else (value,)
