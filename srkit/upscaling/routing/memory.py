"""How much memory there is to be had."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from srkit.errors import OutOfMemoryError, UsageError
from srkit.memory import spare_memory

FALLBACK_MEMORY = 2 * 2**30  # bytes, where the system does not say
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True, slots=True)
class Beside:
    """What memory holds beside a tile in the network, in bytes.

    `fixed` whatever the tiles, `per_row` for each input row of a tile across the slab's axis, while tiles wait for the
    rest of their row, `per_sample` for each input sample of a tile.
    """

    fixed: int = 0
    per_row: int = 0
    per_sample: int = 0

    def __add__(self, other: Beside) -> Beside:
        """Return both together."""
        fixed, per_row = self.fixed + other.fixed, self.per_row + other.per_row
        return Beside(fixed, per_row, self.per_sample + other.per_sample)


def bytes_of(text: int | str | None) -> int | None:
    """Return a number of bytes, given as such or as ``4G``, ``512M``. Raises UsageError for anything else."""
    if text is None or isinstance(text, int):
        return text
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise UsageError(f"{text!r} is no amount of memory; give for instance 4G or 512M")
    return int(float(found[1]) * UNITS[found[2].upper()])


def default_budget(device: str) -> int:
    """Return a quarter of what is free, in bytes, as a power of two: the same in runs that follow."""
    return int(2 ** ((free_memory(device) // 4).bit_length() - 1))


def free_memory(device: str) -> int:
    """Return the bytes that can be had on `device`."""
    if torch.device(device).type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    spare = spare_memory()
    return FALLBACK_MEMORY if spare is None else spare


@contextmanager
def noticing_exhaustion(shape: tuple[int, ...]) -> Iterator[None]:
    """Raise OutOfMemoryError where memory runs out over a tile of `shape`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_exhaustion(error):
            raise
        tile = " x ".join(map(str, shape))
        raise OutOfMemoryError(
            f"memory ran out over a tile of {tile} samples; close other programs, or take another machine", max(shape)
        ) from error


def _is_exhaustion(error: Exception) -> bool:
    """Tell whether there was too little memory; torch has an error of its own on GPUs, and only words on CPUs."""
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(word in str(error).lower() for word in words)
