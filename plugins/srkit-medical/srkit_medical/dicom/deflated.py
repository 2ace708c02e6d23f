"""Deflated files (PS3.5, A.5): all that follows the file meta information is one compressed stream."""

from __future__ import annotations

import os
import zlib
from typing import BinaryIO

from srkit_medical.dicom.archive import is_plausible

SYNTAX = b"1.2.840.10008.1.2.1.99"
_STEP = 1 << 20
_META = 132 + 12  # preamble, magic, and the element that says how long the rest of the file meta information is


def is_bomb(file: BinaryIO) -> bool:
    """Tell whether a file is deflated and would grow beyond what images do; the file is left at its beginning.

    Nothing is kept while it is inflated to count.
    """
    try:
        head = file.read(1024)
        if head[128:132] != b"DICM" or SYNTAX not in head:
            return False
        packed = file.seek(0, os.SEEK_END)
        file.seek(_META + int.from_bytes(head[140:144], "little"))
        return _grows_beyond(file, packed)
    except zlib.error:
        return False  # its reader will say so
    finally:
        file.seek(0)


def _grows_beyond(file: BinaryIO, packed: int) -> bool:
    stream, size, data = zlib.decompressobj(-zlib.MAX_WBITS), 0, b""
    while not stream.eof and (data := stream.unconsumed_tail or file.read(_STEP)):
        size += len(stream.decompress(data, _STEP))
        if not is_plausible(size, packed):
            return True
    return False
