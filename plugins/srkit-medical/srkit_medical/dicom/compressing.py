"""Pixels of outputs, compressed without loss on request."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from pydicom import Dataset
from pydicom.pixels import get_encoder, pixel_array
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from srkit.errors import UsageError
from srkit.image import Array, OutputPlan
from srkit_medical.dicom.reading import READ_ERRORS, quiet
from srkit_medical.dicom.storage import Layout

SYNTAXES = {
    "none": ExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpegls": JPEGLSLossless,
    "j2k": JPEG2000Lossless,
}
ITEM = b"\xfe\xff\x00\xe0"


def syntax_for(plan: OutputPlan) -> UID:
    """Return the transfer syntax that the option `compress` asks for; plain Explicit VR Little Endian without it."""
    return SYNTAXES[str(plan.options.get("compress", "none"))]


def require_encoder(syntax: UID, layout: Layout, target: object) -> None:
    """Raise UsageError where samples of `layout` do not come back from `syntax` as they went in."""
    low, high = layout.limits
    ramp = np.linspace(low, high, 64 * 64).reshape(64, 64).astype(layout.dtype)
    with quiet():
        try:
            again = decoded(encoded(ramp, layout, syntax), ramp.shape, layout, syntax)
        except READ_ERRORS:
            again = None
    if again is None or not np.array_equal(again, ramp):
        raise UsageError(
            f"{target}: {syntax.name} cannot hold samples of {layout.stored} bits of {layout.dtype}; "
            "leave out --compress"
        )


def encoded(stored: Array, layout: Layout, syntax: UID) -> bytes:
    """Return ``(rows, columns)`` samples as the bytes of one frame, of even length."""
    if not syntax.is_compressed:
        data = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("<")).tobytes()
    else:
        data = get_encoder(syntax).encode(np.ascontiguousarray(stored), **_description(stored.shape, layout))
    return data + b"\0" * (len(data) % 2)


def decoded(frame: bytes, shape: tuple[int, ...], layout: Layout, syntax: UID) -> Array:
    """Return the samples of one frame of compressed bytes."""
    dataset = Dataset()
    for keyword, value in _description(shape, layout).items():
        words = "".join(word.capitalize() for word in keyword.split("_"))
        setattr(dataset, words, value)
    dataset.HighBit = layout.stored - 1
    set_pixel_data(dataset, as_item(b"") + as_item(frame), layout, syntax)
    dataset.file_meta = _meta(syntax)
    samples: Array = pixel_array(dataset, raw=True)
    return samples


def as_item(frame: bytes) -> bytes:
    """Return a frame as an item of encapsulated pixels; an empty one is the table of offsets that goes before all."""
    return ITEM + len(frame).to_bytes(4, "little") + frame


def set_pixel_data(dataset: Dataset, data: bytes | BinaryIO, layout: Layout, syntax: UID) -> None:
    """Set PixelData to `data`: plain samples, or the items of encapsulated pixels."""
    plain = not syntax.is_compressed
    dataset.add_new("PixelData", "OW" if plain and layout.allocated > 8 else "OB", data)
    dataset["PixelData"].is_undefined_length = not plain


def _description(shape: tuple[int, ...], layout: Layout) -> dict[str, Any]:
    return {
        "rows": shape[0],
        "columns": shape[1],
        "samples_per_pixel": 1,
        "number_of_frames": 1,
        "bits_allocated": layout.allocated,
        "bits_stored": layout.stored,
        "pixel_representation": int(layout.signed),
        "photometric_interpretation": "MONOCHROME2",
    }


def _meta(syntax: UID) -> Any:
    from pydicom.dataset import FileMetaDataset

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    return meta
