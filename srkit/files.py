"""The walk that every discovery begins with, and files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest
from io import BufferedRandom, BufferedReader
from pathlib import Path
from shutil import copyfileobj

from srkit.errors import OutputError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors that mean: there is no room for it."""

ADDRESS = re.compile(r"(/vsicurl/)?https?:/")
"""How an input on another machine begins; a `Path` keeps one of the slashes."""

PRIVATE_ADDRESS = re.compile(r"(/vsicurl/)?https?:/+([^/?#]*@|.*\?)")


def is_address(path: Path) -> bool:
    """Tell whether a path is an address (``https://…``) rather than a file of this machine."""
    return ADDRESS.match(path.as_posix()) is not None


def is_private_address(path: Path) -> bool:
    """Tell whether an address has a user or a query, which may be secret and must not be written anywhere."""
    return PRIVATE_ADDRESS.match(path.as_posix()) is not None


def files_below(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files at `root` in the order of their paths, each with its folder relative to `root`.

    The folder is that of `Item.folder` (``""`` for `root` itself). A file as `root` is yielded alone. Hidden files and
    folders are passed over; links to folders are not followed, links to files only where they stay inside `root`.
    """
    if root.is_file():
        yield root, ""
        return
    real_root = root.resolve()
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        folder = Path(parent)
        relative = folder.relative_to(root).as_posix()
        for name in sorted(name for name in names if not name.startswith(".")):
            path = folder / name
            if path.is_file() and path.resolve().is_relative_to(real_root):
                yield path, "" if relative == "." else relative


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that the file is whole or absent, whatever happens meanwhile; make its folder.

    Raises OutputError where it cannot be written.
    """
    with _appearing(path) as file:
        file.write(data)


def copy_whole(original: BufferedReader, path: Path) -> None:
    """Copy an opened file to `path`, read the copy back, and let it appear as `write_whole` does."""
    with _appearing(path) as file:
        copyfileobj(original, file)
        for opened in (original, file):
            opened.seek(0)
        if file_digest(original, "sha256").digest() != file_digest(file, "sha256").digest():
            raise OSError(errno.EIO, "what was read back is not what was written")


@contextmanager
def _appearing(path: Path) -> Iterator[BufferedRandom]:
    """Yield a file to write; it gets the name `path`, and its folder is made, if all goes well."""
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(f"{path} cannot be written: {reason}; free some space, or choose another place") from error
    finally:
        with suppress(OSError):  # where it could not be made in the first place
            staged.unlink(missing_ok=True)
