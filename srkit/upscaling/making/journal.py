"""Finished slabs on disk, so that work that was cut off goes on where it stopped, and shards become one output.

A hidden folder beside the target holds ``head.json``, which says of which work it is and fixes the route at the first
start; one file per slab; and for each shard ``shard-1.jsonl``: what its slabs are slabs of, then a line per slab with
its checksum. A slab counts once its line is whole. Work in one piece is its only shard.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from srkit.errors import UsageError
from srkit.files import is_address
from srkit.grid import Slab, Window
from srkit.image import Array
from srkit.upscaling.enlarging.slabs import StoredSlab
from srkit.upscaling.making.shard import WHOLE, Shard
from srkit.upscaling.making.staging import PRIVATE, disk_is_full, hidden_path, make_parents

MARK = "resume"
HASHED = 2**16  # bytes at a file's start: headers
_log = logging.getLogger(__name__)


class Journal:
    """The finished slabs of one output, or of one shard of it.

    Parameters
    ----------
    target
        The output's place.
    work
        What the run is: inputs, model, scale, options.
    shard
        Which of its slabs are to be made; by default all.
    call
        The arguments by which shards are joined later, as JSON can hold them.
    """

    def __init__(
        self, target: Path, work: Mapping[str, Any], shard: Shard = WHOLE, call: Mapping[str, Any] | None = None
    ) -> None:
        self.folder = hidden_path(target, MARK)
        self.shard = shard
        self._target, self._call = target, call
        self._fingerprint = hashlib.sha256(json.dumps(work, sort_keys=True, default=str).encode()).hexdigest()
        self._slabs: list[dict[str, Any]] = []
        self._wanted = range(0)

    @property
    def next(self) -> int:
        """Number of the first slab that is still to be made; those of the shard before it are finished."""
        return self._wanted.start + len(self._slabs)

    @property
    def stop(self) -> int:
        """Number behind that of the shard's last slab."""
        return self._wanted.stop

    def claim(self, route: Mapping[str, Any], *, anew: bool = False) -> dict[str, Any]:
        """Return the route of the work: that of its first start, `route` if this is it.

        Raises UsageError where other work, or the same in other shards, was begun at the target; with `anew` that is
        thrown away.
        """
        head = self._head()
        if head is not None and anew and not self._is_ours(head):
            _log.warning("%s is of other work, and is begun anew", self.folder)
            self.remove()
            head = None
        if head is None:
            self._begin_work({"fingerprint": self._fingerprint, "shards": self.shard.count, "route": dict(route)})
            head = self._head() or {}  # another machine may have been first
        self._check(head)
        return dict(head["route"])

    def begin(self, slab: Slab, total: int) -> None:
        """Take up the shard's finished slabs; what is torn, damaged or of other slabs is forgotten.

        `total` is the number of slabs of the whole output.
        """
        self._wanted = self.shard.slabs(total)
        first = {"axis": slab.axis, "size": slab.size, "total": total}
        lines = self._lines(self._path(self.shard))
        self._slabs = self._whole(lines[1:]) if lines[:1] == [first] else []
        text = "".join(json.dumps(line) + "\n" for line in [first, *self._slabs])
        _replace(self._path(self.shard), text)

    def add(self, slab: StoredSlab) -> None:
        """Keep a finished slab."""
        path = self._slab_path(slab.number)
        with _whole(path) as file:
            np.save(file, slab.stored)
            if slab.valid is not None:
                np.save(file, slab.valid)
            _sync(file)
        line = {
            "number": slab.number,
            "frame": slab.frame,
            "start": slab.window.start,
            "stop": slab.window.stop,
            "crc": _crc(path),
            "valid": slab.valid is not None,
            "clipped": slab.clipped,
        }
        with self._path(self.shard).open("a", encoding="utf-8") as file_of_lines:
            file_of_lines.write(json.dumps(line) + "\n")
            _sync(file_of_lines)
        self._slabs.append(json.loads(json.dumps(line)))

    def replay(self) -> Iterator[StoredSlab]:
        """Yield the slabs that were finished before, in file order."""
        for line in list(self._slabs):
            yield self._read(line)

    def join(self, slab: Slab, total: int) -> None:
        """Take up the slabs of all shards. Raises UsageError, naming the shards, where some are missing."""
        first = {"axis": slab.axis, "size": slab.size, "total": total}
        missing, found = [], []
        for number in range(1, self.shard.count + 1):
            shard = Shard(number, self.shard.count)
            self._wanted = shard.slabs(total)
            lines = self._lines(self._path(shard))
            whole = self._whole(lines[1:]) if lines[:1] == [first] else []
            if len(whole) < len(self._wanted):
                missing.append(f"{shard} ({len(whole)} of {len(self._wanted)} slabs)")
            found += whole
        if missing:
            raise UsageError(f"{self._target}: not all shards are finished: run --shard {', '.join(missing)} first")
        self._slabs, self._wanted = found, range(total)

    def remove(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._slabs = []

    def _is_ours(self, head: Mapping[str, Any]) -> bool:
        return head.get("fingerprint") == self._fingerprint and head.get("shards") == self.shard.count

    def _check(self, head: Mapping[str, Any]) -> None:
        if head.get("fingerprint") != self._fingerprint:
            raise UsageError(
                f"{self._target}: other work was begun there (input, model, window or options were others); "
                "go on with that one's command, or give --overwrite to begin anew"
            )
        if head.get("shards") != self.shard.count:
            raise UsageError(
                f"{self._target}: this work was begun in {head.get('shards')} shard(s), not in {self.shard.count}; "
                "go on so, or give --overwrite to begin anew"
            )

    def _begin_work(self, head: dict[str, Any]) -> None:
        """Write the head unless it is there: several machines may begin at once."""
        make_parents(self.folder.parent)
        self.folder.mkdir(PRIVATE, exist_ok=True)
        own = self.folder / f"head-{os.uname().nodename}-{os.getpid()}.json"
        own.write_text(json.dumps({**head, "call": self._call}), encoding="utf-8")
        try:
            os.link(own, self.folder / "head.json")
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            own.replace(self.folder / "head.json")
        own.unlink(missing_ok=True)

    def _head(self) -> dict[str, Any] | None:
        return head_of(self.folder)

    def _path(self, shard: Shard) -> Path:
        return self.folder / f"shard-{shard.number}.jsonl"

    def _slab_path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npy"

    def _lines(self, path: Path) -> list[dict[str, Any]]:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return []
        lines = []
        for line in text.splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                break
        return lines

    def _whole(self, lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the lines, from the shard's first without a gap, whose slabs are as they were written."""
        found: list[dict[str, Any]] = []
        for number, line in zip(self._wanted, lines, strict=False):
            if line.get("number") != number or _crc(self._slab_path(number)) != line.get("crc"):
                break
            found.append(line)
        return found

    def _read(self, line: Mapping[str, Any]) -> StoredSlab:
        with self._slab_path(line["number"]).open("rb") as file:
            stored: Array = np.load(file, allow_pickle=False)
            valid = np.load(file, allow_pickle=False) if line["valid"] else None
        window = Window(tuple(line["start"]), tuple(line["stop"]))
        return StoredSlab(line["number"], window, line["frame"], stored, valid, line.get("clipped", 0))


def head_of(folder: Path) -> dict[str, Any] | None:
    """Return what a journal's head says, None where there is none, or a torn one."""
    try:
        head = json.loads((folder / "head.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return head if isinstance(head, dict) and "route" in head else None


def work_of(paths: Sequence[Path], **parts: Any) -> dict[str, Any]:
    """Return what a piece of work is: its inputs' names, sizes, times and headers, and what else decides the result.

    Folders do not count: machines may see the same disk at different places. What an address holds must be told in
    `parts`.
    """
    return {"inputs": [_trace(path) for path in paths], **parts}


def _trace(path: Path) -> list[Any]:
    if is_address(path):
        return [path.name]
    status = path.stat()
    if not path.is_file():
        return [path.name, status.st_mtime_ns]
    with path.open("rb") as file:
        return [path.name, status.st_size, status.st_mtime_ns, hashlib.sha256(file.read(HASHED)).hexdigest()]


def _crc(path: Path) -> int | None:
    """Return the CRC-32 of a file, read in pieces; None where it cannot be read."""
    number = 0
    try:
        with path.open("rb") as file:
            while piece := file.read(2**22):
                number = zlib.crc32(piece, number)
    except OSError:
        return None
    return number


def _replace(path: Path, text: str) -> None:
    with _whole(path) as file:
        file.write(text.encode())


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that bears its name once it is whole; of one that is not, as on a full disk, nothing stays."""
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        if error.errno is None and disk_is_full(path):  # of a short write, NumPy does not say why
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _sync(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())
