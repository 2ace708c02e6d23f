"""JPEG: 8-bit grey and colour; every writing costs a little, so the best settings are used."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from srkit_photo.output import Output
from srkit_photo.photo import Array, Metadata, Photo

EXIF_PREFIX = b"Exif\0\0"
MAX_SEGMENT = 65533
LARGEST_DENSITY = 65535


def read_jpeg(path: Path) -> Photo:
    """Read a JPEG file. Raises InputError for broken, CMYK and huge ones."""
    from srkit_photo.pillow_files import opened, pixels_of, refuse_mode

    with opened(path, "jpeg") as image:
        refuse_mode(path, image.mode)
        pixels = pixels_of(image)
        info = image.info
        extra = getattr(image, "n_frames", 1) > 1
        metadata = Metadata(
            exif=info.get("exif", b"").removeprefix(EXIF_PREFIX),
            icc=info.get("icc_profile", b""),
            xmp=info.get("xmp", b""),
            iptc=next((data for name, data in getattr(image, "applist", ()) if name == "APP13"), b""),
            comment=info.get("comment", b""),
            density=_density(info),
        )
    notes = ("further images in the file (previews, gain maps) are left out",) if extra else ()
    return Photo("jpeg", pixels, lossless=False, metadata=metadata, notes=notes)


def _density(info: dict[str, object]) -> tuple[float, float] | None:
    """Return the density that the file's own header states; EXIF speaks for itself."""
    unit, density = info.get("jfif_unit"), info.get("jfif_density")
    if unit not in (1, 2) or not isinstance(density, tuple):
        return None
    per_inch = 1.0 if unit == 1 else 2.54
    return density[0] * per_inch, density[1] * per_inch


def write_jpeg(target: Path, pixels: Array, output: Output) -> None:
    """Write `pixels` ``(rows, columns, 1 or 3)`` with full colour resolution and their metadata."""
    from PIL import Image

    mine = output.metadata
    segments = {"exif": EXIF_PREFIX + mine.exif if mine.exif else b"", "icc_profile": mine.icc, "xmp": mine.xmp}
    extra = _segment(0xED, mine.iptc) + _segment(0xFE, output.sentence.encode("ascii", "replace"))
    settings: dict[str, Any] = {name: data for name, data in segments.items() if data}
    if mine.comment:
        settings["comment"] = mine.comment
    if mine.density is not None and max(mine.density) <= LARGEST_DENSITY:
        settings["dpi"] = mine.density
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.save(target, "JPEG", quality=output.quality, subsampling=0, optimize=True, extra=extra, **settings)


def _segment(marker: int, data: bytes) -> bytes:
    """Return a JPEG segment; nothing where there is no data, or more than a segment holds."""
    if not data or len(data) > MAX_SEGMENT:
        return b""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data
