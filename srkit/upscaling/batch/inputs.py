"""What a call is about: one file or folder tree, or several of them that share an output folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from srkit.domain import Item, Skipped
from srkit.errors import InputError, UsageError
from srkit.files import is_address, is_private_address
from srkit.plugins import relate
from srkit.upscaling.making.naming import is_manifest
from srkit.upscaling.session import Session, without_outputs

UNKNOWN = "is of no kind that an installed plugin reads; see `srkit plugins list`"
Found = Item | Skipped


@dataclass(frozen=True, slots=True)
class Inputs:
    """The places that a call names, files, folders or addresses, in its order."""

    roots: tuple[Path, ...]

    @classmethod
    def of_call(cls, path: str | Path | Sequence[str | Path]) -> Self:
        """Return the inputs of a call. Raises UsageError where there is none."""
        given = [path] if isinstance(path, str | Path) else path
        if not given:
            raise UsageError("no input is named; give a file or a folder")
        return cls(tuple(dict.fromkeys(Path(root) for root in given)))

    @property
    def named(self) -> bool:
        """Whether every input is a file, or an address, that was named itself."""
        return all(root.is_file() or is_address(root) for root in self.roots)

    @property
    def single(self) -> bool:
        """Whether there is one file, whose output may be named."""
        return len(self.roots) == 1 and self.named

    def place(self, path: Path) -> Path:
        """Return where a file that was found lies below the output folder: as an item's output would."""
        homes = {root: root if root.is_dir() else root.parent for root in self.roots}  # a file may list those beside it
        root = next(root for root, home in homes.items() if path.is_relative_to(home))
        below = path.relative_to(homes[root])
        return root.resolve().name / below if len(self.roots) > 1 and root.is_dir() else below

    def check_addresses(self, *, listed: bool, shared: bool) -> None:
        """Raise UsageError for addresses in a manifest, which knows files, and for secret ones that others open."""
        if listed and any(is_address(root) for root in self.roots):
            raise UsageError("a manifest knows files, and no addresses; fetch it, or leave --skip-existing out")
        if shared and any(is_private_address(root) for root in self.roots):
            raise UsageError(
                "shards are joined by a process that is told the address without its user and query, which may be "
                "private; fetch it, or leave --shard out"
            )

    def find(self, session: Session, domain: str | None, hint: str | None = None) -> list[Found]:
        """Return what is found, each once; with several inputs, items know one another.

        `domain` and `hint` as in `Session.find`. Raises UsageError for an input that does not exist.
        """
        if len(self.roots) == 1:
            return session.find(self.roots[0], domain, hint)
        every = [entry for root in self.roots for entry in _at(root, session, domain, hint)]
        return _related(session, _each_once(every))

    def without_outputs(self, found: Sequence[Found], out: Path) -> list[Found]:
        """Leave out what lies in the output folder, where that is inside an input folder: earlier outputs."""
        for root in self.roots:
            found = without_outputs(found, root, out)
        return list(found)

    def check_found(self, found: Sequence[Found]) -> None:
        """Raise InputError where there is nothing to do; a file that was named alone must be an item."""
        if any(isinstance(entry, Item) for entry in found):
            return
        reasons = [entry for entry in found if isinstance(entry, Skipped)]
        if len(self.roots) > 1:
            why = f": {reasons[0].path} {reasons[0].reason}" if reasons else ""
            raise InputError(f"none of the {len(self.roots)} inputs holds an image that can be read{why}")
        if self.roots[0].is_file():
            raise InputError(f"{self.roots[0]}: {reasons[0].reason if reasons else UNKNOWN}")
        if not reasons:
            raise InputError(
                f"{self.roots[0]}: holds no image that an installed plugin reads; see `srkit plugins list`"
            )

    def passed_over(self, found: Sequence[Found], out: Path) -> int:
        """Return how many files of folders are of no installed domain; hidden ones and outputs do not count."""
        known = {path for entry in found for path in entry.paths}
        return sum(_unknown_below(root, known, out) for root in self.roots if root.is_dir())


def _at(root: Path, session: Session, domain: str | None, hint: str | None) -> list[Found]:
    """Return what is found at one of several inputs; a folder's items get a folder of its name."""
    found = session.find(root, domain, hint)
    if not root.is_dir():
        return found or [Skipped(root, UNKNOWN)]
    name = root.resolve().name
    return [replace(e, folder=f"{name}/{e.folder}".rstrip("/")) if isinstance(e, Item) else e for e in found]


def _each_once(found: Sequence[Found]) -> list[Found]:
    """Leave out what an earlier input brought already."""
    kept: dict[tuple[Path, str], Found] = {}
    for entry in found:
        kept.setdefault((Path(os.path.realpath(entry.path)), getattr(entry, "key", "")), entry)
    return list(kept.values())


def _related(session: Session, found: Sequence[Found]) -> list[Found]:
    items = iter(relate(session.plugins, [e for e in found if isinstance(e, Item)], session.options))
    return [next(items) if isinstance(entry, Item) else entry for entry in found]


def _unknown_below(root: Path, known: set[Path], out: Path) -> int:
    count = 0
    for parent, folders, names in os.walk(root):
        place = Path(parent)
        folders[:] = [n for n in folders if not n.startswith(".") and (place / n).resolve() != out.resolve()]
        count += sum(not (n.startswith(".") or place / n in known or is_manifest(place / n)) for n in names)
    return count
