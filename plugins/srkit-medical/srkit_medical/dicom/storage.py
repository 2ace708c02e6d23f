"""How one file stores its samples, and what they mean: type, bits, rescaling, padding. What cannot be so is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.pixels import apply_modality_lut
from pydicom.uid import UID

from srkit.image import Array
from srkit_medical.dicom.reading import READ_ERRORS, Elements, UnfitError, named

LARGEST_SIDE = 16384


@dataclass(frozen=True, slots=True)
class Layout:
    """How samples are stored: bits per sample in the file, bits in use, and whether they are signed."""

    allocated: int
    stored: int
    signed: bool

    @property
    def dtype(self) -> np.dtype[Any]:
        """Stored type."""
        return np.dtype(f"{'i' if self.signed else 'u'}{self.allocated // 8}")

    @property
    def limits(self) -> tuple[int, int]:
        """Lowest and highest value of the bits in use."""
        if self.signed:
            return -(2 ** (self.stored - 1)), 2 ** (self.stored - 1) - 1
        return 0, 2**self.stored - 1


def shape_of(elements: Elements) -> tuple[int, int]:
    """Return rows and columns."""
    rows, columns = elements.whole("Rows") or 0, elements.whole("Columns") or 0
    if rows < 1 or columns < 1:
        raise UnfitError("has no Rows (0028,0010) or Columns (0028,0011)")
    return rows, columns


def layout_of(elements: Elements) -> Layout:
    """Return how samples are stored."""
    colours = elements.text("PhotometricInterpretation")
    if (elements.whole("SamplesPerPixel") or 1) != 1 or colours not in ("MONOCHROME1", "MONOCHROME2"):
        raise UnfitError("is a colour image, not a slice of grey values", failed=False, doubtful=True)
    allocated = elements.whole("BitsAllocated") or 0
    stored = elements.whole("BitsStored") or 0
    if allocated not in (8, 16, 32) or not 1 <= stored <= allocated:
        raise UnfitError(f"stores {stored} of {allocated} bits per sample; srkit treats 8, 16 and 32")
    if (elements.whole("HighBit") or 0) != stored - 1:
        raise UnfitError(f"has its samples in unusual bits ({named('HighBit')} is not BitsStored - 1)")
    return Layout(allocated, stored, elements.whole("PixelRepresentation") == 1)


def check_size(pixel_bytes: int | None, shape: tuple[int, int], layout: Layout, syntax: UID, frames: int = 1) -> None:
    """Raise UnfitError where the file cannot hold the samples that it claims."""
    if pixel_bytes is None:
        raise UnfitError("has no pixel data, or only floating-point numbers, which a slice never holds")
    rows, columns = shape
    if not syntax.is_compressed or syntax.is_deflated:
        if pixel_bytes < frames * rows * columns * layout.allocated // 8:
            claimed = f"{frames} x {rows} x {columns}" if frames > 1 else f"{rows} x {columns}"
            raise UnfitError(f"is cut short: {pixel_bytes} bytes of pixels for {claimed} samples")
    elif pixel_bytes == 0:
        raise UnfitError("is cut short: its compressed pixels have no end")
    elif max(shape) > LARGEST_SIDE:
        raise UnfitError(f"claims {rows} x {columns} samples in {pixel_bytes} bytes")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A modality lookup table (PS3.3, C.11.1): what each stored sample from `first` on means, as ``uint16``."""

    first: int
    values: Array

    def of(self, samples: Array) -> Array:
        """Return what samples mean."""
        found: Array = self.values[samples.astype(np.int64) - self.first]
        return found


TABLED = Layout(16, 16, signed=False)
"""How values that come from a table are stored in an output, which has none."""


def table_of(elements: Elements, layout: Layout) -> Table | None:
    """Return the table by which a file maps its samples; None without one. Raises UnfitError for an unusable one."""
    if not elements.has_items("ModalityLUTSequence"):
        return None
    if layout.allocated > 16 or elements.has("PixelPaddingValue"):
        raise UnfitError("maps its values by a table, which is not treated together with padding or beyond 16 bits")
    low, high = layout.limits
    try:
        values = apply_modality_lut(np.arange(low, high + 1), elements.dataset).astype(np.int64)
    except READ_ERRORS:
        raise UnfitError("maps its values by a table that cannot be read") from None
    if values.min() < 0 or values.max() > TABLED.limits[1]:
        raise UnfitError("maps its values by a table of more than 16 bits")
    return Table(low, values.astype(TABLED.dtype))


def rescale_of(elements: Elements) -> tuple[float, float, frozenset[str]]:
    """Return slope and intercept, 1 and 0 where a file names none, and notes. Raises UnfitError for a slope of 0."""
    if elements.has_items("ModalityLUTSequence"):
        return 1.0, 0.0, frozenset({"table"})
    slope, intercept = elements.number("RescaleSlope"), elements.number("RescaleIntercept")
    if slope == 0:
        raise UnfitError(f"has a {named('RescaleSlope')} of 0")
    alone = (slope is None) != (intercept is None)
    return slope or 1.0, intercept or 0.0, frozenset({"half-rescale"} if alone else ())


def padding_of(elements: Elements, layout: Layout) -> tuple[int, int, int] | None:
    """Return the lowest and the highest stored value that means "no data", and which of them is written."""
    value = elements.whole("PixelPaddingValue")
    if value is None:
        return None
    limit = elements.whole("PixelPaddingRangeLimit")
    ends = [_as_stored(v, layout) for v in (value, value if limit is None else limit)]
    low, high = layout.limits
    if not all(low <= end <= high for end in ends):
        return None  # no sample can hold it
    return min(ends), max(ends), ends[0]


def _as_stored(value: int, layout: Layout) -> int:
    """Return a padding value that was written with the wrong sign (63536 for -2000) as what samples hold."""
    if layout.signed and value >= 2 ** (layout.allocated - 1):
        return value - (1 << layout.allocated)
    return value
