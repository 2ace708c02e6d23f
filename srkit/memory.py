"""How much memory this machine has to spare, as far as it says so."""

from __future__ import annotations

from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def spare_memory() -> int | None:
    """Return the bytes that a process may still take without swapping, its container's limit (cgroup v2) heeded.

    None where the system does not say: only Linux does.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None
    room = _cgroup_room()
    return free if room is None else min(free, room)


def _cgroup_room(folder: Path = CGROUP) -> int | None:
    """Return what a container may still take, None where there is no limit.

    Files that it has read count as used, until somebody needs the memory: those not in use of late are given back.
    """
    try:
        limit = (folder / "memory.max").read_text(encoding="ascii").strip()
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        kinds = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        used -= int(kinds.get("inactive_file", 0))
    except (OSError, ValueError):
        return None
    return max(0, int(limit) - used) if limit.isdigit() else None
