"""Output: tables or JSON on stdout, sentences on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def say(text: str) -> None:
    """Print a sentence for the reader; results go to stdout, so this does not."""
    print(text, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a warning."""
    say(f"warning: {text}")


def plain(value: Any) -> Any:
    """Return `value` as JSON can hold it: dataclasses as objects, paths and types as text, no NaN."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return plain(value.tolist())
    if isinstance(value, Iterable):
        return [plain(entry) for entry in value]
    return str(value)


def print_json(value: Any) -> None:
    """Print `value` as JSON, the only thing on stdout; escaped where stdout cannot hold a letter of it."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")  # strict: file names may hold bytes that are no text
    except UnicodeEncodeError:
        text = json.dumps(plain(value), indent=2, allow_nan=False)
    print(text)


def console(*, stderr: bool = False) -> Console:
    """Return a console; in a pipe or a file it has no colour and is wide enough not to wrap."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 160, highlight=False)


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Print rows; columns whose cells are all numbers are set flush right."""
    from rich import box
    from rich.table import Table

    cells = [["" if cell is None else _cell(cell) for cell in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column, name in enumerate(head):
        numeric = bool(cells) and all(_is_number(row[column]) for row in cells)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*(_literal(cell) for cell in row))
    if title:
        print(title)  # as a table's own title it would be wrapped to the table's width
    console().print(table)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _literal(text: str) -> Any:
    from rich.text import Text

    return Text(text)  # brackets in paths are no markup


def _is_number(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return False
    return True


def shared_root(paths: Sequence[Path]) -> Path:
    """Return the path that names of items are shown from: that of one input; of several, they are shown as named."""
    return paths[0] if len(paths) == 1 else Path()


def relative(path: Path | None, root: Path) -> str:
    """Return `path` as seen from `root` where it lies below it."""
    if path is None:
        return ""
    try:
        return str(path.relative_to(root)) if path != root else path.name
    except ValueError:
        return str(path)
