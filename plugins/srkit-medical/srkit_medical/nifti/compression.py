"""Gzip, as medical volumes use it: recognised by content, unpacked by streaming into a file that has no name."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from isal import igzip, isal_zlib

from srkit.errors import InputError

BROKEN: tuple[type[Exception], ...] = (OSError, EOFError, cast("type[Exception]", isal_zlib.IsalError))
CHUNK = 1 << 20
BEST_RATIO = 1100
"""Deflate packs at most 1032 bytes into one; a file that claims more lies."""


def is_gzip(path: Path) -> bool:
    """Tell whether the file starts as a gzip stream. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextmanager
def unpacking(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, through gzip if it is packed. Reading raises one of `BROKEN` where it is damaged."""
    if is_gzip(path):
        with igzip.open(path, "rb") as file:
            yield cast(IO[bytes], file)
    else:
        with path.open("rb") as file:
            yield file


def peek(path: Path, size: int) -> bytes:
    """Return up to `size` first bytes after unpacking; fewer, or none, where the file is damaged."""
    try:
        with unpacking(path) as file:
            return file.read(size)
    except BROKEN:
        return b""


def check_claim(path: Path, claimed: int) -> None:
    """Raise InputError if the file cannot hold the `claimed` number of unpacked bytes."""
    size = path.stat().st_size
    most = size * BEST_RATIO if is_gzip(path) else size
    if claimed > most:
        raise InputError(
            f"{path}: is cut short or its header is wrong: it claims {claimed} bytes and has {size}; fetch it again"
        )


def unpacked_copy(path: Path, size: int, *, tail: int = 0) -> IO[bytes]:
    """Return an open temporary file, already unlinked, with the first `size` bytes of a gzip file.

    Up to `tail` more bytes follow where the file has them. Nothing beyond is ever unpacked, except one byte, by which
    the checksum of an honest file gets tested.
    Raises InputError if the stream is damaged or short, or if the disk has no room for it.
    """
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(
            f"{path}: needs {size} bytes of temporary space, {folder} has {free}; name a larger folder in TMPDIR"
        )
    copy = cast(IO[bytes], tempfile.TemporaryFile(prefix="srkit-", dir=folder))  # noqa: SIM115  handed to the caller
    try:
        _copy(path, copy, size, tail)
    except BaseException:
        copy.close()
        raise
    return copy


def _copy(path: Path, copy: IO[bytes], size: int, tail: int) -> None:
    left = size + tail
    try:
        with igzip.open(path, "rb") as file:
            while left and (chunk := file.read(min(CHUNK, left))):
                copy.write(chunk)
                left -= len(chunk)
            file.read(1)
    except BROKEN as error:
        raise InputError(f"{path}: the compressed data are damaged or cut short; fetch the file again") from error
    if left > tail:
        raise InputError(f"{path}: is cut short: {left - tail} of {size} bytes are missing; fetch the file again")
    copy.flush()
