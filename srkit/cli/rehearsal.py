"""How `srkit train --dry-run` tells what a run would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srkit.quantities import duration_text, size_text

if TYPE_CHECKING:
    from srkit.training.running.rehearsal import PhaseRehearsal, Rehearsal


def print_rehearsal(found: Rehearsal) -> None:
    """Print it on stdout, a fact a line."""
    left_out = f"; {found.left_out} file(s) left out" if found.left_out else ""
    rows = {
        "items": ", ".join(f"{number} {name}" for name, number in found.items.items()) + f" ({found.split}){left_out}",
        "batch": f"LR {_times(found.lr)}, HR {_times(found.hr)}, made in {duration_text(found.batch_seconds)}",
        "networks": ", ".join(f"{name} of {number:,} parameters" for name, number in found.parameters.items()),
        "device": f"{found.device}, {found.precision}",
        **{f"phase {phase.name}": _phase(phase) for phase in found.phases},
        "time": f"about {duration_text(found.seconds)} for all steps on this machine, validation not counted",
        "memory": f"{size_text(found.memory_bytes)} at most so far",
        "disk": f"{size_text(found.disk_bytes)}, of which {size_text(found.checkpoint_bytes)} for each checkpoint",
    }
    width = max(map(len, rows)) + 2
    for name, text in rows.items():
        print(f"{name:{width}}{text}")


def _phase(phase: PhaseRehearsal) -> str:
    parts = f", each batch in {phase.parts} parts" if phase.parts > 1 else ""
    return f"{phase.steps:,} steps of {duration_text(phase.step_seconds)}{parts}"


def _times(numbers: tuple[int, ...]) -> str:
    return " x ".join(map(str, numbers))
