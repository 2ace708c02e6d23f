"""Where outputs go, decided and checked before any work: no collision, no surprise, never an input."""

from __future__ import annotations

import os
import string
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from srkit.domain import Item, Skipped
from srkit.errors import UsageError, nearest_known
from srkit.files import is_address

FIELDS = ("stem", "scale")
MANIFEST = "srkit-manifest.jsonl"
"""Name of the file that tells, in an output folder, what became of each item."""
FileId = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Naming:
    """How the user wants outputs to be placed.

    Parameters
    ----------
    out
        A file, or a folder (existing or not).
    template
        Name without suffix, with ``{stem}`` and ``{scale}``; None keeps the item's name.
    single_file
        Whether there is one output, whose name `out` may be.
    """

    out: Path
    template: str | None
    single_file: bool

    def __post_init__(self) -> None:
        for _, name, _, _ in _parsed(self.template or ""):
            if name is not None and name not in FIELDS:
                known = ", ".join(f"{{{known}}}" for known in FIELDS)
                raise UsageError(
                    f"the name {self.template!r} has an unknown field {{{name}}} (known: {known})"
                    f"{nearest_known(name, FIELDS)}"
                )
        if self.template is not None and ("/" in self.template or os.sep in self.template):
            raise UsageError(f"the name {self.template!r} has a folder in it; give folders with --out")

    def folder_of(self, items: Iterable[Item]) -> Path:
        """Return the folder that holds the outputs of `items`, and what belongs beside them."""
        named = any(item.suffix and _ends_in(self.out, item.suffix) for item in items)
        return self.out.parent if self.single_file and named and not self.out.is_dir() else self.out

    def named(self, item: Item) -> Item:
        """Return the item with that of its suffixes which `out` has, where that is the name of its output."""
        if not self.single_file or self.out.is_dir() or _ends_in(self.out, item.suffix):
            return item
        fitting = [suffix for suffix in item.other_suffixes if _ends_in(self.out, suffix)]
        return replace(item, suffix=fitting[0]) if fitting else item

    def target(self, item: Item, scale: str) -> Path:
        """Return the absolute path of an item's output; `scale` as in ``2`` or ``1x1x4``.

        Raises UsageError where `out` is a file name of another kind than the item's.
        """
        out = Path(os.path.normpath(self.out.absolute()))
        if self.single_file and item.suffix and not out.is_dir() and _names_a_file(out, item.suffix):
            return out
        stem = item.stem
        if self.template is not None and (item.stem or item.suffix):
            stem = self.template.format(stem=item.stem, scale=scale)
        return Path(os.path.normpath(out / item.folder / (stem + item.suffix)))


def names_output_of(out: Path, items: Sequence[Item]) -> bool:
    """Tell whether `out` is a name for the output of the only item that a folder holds (a series as a volume).

    Raises UsageError where it is one, and there are several items.
    """
    suffixes = [(item.suffix, *item.other_suffixes) for item in items if item.suffix]
    fitting = [any(_ends_in(out, suffix) for suffix in own) for own in suffixes]
    if out.is_dir() or not items or len(fitting) < len(items) or not all(fitting):
        return False
    if len(items) > 1:
        raise UsageError(f"the output {out.name!r} names a file, and there are {len(items)} items; give a folder")
    return True


def _ends_in(out: Path, suffix: str) -> bool:
    return out.name.lower().endswith(suffix.lower()) and out.name.lower() != suffix.lower()


def check_collisions(naming: Naming, items: Sequence[Item], scale: str) -> None:
    """Raise UsageError where two items would get the same output, before any work is done."""
    places: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        places[os.path.normcase(naming.target(item, scale))].append(item)
    for place, rivals in places.items():
        if len(rivals) > 1:
            names = ", ".join(str(item.path) for item in rivals[:3])
            raise UsageError(f"{len(rivals)} items would all be written to {place}: {names}; give --name '{{stem}}…'")


def file_ids(found: Iterable[Item | Skipped]) -> frozenset[FileId]:
    """Return the identities of all files of what was found, the same for every link to one."""
    return frozenset(identity for entry in found for path in entry.paths if (identity := file_id(path)) is not None)


def file_id(path: Path) -> FileId | None:
    """Return what is the same for all links to a file; None if there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def check_target(target: Path, item: Item, inputs: frozenset[FileId], *, overwrite: bool) -> None:
    """Raise UsageError where an output must not go: onto an input, or onto something that is there."""
    if item.suffix:
        check_file(target, inputs, overwrite=overwrite)
    else:
        _check_folder(target, item, overwrite=overwrite)


def is_there(target: Path, item: Item) -> bool:
    """Tell whether an output is there that is no older than its inputs; of those at addresses that is not known."""
    if is_address(item.path):
        return False
    files = [target] if target.is_file() else list(target.rglob("*")) if target.is_dir() and not item.suffix else []
    times = [path.stat().st_mtime_ns for path in files if path.is_file()]
    newest = max(path.stat().st_mtime_ns for path in (*item.paths, *item.mosaic))
    return bool(times) and min(times) >= newest and not any(path.resolve().parent == target for path in item.paths)


def check_file(target: Path, inputs: frozenset[FileId], *, overwrite: bool) -> None:
    """Raise UsageError where a file must not be written: onto one of `inputs`, or onto something that is there."""
    if file_id(target) in inputs:
        raise UsageError(f"the output {target} is an input; inputs are never changed, give another --out or --name")
    if target.is_dir():
        raise UsageError(f"the output {target} is a folder; give another --out or --name")
    above = next(folder for folder in target.parents if folder.exists())
    if not above.is_dir():
        raise UsageError(f"the output folder {above} is a file; give another --out")
    if os.path.lexists(target) and not overwrite:
        raise UsageError(f"the output {target} exists; give --overwrite to replace it")


def _check_folder(target: Path, item: Item, *, overwrite: bool) -> None:
    real = target.resolve()
    if any(path.resolve().parent == real for path in item.paths):
        raise UsageError(f"the output folder {target} holds the input; give another --out or --name")
    if target.exists() and not target.is_dir():
        raise UsageError(f"the output {target} is a file where a folder is needed; give another --out")
    if target.is_dir() and not overwrite and any(e.is_file() and not is_manifest(e) for e in target.iterdir()):
        raise UsageError(f"the output folder {target} already holds files; give another --out, or --overwrite")


def _names_a_file(out: Path, suffix: str) -> bool:
    """Tell whether `out` is the name of a file with `suffix`; a name of another kind is an error, not a folder."""
    if _ends_in(out, suffix):
        return True
    if out.suffix:
        raise UsageError(
            f"the output {out.name!r} does not end in {suffix}, the format of this input; "
            f"give a name ending in {suffix}, or a folder without a dot in its name"
        )
    return False


def _parsed(template: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(string.Formatter().parse(template))
    except ValueError as error:
        raise UsageError(f"the name {template!r} is not understood: {error}; use {{stem}} and {{scale}}") from None


def is_manifest(path: Path) -> bool:
    """Tell whether a file is a manifest by its name, or the table of one."""
    return path.name in (MANIFEST, Path(MANIFEST).with_suffix(".csv").name)
