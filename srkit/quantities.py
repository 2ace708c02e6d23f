"""Bytes and times in words, as people read them."""

from __future__ import annotations


def size_text(number: float) -> str:
    """Return bytes in powers of ten, as disks count: ``15.4 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def duration_text(seconds: float) -> str:
    """Return a time: ``45 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
