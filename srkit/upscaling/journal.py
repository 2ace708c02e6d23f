"""Finished slabs on disk, so that a run that was cut off goes on where it stopped.

A hidden folder beside the target holds one file per slab and ``journal.jsonl``: a first line that says of which work
it is, then a line per slab with its checksum. A slab counts once its line is whole.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from srkit.grid import Window
from srkit.upscaling.slabs import StoredSlab
from srkit.upscaling.staging import hidden_path, make_parents

MARK = "resume"
_log = logging.getLogger(__name__)


class Journal:
    """The finished slabs of one output.

    Parameters
    ----------
    target
        The output's place.
    work
        What the run is: inputs, model, scale, options. Another one starts afresh.
    """

    def __init__(self, target: Path, work: Mapping[str, Any]) -> None:
        self.folder = hidden_path(target, MARK)
        self._fingerprint = hashlib.sha256(json.dumps(work, sort_keys=True, default=str).encode()).hexdigest()
        self._path = self.folder / "journal.jsonl"
        self._slabs: list[dict[str, Any]] = []
        self._route: dict[str, Any] | None = None

    @property
    def finished(self) -> int:
        """Number of finished slabs, counted from the first without a gap."""
        return len(self._slabs)

    @property
    def route(self) -> dict[str, Any] | None:
        """The route that the work was begun on, which it must go on with; None for new work."""
        return self._route

    def load(self) -> None:
        """Read what an earlier run finished; work of another kind, or damaged, is dropped."""
        lines = self._lines()
        if lines and lines[0].get("fingerprint") == self._fingerprint:
            self._route = lines[0]["route"]
            for number, line in enumerate(lines[1:]):
                if line.get("number") != number or not self._is_whole(line):
                    break
                self._slabs.append(line)
            return
        if self.folder.exists():
            _log.warning("%s is of other work (input, model or options changed); starting afresh", self.folder)
            self.remove()

    def begin(self, route: Mapping[str, Any]) -> None:
        """Write the first line, or rewrite the lines that hold, so that a torn one at the end is gone."""
        make_parents(self.folder)
        self._route = dict(route)
        head = {"fingerprint": self._fingerprint, "route": self._route}
        temporary = self._path.with_suffix(".new")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in [head, *self._slabs]), encoding="utf-8")
        temporary.replace(self._path)

    def add(self, slab: StoredSlab) -> None:
        """Keep a finished slab."""
        buffer = BytesIO()
        arrays = {"stored": slab.stored} if slab.valid is None else {"stored": slab.stored, "valid": slab.valid}
        np.savez(buffer, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its options
        data = buffer.getbuffer()
        path = self.folder / f"{slab.number:06d}.npz"
        path.write_bytes(data)
        line = {
            "number": slab.number,
            "frame": slab.frame,
            "start": slab.window.start,
            "stop": slab.window.stop,
            "crc": zlib.crc32(data),
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def replay(self) -> Iterator[StoredSlab]:
        """Yield the finished slabs in file order."""
        for line in self._slabs:
            with np.load(self._slab_path(line), allow_pickle=False) as arrays:
                valid = arrays.get("valid")
                window = Window(tuple(line["start"]), tuple(line["stop"]))
                yield StoredSlab(line["number"], window, line["frame"], arrays["stored"], valid)

    def remove(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._slabs, self._route = [], None

    def _lines(self) -> list[dict[str, Any]]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return []
        lines = []
        for line in text.splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                break
        return lines

    def _slab_path(self, line: Mapping[str, Any]) -> Path:
        return self.folder / f"{line['number']:06d}.npz"

    def _is_whole(self, line: Mapping[str, Any]) -> bool:
        try:
            return zlib.crc32(self._slab_path(line).read_bytes()) == line.get("crc")
        except OSError:
            return False


def work_of(paths: Sequence[Path], **parts: Any) -> dict[str, Any]:
    """Return what a piece of work is: the inputs' names, sizes and times, and what else decides the result."""
    inputs = [(str(path.absolute()), status.st_size, status.st_mtime_ns) for path in paths if (status := path.stat())]
    return {"inputs": inputs, **parts}
