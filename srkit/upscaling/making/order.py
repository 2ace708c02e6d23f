"""One output that is to be made: of what, by what, where, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from srkit.domain import Item
from srkit.image import Source
from srkit.upscaling.making.manner import Disk, Manner
from srkit.upscaling.planning.enlarger import Enlarger
from srkit.upscaling.session import Session


@dataclass(frozen=True, eq=False, slots=True)
class Order:
    """An output to be made at `target` from the opened `source` of `item`."""

    session: Session
    item: Item
    source: Source
    enlarger: Enlarger
    target: Path
    manner: Manner

    def with_disk(self, disk: Disk) -> Self:
        """Return the same order, with other leave to use the disk."""
        return replace(self, manner=replace(self.manner, disk=disk))

    def with_tile(self, length: int) -> Self:
        """Return the same order, for tiles of at most `length` samples per axis."""
        manner = self.manner
        return replace(self, manner=replace(manner, wishes=replace(manner.wishes, tile=length)))
