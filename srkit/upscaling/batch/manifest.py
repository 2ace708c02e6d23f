"""What became of each item, on disk: a file of JSON lines that grows with the run, and a table of the same for people.

A line counts once it is whole, so a run that is killed leaves files that hold. The last line of an item is the one
that is true; both files are put in order, one line an item, when a run begins and when it ends.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import srkit
from srkit.domain import Item
from srkit.errors import OutputError, UsageError
from srkit.files import write_whole
from srkit.upscaling.batch.identity import Trace, identity_of, stamp_of, state_of
from srkit.upscaling.batch.report import ItemResult
from srkit.upscaling.batch.surroundings import packages

SCHEMA = 1
COLUMNS = (
    "path",
    "key",
    "domain",
    "status",
    "reason",
    "output",
    "model",
    "model_sha256",
    "scale",
    "seconds",
    "warnings",
)
Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """An output that an earlier run finished, and that nobody touched since."""

    trace: Trace

    def is_of(self, item: Item, work: str) -> bool:
        """Tell whether it is what `item` and `work` would give again; reads the item only where its files changed."""
        if self.trace.work != work:
            return False
        return self.trace.stamp == stamp_of(item) or self.trace.identity == identity_of(item)


@dataclass(frozen=True, slots=True)
class Earlier:
    """The finished outputs that a manifest knows, by their places."""

    traces: Mapping[str, Trace]

    def untouched(self, target: Path) -> Done | None:
        """Return what is known of the output at `target`; None where it is not there as srkit left it."""
        trace = self.traces.get(str(target))
        if trace is None or not trace.state or state_of(target, trace.kinds) != trace.state:
            return None
        return Done(trace)


class Manifest:
    """The manifest at `path`, a file whose name ends in ``.jsonl``; the table beside it ends in ``.csv``.

    Raises UsageError for another name, OutputError where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix != ".jsonl":
            raise UsageError(f"the manifest {path} does not end in .jsonl; give it such a name")
        self.path = Path(os.path.normpath(path.absolute()))
        self._table = self.path.with_suffix(".csv")
        self._entries = {_key(entry): entry for entry in _read(self.path)}
        self._begun = False

    def earlier(self) -> Earlier:
        """Return the finished outputs that are known."""
        entries = [entry for entry in self._entries.values() if entry.get("trace") and entry.get("output")]
        return Earlier({str(self.path.parent / e["output"]): _trace(e["trace"]) for e in entries})

    def add(self, result: ItemResult) -> None:
        """Write down what became of an item; one that was done already keeps the line that says how."""
        entry = self._entry(result)
        if result.status == "skipped" and result.output is not None and _key(entry) in self._entries:
            return
        if not self._begun:
            self.put_in_order()
        self._entries[_key(entry)] = entry
        _append(self.path, json.dumps(entry) + "\n")
        _append(self._table, _rows([entry]))

    def put_in_order(self) -> None:
        """Rewrite both files: an item a line, in the order of paths. Nothing is written where nothing is known."""
        self._begun = True
        entries = [self._entries[key] for key in sorted(self._entries)]
        if entries or self.path.exists():
            write_whole(self.path, "".join(json.dumps(entry) + "\n" for entry in entries).encode())
        head = ",".join(COLUMNS) + "\r\n"
        write_whole(self._table, (head + _rows(entries)).encode("utf-8", "backslashreplace"))

    def _entry(self, result: ItemResult) -> Entry:
        fields = asdict(result)
        fields["path"] = str(result.path.absolute())
        fields["output"] = None if result.output is None else self._place(result.output)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        plain: Entry = json.loads(json.dumps(fields, default=str))
        return {"schema": SCHEMA, "version": srkit.__version__, "packages": packages(), "finished": now, **plain}

    def _place(self, output: Path) -> str:
        """Return the place of an output, as seen from the manifest where it lies below: both can be moved together."""
        folder = self.path.parent
        return str(output.relative_to(folder)) if output.is_relative_to(folder) else str(output)


def _key(entry: Mapping[str, Any]) -> tuple[str, str]:
    return str(entry.get("path")), str(entry.get("key", ""))


def _trace(entry: Mapping[str, Any]) -> Trace:
    texts = {name: str(entry.get(name, "")) for name in ("identity", "stamp", "work", "state")}
    return Trace(**texts, kinds=tuple(entry.get("kinds", ())))


def _read(path: Path) -> Iterable[Entry]:
    """Yield the entries of a manifest; a line that is torn, or of another schema, is none."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {error.strerror}; name another one with --manifest") from error
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("schema") == SCHEMA:
            yield entry


def _rows(entries: Iterable[Entry]) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    for entry in entries:
        warnings = "; ".join(f["text"] for f in entry.get("findings", ()) if f["level"] == "warning")
        cells = {**entry, "warnings": warnings, "seconds": f"{entry.get('seconds', 0.0):.2f}"}
        table.writerow(["" if cells.get(name) is None else cells[name] for name in COLUMNS])
    return text.getvalue()


def _append(path: Path, text: str) -> None:
    """Append to a file in one call, and see it to the disk; opened anew, since another run may have replaced it."""
    try:
        with path.open("ab", buffering=0) as file:
            file.write(text.encode("utf-8", "backslashreplace"))
            os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}; name another one with --manifest") from error
