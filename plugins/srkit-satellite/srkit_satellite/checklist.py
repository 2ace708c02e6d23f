"""Checks inputs against a list of checksums: most compressed rasters do not notice a bit that was flipped in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from srkit import UsageError
from srkit_satellite.tags import sha256_of

LINE = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](.+)")
"""A line of ``sha256sum``; one that begins with a backslash has some in its name, too."""

LARGEST = 2**28


@dataclass(frozen=True, slots=True)
class Checklist:
    """What files must be: their SHA-256 by path, without links."""

    digests: Mapping[Path, str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the list at `path`, whose names count from its own folder, as ``sha256sum`` has written it there.

        Raises UsageError for what is no such list.
        """
        try:
            if path.stat().st_size > LARGEST:
                raise UsageError(f"--sha256 {path} is too large for a list of checksums")
            lines = [line for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines() if line]
        except OSError as error:
            raise UsageError(f"--sha256 {path} cannot be read: {error.strerror or type(error).__name__}") from error
        folder, digests = path.absolute().parent, {}
        for number, line in enumerate(lines, start=1):
            match = LINE.fullmatch(line)
            if match is None:
                raise UsageError(f"--sha256 {path}: line {number} is none of a list as sha256sum writes it")
            name = match[3].replace("\\n", "\n").replace("\\\\", "\\") if match[1] else match[3]
            digests[(folder / name).resolve()] = match[2].lower()
        return cls(digests)

    def complaint(self, files: Iterable[Path]) -> str:
        """Return what is wrong with an input's files, in words; empty where all are what they must be."""
        for path in files:
            wanted = self.digests.get(path.resolve())
            if wanted is None:
                return f"{path.name} is not in the list of checksums (--sha256)"
            if sha256_of(path) != wanted:
                return f"{path.name} is not what the list of checksums says (--sha256); fetch it again"
        return ""
