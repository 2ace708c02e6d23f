"""Copies what a run passes over to its place in the output folder, where the plugin that knows it asks for that."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from srkit.domain import Skipped
from srkit.errors import OutputError, SrkitError, UsageError
from srkit.files import copy_whole
from srkit.upscaling.batch.inputs import Inputs
from srkit.upscaling.batch.report import ItemResult
from srkit.upscaling.making.naming import FileId, check_file


@dataclass(frozen=True, slots=True)
class Copying:
    """Where copies go: the tree below the inputs is kept below `out`.

    `read` are the identities of all files that the run reads: none of them is ever replaced.
    """

    inputs: Inputs
    out: Path
    read: frozenset[FileId]
    overwrite: bool = False
    dry_run: bool = False

    def of(self, entry: Skipped, outputs: Collection[Path]) -> ItemResult:
        """Copy the files of `entry`, unless they are there; `outputs` are those of the run, to which nothing is added.

        What stands in the way is the result.
        """
        try:
            places = {path: self._place(path, outputs) for path in entry.paths}
            wanted = {path: place for path, place in places.items() if not _is_copy(place, path)}
            for place in wanted.values():
                check_file(place, self.read, overwrite=self.overwrite)
            for path, place in () if self.dry_run else wanted.items():
                with path.open("rb") as original:
                    copy_whole(original, place)
        except SrkitError as error:
            return ItemResult(entry.path, "", "failed", reason=str(error), exit_code=error.exit_code)
        except OSError as error:
            reason = f"cannot be copied: {error.strerror}; look after the file, and run it again"
            return ItemResult(entry.path, "", "failed", reason=reason, exit_code=OutputError.exit_code)
        output = places[entry.path]
        if not wanted:
            return ItemResult(entry.path, "", "skipped", output, f"its copy is there already: {entry.reason}")
        count = f" ({len(wanted)} files)" if len(wanted) > 1 else ""
        return ItemResult(entry.path, "", "planned" if self.dry_run else "copied", output, f"{entry.reason}{count}")

    def _place(self, path: Path, outputs: Collection[Path]) -> Path:
        """Return where the copy of `path` goes. Raises UsageError where that is not below `out`, or in an output."""
        out = Path(os.path.normpath(self.out.absolute()))
        place = Path(os.path.normpath(out / self.inputs.place(path)))
        if not place.parent.resolve().is_relative_to(out.resolve()):
            raise UsageError(f"the copy {place} would lie outside of {out}; remove the link that leads there")
        if place in outputs or place.parent in outputs:
            raise UsageError(f"the copy {place} would lie among the files of an output; rename {path.name}")
        return place


def _is_copy(place: Path, path: Path) -> bool:
    return place.is_file() and filecmp.cmp(place, path, shallow=False)
