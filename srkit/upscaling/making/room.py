"""Whether an output finds room on its disk, asked before the work rather than after it."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from srkit.domain import Finding
from srkit.errors import OutputError
from srkit.image import OutputPlan, Sink
from srkit.quantities import size_text

WORTH_A_WARNING = 4 * 10**9


def raw_bytes(plan: OutputPlan) -> int:
    """Return the bytes of all samples of an output as they are stored, before any compression."""
    return math.prod(plan.grid.shape) * len(plan.channels) * plan.frames * plan.encoding.dtype.itemsize


def needed_bytes(sink: Sink, plan: OutputPlan, *, spooled: bool) -> int:
    """Return the bytes that an output may take while it is made: what its format says, and slabs that are kept."""
    raw = raw_bytes(plan)
    return int(getattr(sink, "room", raw)) + (raw if spooled else 0)


def free_bytes(target: Path) -> int:
    """Return the bytes that are free where `target` is to be, which need not exist."""
    above = next((folder for folder in target.parents if folder.exists()), Path("/"))
    return shutil.disk_usage(above).free


def shortage(target: Path, needed: int) -> str:
    """Return in words how an output would not find room; empty where it does."""
    free = free_bytes(target)
    if needed <= free:
        return ""
    return (
        f"{target}: may take {size_text(needed)} on its disk while it is made, and {size_text(free)} are free; "
        "free some space, give another --out, or --force to try"
    )


def check_room(target: Path, needed: int) -> None:
    """Raise OutputError where an output would not find room."""
    words = shortage(target, needed)
    if words:
        raise OutputError(words)


def on_size(plan: OutputPlan) -> tuple[Finding, ...]:
    """Return a warning of an output that is large."""
    raw = raw_bytes(plan)
    if raw <= WORTH_A_WARNING:
        return ()
    return (Finding("warning", f"the output holds {size_text(raw)} of samples, before compression", "L12"),)
