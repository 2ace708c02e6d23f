"""What the stream of a compressed frame says of its own size, read before a decoder believes it.

Decoders take memory for what a stream claims, and one of them ends the process where there is none.
"""

from __future__ import annotations

from pydicom import FileDataset
from pydicom.encaps import get_frame

_J2K_SIZE = b"\xff\x4f\xff\x51"  # start of codestream, and the SIZ that must follow it (ISO 15444-1, A.4, A.5.1)
_JPEG_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
_BARE = (0x01, *range(0xD0, 0xD9))  # markers without a segment


def check_frame(opened: FileDataset, index: int, shape: tuple[int, int]) -> None:
    """Raise ValueError where compressed frame `index` claims another size than ``(rows, columns)``, or several colours.

    What a stream does not say (RLE) is not checked.
    """
    claimed = claimed_size(_frame(opened, index))
    if claimed is not None and claimed != (*shape, 1):
        raise ValueError("the stream claims another size than the header")


def _frame(opened: FileDataset, index: int) -> bytes:
    offsets = opened.get("ExtendedOffsetTable"), opened.get("ExtendedOffsetTableLengths")
    count = int(opened.get("NumberOfFrames") or 1)
    frame: bytes = get_frame(
        opened.PixelData,
        index,
        number_of_frames=count,
        extended_offsets=None if None in offsets else (offsets[0], offsets[1]),
    )
    return frame


def claimed_size(frame: bytes) -> tuple[int, int, int] | None:
    """Return rows, columns and components that a JPEG 2000, JPEG or JPEG-LS stream claims; None for other streams."""
    start = frame.find(_J2K_SIZE, 0, 4096)  # a JP2 file has boxes before its codestream
    if start >= 0:
        right, bottom, left, top = (_number(frame, start + 8 + 4 * k, 4) for k in range(4))
        return bottom - top, right - left, _number(frame, start + 40, 2)
    return _size_in_jpeg(frame) if frame[:2] == b"\xff\xd8" else None


def _size_in_jpeg(frame: bytes) -> tuple[int, int, int]:
    """Walk the markers to the one that begins a frame (ISO 10918-1, B.2.2)."""
    at = 2
    while at + 10 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker in _JPEG_FRAMES:
            return _number(frame, at + 5, 2), _number(frame, at + 7, 2), frame[at + 9]
        bare = marker in _BARE or marker == 0xFF
        at += (1 if marker == 0xFF else 2) if bare else 2 + _number(frame, at + 2, 2)
    raise ValueError("the stream does not say how large it is")


def _number(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")
