"""The structure that TIFF files and EXIF blocks share: tagged entries, changed in place, so that all else stays put.

Maker notes hold offsets into the block; rewriting it elsewhere would break them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
SHORT, LONG, RATIONAL = 3, 4, 5
LARGEST = 2**32 - 1


class BrokenStructureError(ValueError):
    """The bytes are no TIFF structure, or point outside of themselves."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: where its 12 bytes lie, and where its value does."""

    tag: int
    kind: int
    count: int
    position: int
    value_position: int

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return TYPE_SIZES.get(self.kind, 1) * self.count


class TiffStructure:
    """A TIFF structure in a mutable copy of `block`. Raises BrokenStructureError where it makes no sense."""

    def __init__(self, block: bytes) -> None:
        self.data = bytearray(block)
        self.order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(block[:4]), "")
        if not self.order:
            raise BrokenStructureError("has no TIFF header")
        (self.first,) = self._unpack("I", 4)

    def entries(self, directory: int) -> Iterator[Entry]:
        """Yield the entries of the directory at byte `directory`."""
        (count,) = self._unpack("H", directory)
        for position in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, values = self._unpack("HHI", position)
            entry = Entry(tag, kind, values, position, position + 8)
            if entry.size > 4:
                entry = Entry(tag, kind, values, position, self._unpack("I", position + 8)[0])
            if max(position + 12, entry.value_position + entry.size) <= len(self.data):
                yield entry

    def find(self, directory: int, tag: int) -> Entry | None:
        """Return the entry of `tag`, if it is there."""
        return next((entry for entry in self.entries(directory) if entry.tag == tag), None)

    def numbers(self, entry: Entry) -> tuple[int, ...]:
        """Return the value of a SHORT, LONG or RATIONAL entry; rationals as numerator, denominator and so on."""
        letters = {SHORT: "H", LONG: "I", RATIONAL: "II"}.get(entry.kind)
        if letters is None:
            raise BrokenStructureError(f"tag {entry.tag} is of type {entry.kind}, which is no whole number")
        return self._unpack(letters * entry.count, entry.value_position)

    def value(self, entry: Entry) -> bytes:
        """Return the bytes of a value."""
        return bytes(self.data[entry.value_position : entry.value_position + entry.size])

    def set_whole(self, entry: Entry, number: int) -> None:
        """Set a single SHORT or LONG; a SHORT that is too small becomes a LONG, in the same place."""
        kind = LONG if number > 0xFFFF else entry.kind
        struct.pack_into(f"{self.order}HHI4x", self.data, entry.position, entry.tag, kind, 1)
        struct.pack_into(f"{self.order}{'I' if kind == LONG else 'H'}", self.data, entry.position + 8, number)

    def set_rational(self, entry: Entry, numerator: int, denominator: int) -> None:
        """Set a single RATIONAL; one that does not fit is left as it was."""
        if max(numerator, denominator) <= LARGEST:
            struct.pack_into(f"{self.order}II", self.data, entry.value_position, numerator, denominator)

    def blank(self, position: int, size: int) -> None:
        """Overwrite bytes with zeros."""
        size = max(0, min(size, len(self.data) - position))
        self.data[position : position + size] = bytes(size)

    def next_directory(self, directory: int) -> int:
        """Return where the next directory lies, 0 if there is none."""
        (count,) = self._unpack("H", directory)
        return int(self._unpack("I", directory + 2 + 12 * count)[0])

    def end_after(self, directory: int) -> None:
        """Make `directory` the last one."""
        (count,) = self._unpack("H", directory)
        struct.pack_into(f"{self.order}I", self.data, directory + 2 + 12 * count, 0)

    def remove(self, directory: int, tag: int) -> None:
        """Remove an entry and its value; the directory closes up, all else stays where it is."""
        entry = self.find(directory, tag)
        if entry is None:
            return
        if entry.size > 4:
            self.blank(entry.value_position, entry.size)
        (count,) = self._unpack("H", directory)
        end = directory + 2 + 12 * count + 4
        tail = bytes(self.data[entry.position + 12 : end])
        self.data[entry.position : entry.position + len(tail)] = tail
        self.blank(end - 12, 12)
        struct.pack_into(f"{self.order}H", self.data, directory, count - 1)

    def _unpack(self, letters: str, position: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self.order + letters, self.data, position)
        except struct.error as error:
            raise BrokenStructureError("points outside of itself") from error
