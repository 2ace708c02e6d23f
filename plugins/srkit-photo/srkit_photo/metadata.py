"""The metadata of an output: what the input's said, where it is still true."""

from __future__ import annotations

import re
from dataclasses import replace

from srkit_photo.exif import made_true
from srkit_photo.photo import Metadata, Photo

_XMP_VALUES = r"""({name}\s*(?:=\s*["']|>)\s*)\d+"""
_XMP_WIDTHS = ("exif:PixelXDimension", "tiff:ImageWidth")
_XMP_HEIGHTS = ("exif:PixelYDimension", "tiff:ImageLength")
_XMP_THUMBNAILS = re.compile(rb"<xmp:Thumbnails>.*?</xmp:Thumbnails>|<xap:Thumbnails>.*?</xap:Thumbnails>", re.DOTALL)


def enlarged_metadata(photo: Photo, *, shape: tuple[int, int], scale: tuple[int, int]) -> Metadata:
    """Return the metadata of `photo` for its output of `shape` (rows, columns), upscaled by `scale`.

    Profile, texts and all that does not speak of pixels stay byte by byte; the physical size of a print stays too, so
    that the density grows by the scale.
    """
    mine = photo.metadata
    density = mine.density
    if density is not None:
        x, y = reversed(density) if photo.swapped else density
        density = (x * scale[1], y * scale[0])
    exif = made_true(mine.exif, shape=shape, scale=scale, swapped=photo.swapped) if mine.exif else b""
    return replace(mine, exif=exif, xmp=_xmp_made_true(mine.xmp, shape), density=density)


def has_damaged_exif(photo: Photo) -> bool:
    """Tell whether the camera settings make no sense, so that an output goes without."""
    exif = photo.metadata.exif
    return bool(exif) and not made_true(exif, shape=(1, 1), scale=(1, 1))


def _xmp_made_true(packet: bytes, shape: tuple[int, int]) -> bytes:
    values = {"tiff:Orientation": 1}
    values |= dict.fromkeys(_XMP_HEIGHTS, shape[0]) | dict.fromkeys(_XMP_WIDTHS, shape[1])
    for name, number in values.items():
        pattern = _XMP_VALUES.format(name=name).encode()
        packet = re.sub(pattern, lambda found, n=number: found[1] + str(n).encode(), packet)  # type: ignore[misc]
    return _XMP_THUMBNAILS.sub(b"", packet)
