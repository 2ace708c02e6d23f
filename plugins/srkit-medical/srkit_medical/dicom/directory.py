"""A DICOMDIR: the list of files on a disc. It is believed in nothing but names, and never outside of its folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from srkit.domain import Skipped
from srkit_medical.dicom.instance import DIRECTORY
from srkit_medical.dicom.reading import READ_ERRORS, Elements, UnfitError, quiet, read_whole

LARGEST = 256 << 20


def is_directory_record(path: Path) -> bool:
    """Tell by name and first bytes whether `path` is a DICOMDIR."""
    if path.name.upper() != "DICOMDIR":
        return False
    with path.open("rb") as file:
        return DIRECTORY.encode() in file.read(512)


def files_listed(path: Path) -> Iterator[Path | Skipped]:
    """Yield the files that a DICOMDIR lists, in their order, each once; what is listed and cannot be had is counted.

    A name that leads out of the folder is never followed, whether by dots, by a leading slash or by a link.
    """
    folder = path.parent
    outside = missing = 0
    seen: set[Path] = set()
    try:
        names = _names(path)
    except UnfitError as error:
        yield Skipped(path, error.reason)
        return
    for parts in names:
        found = _found(folder, parts)
        if not _is_plain(parts) or (found is not None and not found.resolve().is_relative_to(folder.resolve())):
            outside += 1
        elif found is None:
            missing += 1
        elif found not in seen:
            seen.add(found)
            yield found
    if outside:
        yield Skipped(path, f"lists {outside} files outside of its folder, which are not read")
    if missing:
        yield Skipped(path, f"lists {missing} files that are not there; copy the whole disc")


def _names(path: Path) -> list[tuple[str, ...]]:
    broken = UnfitError("is a DICOMDIR that cannot be read; name its folder instead")
    if path.stat().st_size > LARGEST:
        raise broken
    try:
        with quiet():
            records = read_whole(path).get("DirectoryRecordSequence") or ()
            names = [Elements(record).texts("ReferencedFileID") for record in records]
    except READ_ERRORS:
        raise broken from None
    return [parts for parts in names if parts]


def _is_plain(parts: tuple[str, ...]) -> bool:
    return all(part not in ("", ".", "..") and not set(part) & set("/\\:\0") for part in parts)


def _found(folder: Path, parts: tuple[str, ...]) -> Path | None:
    """Return the file, also where the disc was copied with small letters."""
    if not _is_plain(parts):
        return None
    paths = (folder.joinpath(*parts), folder.joinpath(*(part.lower() for part in parts)))
    return next((path for path in paths if path.is_file()), None)
