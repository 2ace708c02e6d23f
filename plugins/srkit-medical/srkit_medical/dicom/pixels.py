"""Stored samples of one instance, decoded, and which of them are no data."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from pydicom import FileDataset
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import UID

from srkit.errors import InputError, MissingRequirementError
from srkit.image import Array, BoolArray
from srkit_medical.dicom.archive import changed
from srkit_medical.dicom.archive import opened as opened_file
from srkit_medical.dicom.instance import Instance, Tile
from srkit_medical.dicom.reading import READ_ERRORS, UnfitError, quiet, read_pixels
from srkit_medical.dicom.streams import check_frame

AIR_HU = -1024
RUST = "pyo3_runtime"
"""Where the panic of a decoder that is written in Rust (RLE) comes from: no `Exception`, it would end the whole run."""
_CODECS = "'srkit-medical[codecs]'"
_PACKAGES = {
    "1.2.840.10008.1.2.4.57": _CODECS,
    "1.2.840.10008.1.2.4.70": _CODECS,
    "1.2.840.10008.1.2.5": "pylibjpeg-rle",
    "1.2.840.10008.1.2.4.80": "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.50": "pillow",
    "1.2.840.10008.1.2.4.51": _CODECS,
}


def require_decoder(syntax: UID) -> None:
    """Raise MissingRequirementError, naming syntax and package, where compressed pixels have no decoder here.

    Raises InputError where there is none anywhere.
    """
    if not syntax.is_compressed or syntax.is_deflated:
        return
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        raise InputError(f"srkit decodes no {syntax.name}; convert the series first") from None
    if not available:
        package = _PACKAGES.get(str(syntax), "pylibjpeg-openjpeg")
        raise MissingRequirementError(
            f"no decoder for the transfer syntax {syntax.name}; install one with `pip install {package}`"
        )


def read_stored(instance: Instance, opened: FileDataset | None = None) -> Array:
    """Return the ``(rows, columns)`` stored samples in the stored type. Raises InputError where they are broken.

    `opened` is the instance's file if it is at hand: the header of a multi-frame file takes long to read.
    """
    samples = _decoded(instance, opened)
    if samples.shape != instance.shape or samples.dtype.kind not in "iu":
        raise InputError(f"{instance.path}: its pixels decode to {samples.shape}, its header says {instance.shape}")
    if instance.table is not None:
        return instance.table.of(samples)
    stored: Array = samples.astype(instance.layout.dtype)
    if stored.dtype != samples.dtype and not np.array_equal(stored, samples):
        raise InputError(f"{instance.path}: its pixels do not fit {instance.layout.dtype}, as its header says")
    return stored


def _decoded(instance: Instance, opened: FileDataset | None) -> Array:
    path, shape, tile = instance.path, instance.shape, instance.tile
    broken = InputError(f"{path}: its pixels cannot be decoded; copy it again from its origin")
    with quiet():
        try:
            if tile is not None:
                whole = shape[0] * tile.across, shape[1] * tile.across
                return _cut(_sheet(path, changed(path), whole, instance.syntax), shape, tile)
            if opened is not None:
                return _frame_of(opened, instance.frame_index, shape, instance.syntax)
            return _frame(path, instance.frame_index, shape, instance.syntax)
        except (UnfitError, *READ_ERRORS):
            raise broken from None
        except BaseException as error:
            if type(error).__module__ == RUST:
                raise broken from None
            raise


def _frame(path: Path, index: int, shape: tuple[int, int], syntax: UID) -> Array:
    if syntax.is_encapsulated or syntax.is_deflated:
        return _frame_of(read_pixels(path), index, shape, syntax)
    with opened_file(path) as file:
        frame: Array = pixel_array(file, raw=True, index=index)
    return frame


def _frame_of(opened: FileDataset, index: int, shape: tuple[int, int], syntax: UID) -> Array:
    if syntax.is_encapsulated:
        check_frame(opened, index, shape)
    frame: Array = pixel_array(opened, raw=True, index=index)
    return frame


@lru_cache(maxsize=2)
def _sheet(path: Path, when: int, shape: tuple[int, int], syntax: UID) -> Array:
    """Return a mosaic, which is decoded once for all of its tiles."""
    return _frame(path, 0, shape, syntax)


def _cut(sheet: Array, shape: tuple[int, int], tile: Tile) -> Array:
    rows, columns = shape
    if sheet.shape != (rows * tile.across, columns * tile.across):
        raise ValueError("the sheet has another size than its header says")
    top, left = tile.row * rows, tile.column * columns
    return sheet[top : top + rows, left : left + columns]


def valid_samples(instance: Instance, stored: Array) -> BoolArray | None:
    """Return where samples are real data, None where all are.

    No data is what PixelPaddingValue says, and what fills a CT picture from its border below -1024 HU: scanners
    write -2000 or -3024 around their circle without saying so.
    """
    padding = np.zeros(stored.shape, dtype=np.bool_)
    if instance.padding is not None:
        low, high, _ = instance.padding
        padding |= (stored >= low) & (stored <= high)
    if instance.domain == "ct":
        padding |= np.isin(stored, _fillers(instance, stored))
    return ~padding if padding.any() else None


def _fillers(instance: Instance, stored: Array) -> Array:
    border = np.concatenate([stored[0], stored[-1], stored[:, 0], stored[:, -1]])
    return np.unique(border[border * instance.slope + instance.intercept < AIR_HU])
