"""An output appears whole or not at all: it is made in a hidden folder beside its place, and moved there at the end."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from srkit.errors import OutputError, PluginError, SrkitError
from srkit.files import DISK_FULL
from srkit.upscaling.making.naming import FileId, file_id

NAME_LIMIT = 150  # bytes of a name that is reused in a hidden one; file systems allow 255
HARDLY_FREE = 64 * 1024  # bytes; below, a failure that says nothing is put down to the disk
PRIVATE = 0o700
"""Mode of folders for what is in the making: whoever may read the output in the end, nobody else looks on."""
_log = logging.getLogger(__name__)


class Staging:
    """A place beside `target` for an output in the making; leaving the context removes it.

    Parameters
    ----------
    target
        Absolute path of the output: a file, or a folder for outputs of many files.
    inputs
        Identities of files that must never be replaced.
    overwrite
        Whether files that are there may be replaced.

    Attributes
    ----------
    path
        Where a sink writes; it does not exist yet. Side files go beside it.
    """

    def __init__(self, target: Path, inputs: frozenset[FileId], *, overwrite: bool) -> None:
        self.target = target
        self._inputs = inputs
        self._overwrite = overwrite
        self._folder = hidden_path(target, str(os.getpid()))
        self._made: list[Path] = []
        self.path = self._folder / target.name

    def __enter__(self) -> Self:
        """Make the place, and sweep up after runs that were killed."""
        try:
            self._made = make_parents(self.target.parent)
            _sweep(self.target)
            self._folder.mkdir(PRIVATE)
        except OSError as error:
            self._remove()
            raise output_error(error, self.target) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what is left."""
        self._remove()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Suffixes of the files in an output that is a folder, before it is published."""
        files = self.path.iterdir() if self.path.is_dir() else ()
        return tuple(sorted({path.suffix for path in files if path.is_file()}))

    def publish(self, side_files: Collection[str] = ()) -> None:
        """Move all that was staged to its place: safely on disk first, side files before the main one.

        `side_files` are names beside the target that readers would take for part of it. Those that were not staged
        are of an older output, and are removed right after the replacement.
        Raises OutputError where something is in the way.
        """
        try:
            _sync(self._folder)
            moves = self._moves()
            fresh = {to for _, to in moves}
            stale = [place for name in side_files if (place := self.target.parent / name) not in fresh]
            self._check_free(stale)
            self._move(moves)
            for place in stale:
                place.unlink(missing_ok=True)
            _sync_one(self.target.parent)
        except OSError as error:
            raise output_error(error, self.target) from error
        self._made = []

    def _moves(self) -> list[tuple[Path, Path]]:
        """Return what goes where, the main output last; into a folder that is there, its files go one by one."""
        beside = sorted(entry for entry in self._folder.iterdir() if entry != self.path)
        side = [(entry, self.target.parent / entry.name) for entry in beside]
        if not self.path.is_dir() or not self.target.exists():
            return [*side, (self.path, self.target)]
        inner = sorted(entry for entry in self.path.rglob("*") if entry.is_file())
        self._check_leftovers({entry.name for entry in inner})
        return [*side, *((entry, self.target / entry.relative_to(self.path)) for entry in inner)]

    def _check_leftovers(self, names: set[str]) -> None:
        """Raise OutputError where files of an older, longer output would stay and be taken for part of this one."""
        kinds = {Path(name).suffix for name in names}
        old = [p for p in self.target.iterdir() if p.is_file() and p.suffix in kinds and p.name not in names]
        if old:
            raise OutputError(
                f"{self.target} holds {len(old)} older file(s) such as {old[0].name} that this output would leave "
                "there as if they were its own; remove them, or give another --out"
            )

    def _move(self, moves: list[tuple[Path, Path]]) -> None:
        self._check_free([to for _, to in moves])
        new: list[Path] = []
        try:
            for entry, to in moves:
                to.parent.mkdir(parents=True, exist_ok=True)
                if not os.path.lexists(to):
                    new.append(to)
                entry.replace(to)
        except BaseException:
            for path in new:
                path.unlink(missing_ok=True)
            raise

    def _check_free(self, places: list[Path]) -> None:
        for place in places:
            if file_id(place) in self._inputs:
                raise OutputError(f"{place} is an input and would be replaced; give another --out or --name")
            if os.path.lexists(place) and (not self._overwrite or place.is_dir()):
                raise OutputError(f"{place} is in the way of the output; remove it, or give --overwrite")

    def _remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        for folder in reversed(self._made):
            try:
                folder.rmdir()
            except OSError:
                break  # something else is in it by now


class Guard:
    """Says in words what goes wrong while writing; whatever a plugin's sink raises."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            known = output_error(error, self._target)
            if known is not error:
                raise known from error


def hidden_path(target: Path, mark: str) -> Path:
    """Return the hidden path beside `target` for what belongs to it."""
    name = target.name
    if len(os.fsencode(name)) > NAME_LIMIT:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return target.parent / f".{name}.srkit-{mark}"


def make_parents(folder: Path) -> list[Path]:
    """Make `folder` and those above it; return the new ones, outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def output_error(error: Exception, target: Path) -> SrkitError:
    """Return what a failure while writing means, in words.

    Errors of our own are returned as they are, unless a full disk is behind them.
    """
    writing = isinstance(error, OutputError) or not isinstance(error, SrkitError)
    if _is_full(error) or (writing and disk_is_full(target)):
        return OutputError(f"{target}: the disk is full; nothing was written, free some space and start again")
    if isinstance(error, SrkitError):
        return error
    if isinstance(error, OSError):
        return OutputError(f"{target}: cannot be written: {error.strerror or type(error).__name__}")
    return PluginError(
        f"{target}: the plugin's sink failed with {type(error).__name__}; see the traceback with --debug, "
        "and report it to the plugin's authors"
    )


def _is_full(error: BaseException | None) -> bool:
    """Tell whether a full disk is the cause of an error, which a library may have wrapped in its own."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def disk_is_full(target: Path) -> bool:
    """Tell whether there is hardly any room where `target` is to be."""
    try:
        return shutil.disk_usage(target.parent).free < HARDLY_FREE
    except OSError:
        return False


def _sweep(target: Path) -> None:
    """Remove what killed runs left beside `target`."""
    pattern = re.compile(re.escape(hidden_path(target, "").name) + r"(\d+)")
    for entry in target.parent.iterdir():
        match = pattern.fullmatch(entry.name)
        if match is not None and not _is_alive(int(match[1])):
            _log.info("removing %s, left by a run that was killed", entry)
            shutil.rmtree(entry, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    if pid == os.getpid():
        return False  # this run has just begun: what bears its number is from an earlier one
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        if not path.is_symlink():
            _sync_one(path)


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
