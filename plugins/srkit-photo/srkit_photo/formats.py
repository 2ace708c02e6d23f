"""The photographic formats: how their files begin and end, and what they can hold. Light: no codec is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAX_PIXELS = 170_000_000
"""A photograph is held whole, so one that claims more is refused before anything is allocated."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    `dtypes` are the samples that it can hold, `largest` is the longest side in pixels.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    dtypes: tuple[str, ...]
    alpha: bool
    grey: bool
    largest: int


FORMATS = {
    entry.name: entry
    for entry in (
        Format("png", "PNG", (".png",), ("uint8", "uint16"), True, True, 2**31 - 1),
        Format("jpeg", "JPEG", (".jpg", ".jpeg", ".jpe"), ("uint8",), False, True, 65500),
        Format("tiff", "TIFF", (".tif", ".tiff"), ("uint8", "uint16", "float32"), True, True, 2**31 - 1),
        Format("webp", "WebP", (".webp",), ("uint8",), True, False, 16383),
        Format("bmp", "BMP", (".bmp",), ("uint8",), False, True, 2**31 - 1),
    )
}
TIFF_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def format_of(beginning: bytes) -> str | None:
    """Return the name of the format that a file's first 32 bytes show, None for any other kind of file."""
    if beginning.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if beginning.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if beginning.startswith(TIFF_BEGINNINGS):
        return "tiff"
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "webp"
    if beginning[:2] == b"BM" and beginning[6:10] == bytes(4) and beginning[14:18] in _BMP_HEADERS:
        return "bmp"
    return None


_BMP_HEADERS = tuple(size.to_bytes(4, "little") for size in (12, 40, 52, 56, 108, 124))


def claimed_format(path: Path) -> str | None:
    """Return the format that a file's name claims."""
    return next((f.name for f in FORMATS.values() if path.suffix.lower() in f.suffixes), None)


def suffix_for(path: Path, name: str) -> str:
    """Return the suffix of an output in format `name`: the input's own where that fits."""
    return path.suffix if path.suffix.lower() in FORMATS[name].suffixes else FORMATS[name].suffixes[0]
