"""What became of each item, on disk: a file of JSON lines that grows with the run, and a table of the same for people.

A line counts once it is whole, so a run that is killed leaves files that hold. The last line of an item is the one
that is true; both files are put in order, one line an item, when a run begins and when it ends. An output is promised
before it appears, by whatever process makes it: where that process dies, or fails on what lies beside the output, the
promise says by what the output is known again, if it lies there so.
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
PROMISED = "promised"
"""Status of the line that is written before an output appears under its name."""
FULFILLED = {"status": "done", "reason": "", "exit_code": 0}


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
        self._entries = _true(_read(self.path), self.path.parent)

    def earlier(self) -> Earlier:
        """Return the finished outputs that are known."""
        entries = [entry for entry in self._entries.values() if entry.get("trace") and entry.get("output")]
        return Earlier({str(self.path.parent / e["output"]): _trace(e["trace"]) for e in entries})

    def add(self, result: ItemResult) -> None:
        """Write down what became of an item; one that was done already keeps the line that says how."""
        entry = _entry(result, self.path.parent)
        known = self._entries.get(_key(entry))
        if known is not None and result.status == "skipped" and result.output is not None:
            if known["status"] != "failed":
                return
            entry = {**known, **FULFILLED}
        self._entries[_key(entry)] = entry
        _append(self.path, json.dumps(entry) + "\n")
        if self._table.exists():
            _append(self._table, _rows([entry]))
        else:
            self._write_table()

    def begin(self) -> None:
        """Put in order what an earlier run left; nothing is written where there is nothing."""
        if self.path.exists():
            self.put_in_order()

    def put_in_order(self) -> None:
        """Rewrite both files: an item a line, in the order of paths."""
        self._entries |= _true(_read(self.path), self.path.parent)
        if self._entries or self.path.exists():
            write_whole(self.path, "".join(json.dumps(entry) + "\n" for entry in self._in_order()).encode())
        self._write_table()

    def _write_table(self) -> None:
        head = ",".join(COLUMNS) + "\r\n"
        write_whole(self._table, (head + _rows(self._in_order())).encode("utf-8", "backslashreplace"))

    def _in_order(self) -> list[Entry]:
        return [self._entries[key] for key in sorted(self._entries)]


def promise(manifest: Path, result: ItemResult) -> None:
    """Write into `manifest` what is about to appear: a run that is killed right then leaves word of its output.

    Raises OutputError where that cannot be written.
    """
    _append(manifest, json.dumps({**_entry(result, manifest.parent), "status": PROMISED}) + "\n")


def _entry(result: ItemResult, folder: Path) -> Entry:
    """Return the line of a result, for a manifest in `folder`."""
    fields = asdict(result)
    fields["path"] = str(result.path.absolute())
    fields["output"] = None if result.output is None else _place(result.output, folder)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    plain: Entry = json.loads(json.dumps(fields, default=str))
    return {"schema": SCHEMA, "version": srkit.__version__, "packages": packages(), "finished": now, **plain}


def _place(output: Path, folder: Path) -> str:
    """Return the place of an output, as seen from the manifest where it lies below: both can be moved together."""
    return str(output.relative_to(folder)) if output.is_relative_to(folder) else str(output)


def _true(entries: Iterable[Entry], folder: Path) -> dict[tuple[str, str], Entry]:
    """Return the last line of each item, and what promises add to it that were kept without a line to say so."""
    known: dict[tuple[str, str], Entry] = {}
    promises: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if entry.get("status") == PROMISED:
            promises[_key(entry)] = entry
            continue
        if entry.get("status") != "failed":
            promises.pop(_key(entry), None)
        known[_key(entry)] = entry
    for key, made in promises.items():
        if _is_kept(made, folder):
            known[key] = _with_promise(known.get(key), made)
    return known


def _with_promise(said: Entry | None, made: Entry) -> Entry:
    """Return the line of an output that lies there as promised, where what was said last is nothing, or a failure."""
    if said is None or said["status"] != "failed":
        return {**made, **FULFILLED}
    return {**said, "output": made["output"], "trace": made["trace"]}


def _is_kept(entry: Entry, folder: Path) -> bool:
    trace = _trace(entry.get("trace") or {})
    return bool(trace.state) and state_of(folder / str(entry.get("output")), trace.kinds) == trace.state


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
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            file.write(text.encode("utf-8", "backslashreplace"))
            os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}; name another one with --manifest") from error
