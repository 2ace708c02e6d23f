"""What becomes false in an EXIF block when its photograph is turned upright and enlarged, made true again."""

from __future__ import annotations

from contextlib import suppress

from srkit_photo.tiff_structure import LONG, RATIONAL, SHORT, BrokenStructureError, TiffStructure

ORIENTATION = 0x0112
WIDTHS = (0x0100, 0xA002)
HEIGHTS = (0x0101, 0xA003)
RESOLUTIONS = ((0x011A, 0x011B), (0xA20E, 0xA20F))  # of the print, of the sensor
STALE = (0x9214, 0xA214)  # SubjectArea, SubjectLocation: positions in pixels
THUMBNAIL_START, THUMBNAIL_SIZE = 0x0201, 0x0202
EXIF_DIRECTORY = 0x8769


def orientation_of(block: bytes) -> int:
    """Return the orientation that an EXIF block states, 1 to 8; 1 if it states none that makes sense."""
    try:
        structure = TiffStructure(block)
        entry = structure.find(structure.first, ORIENTATION)
        number = structure.numbers(entry)[0] if entry else 1
    except (BrokenStructureError, IndexError):
        return 1
    return number if 1 <= number <= 8 else 1


def made_true(block: bytes, *, shape: tuple[int, int], scale: tuple[int, int], swapped: bool = False) -> bytes:
    """Return `block` for an upright output of `shape` (rows, columns), upscaled by `scale` (rows, columns).

    Orientation becomes 1, sizes and resolutions follow, the embedded thumbnail and positions in pixels go; every
    other byte stays. `swapped`: turning upright has exchanged rows and columns. A block that makes no sense is
    returned empty.
    """
    try:
        structure = TiffStructure(block)
        directories = [structure.first]
        pointer = structure.find(structure.first, EXIF_DIRECTORY)
        if pointer is not None:
            directories.append(structure.numbers(pointer)[0])
        for directory in directories:
            _describe_size(structure, directory, shape)
            _scale_resolutions(structure, directory, scale, swapped=swapped)
            for tag in STALE:
                structure.remove(directory, tag)
        _drop_thumbnail(structure)
    except (BrokenStructureError, IndexError):
        return b""
    return bytes(structure.data)


def _describe_size(structure: TiffStructure, directory: int, shape: tuple[int, int]) -> None:
    for entry in list(structure.entries(directory)):
        if entry.kind not in (SHORT, LONG) or entry.count != 1:
            continue
        if entry.tag == ORIENTATION:
            structure.set_whole(entry, 1)
        elif entry.tag in WIDTHS:
            structure.set_whole(entry, shape[1])
        elif entry.tag in HEIGHTS:
            structure.set_whole(entry, shape[0])


def _scale_resolutions(structure: TiffStructure, directory: int, scale: tuple[int, int], *, swapped: bool) -> None:
    for tags in RESOLUTIONS:
        found = [structure.find(directory, tag) for tag in tags]
        numbers = [structure.numbers(e)[:2] if e and e.kind == RATIONAL and e.count == 1 else None for e in found]
        if swapped and None not in numbers:
            numbers.reverse()
        for entry, number, factor in zip(found, numbers, reversed(scale), strict=True):
            if entry and number:
                structure.set_rational(entry, number[0] * factor, number[1])


def _drop_thumbnail(structure: TiffStructure) -> None:
    second = structure.next_directory(structure.first)
    if not second:
        return
    structure.end_after(structure.first)
    with suppress(BrokenStructureError, IndexError):  # a pointer to nowhere is no reason to lose the rest
        start = structure.find(second, THUMBNAIL_START)
        size = structure.find(second, THUMBNAIL_SIZE)
        if start and size:
            structure.blank(structure.numbers(start)[0], structure.numbers(size)[0])
