"""Files inside zip archives, read as they lie there: nothing is unpacked to a disk.

A member has the path of its archive with its own name below. What an archive claims is checked before it is believed:
a member may not be larger than `LARGEST`, nor shrunken beyond what images shrink to; an archive within one stays shut.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile, ZipInfo
from zlib import error as ZlibError

from srkit.domain import Skipped

SUFFIX = ".zip"
LARGEST = 2 << 30
_PLAUSIBLE, _SHRUNKEN = 64 << 20, 200  # a small member may be as empty as it likes
_MOST_MEMBERS = 500_000
_BROKEN = (BadZipFile, ZlibError, EOFError, NotImplementedError, RuntimeError, ValueError)


def is_archive(path: Path) -> bool:
    """Tell by name and first bytes whether `path` is a zip archive on disk."""
    if path.suffix.lower() != SUFFIX or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def members_of(archive: Path) -> list[Path | Skipped]:
    """Return the files in an archive that may be read, and those that may not."""
    try:
        infos = [info for info in _opened(archive, archive.stat().st_mtime_ns).infolist() if not info.is_dir()]
    except (*_BROKEN, OSError):
        return [Skipped(archive, "is a zip archive that cannot be read; fetch it again")]
    if len(infos) > _MOST_MEMBERS:
        return [Skipped(archive, f"is a zip archive of {len(infos)} files; unpack it")]
    return [_member(archive, info) for info in infos if not Path(info.filename).name.startswith(".")]


def _member(archive: Path, info: ZipInfo) -> Path | Skipped:
    path = archive / info.filename
    if ".." in path.parts or not path.is_relative_to(archive) or path.relative_to(archive).as_posix() != info.filename:
        return Skipped(archive, "holds a file whose name leads out of it, which is not read")
    if path.suffix.lower() == SUFFIX:
        return Skipped(path, "is an archive within an archive, which is not looked into", failed=False)
    if info.flag_bits & 1:
        return Skipped(path, "is encrypted; unpack it")
    if not is_plausible(info.file_size, info.compress_size):
        return Skipped(
            path, f"claims to be {info.file_size} bytes packed into {info.compress_size}, and is not unpacked"
        )
    return path


def is_plausible(size: int, packed: int) -> bool:
    """Tell whether `size` bytes of images may have been packed into so few."""
    return size <= min(LARGEST, max(_PLAUSIBLE, _SHRUNKEN * packed))


def first_bytes(path: Path, count: int) -> bytes:
    """Return the first bytes of a file or a member. Raises OSError where it cannot be read."""
    place = _place(path)
    if place is None:
        with path.open("rb") as file:
            return file.read(count)
    archive, name = place
    try:
        with _opened(archive, archive.stat().st_mtime_ns).open(name) as member:
            return member.read(count)
    except (*_BROKEN, KeyError):
        raise OSError(errno.EIO, "broken in its archive") from None


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file or a member for reading; seeking is cheap. Raises OSError where it cannot be read."""
    place = _place(path)
    if place is None:
        with path.open("rb") as file:
            yield file
    else:
        archive, name = place
        yield BytesIO(_content(archive, name, archive.stat().st_mtime_ns))


def changed(path: Path) -> int:
    """Return when a file, or the archive that it is in, was changed last, in nanoseconds."""
    place = _place(path)
    return (path if place is None else place[0]).stat().st_mtime_ns


def _place(path: Path) -> tuple[Path, str] | None:
    if SUFFIX not in str(path).lower() or path.is_file():
        return None
    for parent in path.parents:
        if parent.suffix.lower() == SUFFIX and parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return None


@lru_cache(maxsize=2)
def _opened(archive: Path, changed: int) -> ZipFile:
    return ZipFile(archive)


@lru_cache(maxsize=2)
def _content(archive: Path, name: str, changed: int) -> bytes:
    """Return a member, which is asked for several times in a row: its header, its pixels, all of it."""
    try:
        return _opened(archive, changed).read(name)
    except (*_BROKEN, KeyError):
        raise OSError(errno.EIO, "broken in its archive") from None
