"""Camera settings in TIFF files: their directories are carried to and from EXIF blocks."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from srkit_photo.tiff_structure import LONG, BrokenStructureError, TiffStructure

POINTERS = (0x8769, 0x8825)  # camera settings, GPS
PLACEHOLDERS = {0x8769: 0x8768, 0x8825: 0x8823}
"""Tags that stand for the pointers while tifffile writes, which refuses those; each sorts where its pointer belongs."""
POINTER_TO_INTEROPERABILITY = 0xA005
DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0112, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x8298)
"""Tags of a TIFF's own directory that EXIF knows too: texts, orientation, resolution."""


@dataclass(frozen=True, slots=True)
class Value:
    """An entry away from its place: a tag with its bytes in the byte order of its file."""

    tag: int
    kind: int
    count: int
    content: bytes


def exif_block(content: bytes) -> bytes:
    """Return the EXIF block that a classic TIFF file amounts to; empty if it holds no camera settings."""
    try:
        structure = TiffStructure(content)
        directories = {tag: _values(structure, at) for tag in POINTERS if (at := _directory_at(structure, tag))}
        own = [value for value in _values(structure, structure.first) if value.tag in DESCRIPTIVE]
    except BrokenStructureError:
        return b""
    if not directories:
        return b""
    block = bytearray(bytes(content[:4]) + bytes(4))
    for tag, values in directories.items():
        own.append(Value(tag, LONG, 1, struct.pack(f"{structure.order}I", len(block))))
        block += _packed(structure.order, values, len(block))
    struct.pack_into(f"{structure.order}I", block, 4, len(block))
    return bytes(block + _packed(structure.order, sorted(own, key=lambda v: v.tag), len(block)))


def byte_order(block: bytes) -> str:
    """Return the byte order of an EXIF block, ``<`` or ``>``."""
    return ">" if block[:2] == b"MM" else "<"


def pointers_in(block: bytes) -> tuple[int, ...]:
    """Return the tags of the directories that an EXIF block holds."""
    try:
        structure = TiffStructure(block)
        return tuple(tag for tag in POINTERS if _directory_at(structure, tag))
    except BrokenStructureError:
        return ()


def append_directories(target: Path, block: bytes) -> None:
    """Append the directories of `block` to a TIFF of the same byte order that has placeholders for them."""
    source, tiff = TiffStructure(block), TiffStructure(target.read_bytes())
    for tag in pointers_in(block):
        entry = tiff.find(tiff.first, PLACEHOLDERS[tag])
        if entry is None:
            continue
        tiff.data += bytes(len(tiff.data) % 2)
        at = len(tiff.data)
        tiff.data += _packed(tiff.order, _values(source, _directory_at(source, tag)), at)
        tiff.set_whole(replace(entry, tag=tag), at)
    target.write_bytes(tiff.data)


def _directory_at(structure: TiffStructure, tag: int) -> int:
    entry = structure.find(structure.first, tag)
    return structure.numbers(entry)[0] if entry else 0


def _values(structure: TiffStructure, directory: int) -> list[Value]:
    entries = [e for e in structure.entries(directory) if e.tag != POINTER_TO_INTEROPERABILITY]
    return [Value(e.tag, e.kind, e.count, structure.value(e)) for e in entries]


def _packed(order: str, values: Sequence[Value], base: int) -> bytes:
    """Return a directory that will lie at byte `base`, its longer values behind it."""
    entries, behind = b"", b""
    start = base + 2 + 12 * len(values) + 4
    for value in values:
        if len(value.content) <= 4:
            place = value.content.ljust(4, b"\0")
        else:
            place = struct.pack(f"{order}I", start + len(behind))
            behind += value.content + bytes(len(value.content) % 2)
        entries += struct.pack(f"{order}HHI", value.tag, value.kind, value.count) + place
    return struct.pack(f"{order}H", len(values)) + entries + bytes(4) + behind
