"""How outputs are made: what a call asks for, the same for all its items but for what each item decides itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from srkit.upscaling.enlarging.engine import Step
from srkit.upscaling.fidelity.demand import Fidelity
from srkit.upscaling.making.naming import FileId
from srkit.upscaling.making.shard import MERGE, Shard
from srkit.upscaling.planning.region import Region
from srkit.upscaling.routing.route import Wishes

if TYPE_CHECKING:
    from srkit.upscaling.making.production import Product


@dataclass(frozen=True, slots=True)
class Disk:
    """What outputs may do to the disk.

    Parameters
    ----------
    inputs
        Files that must never be replaced.
    overwrite
        Whether outputs that are there may be.
    force
        Whether work begins without asking for room.
    reserved
        Bytes that will be taken beside the output, by its maps.
    """

    inputs: frozenset[FileId] = frozenset()
    overwrite: bool = False
    force: bool = False
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Keeping:
    """What of unfinished work stays on disk.

    Parameters
    ----------
    resume
        Finished slabs stay until the output is there, and a run that was cut off is continued.
    shard
        The share of the slabs that is made and kept; no output then.
    join
        Whether the shards of an earlier call become the output.
    call
        The arguments of the call, kept along with its shards.
    """

    resume: bool = False
    shard: Shard | None = None
    join: bool = False
    call: Mapping[str, Any] | None = None

    @classmethod
    def of_call(cls, *, resume: bool = False, shard: str | None = None) -> Self:
        """Return what a call asks for; `shard` as ``2/5``, or ``merge``. Raises UsageError for anything else."""
        if shard == MERGE:
            return cls(resume, join=True)
        return cls(resume, None if shard is None else Shard.parse(shard))

    @property
    def keeps(self) -> bool:
        """Whether finished slabs stay on disk for a later run."""
        return self.resume or self.join or self.shard is not None


@dataclass(frozen=True, slots=True)
class Manner:
    """How outputs are made.

    Parameters
    ----------
    region
        What is wanted of an item; None for all of it.
    shape
        How many samples an output has per axis, where that is not what the enlarger's scale makes.
    step
        Told (tiles done, tiles in all).
    checked
        Told the same of the parts of a finished output that are read again, at first that none is; one that is read in
        a moment tells nothing.
    dry_run
        Only tell what would be done.
    promise
        Told (what was made, where it is staged) right before an output appears under its name, so that it is known
        whatever happens then.
    """

    disk: Disk = Disk()
    keeping: Keeping = Keeping()
    wishes: Wishes = Wishes()  # noqa: RUF009
    fidelity: Fidelity = Fidelity()  # noqa: RUF009
    region: Region | None = None
    shape: tuple[int, ...] | None = None
    step: Step | None = None
    checked: Step | None = None
    dry_run: bool = False
    promise: Callable[[Product, Path], None] | None = None
