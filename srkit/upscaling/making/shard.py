"""A share of an output's slabs, so that several machines with one disk can make one output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from srkit.errors import UsageError
from srkit.files import is_address


@dataclass(frozen=True, slots=True)
class Shard:
    """Share `number` (from 1) of `count` equal ones, in file order; by default the whole output."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2/5``. Raises UsageError for anything else."""
        match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        shard = None if match is None else cls(int(match[1]), int(match[2]))
        if shard is None or not 1 <= shard.number <= shard.count:
            raise UsageError(f"shard {text!r} is not understood; give which of how many, for instance 2/5")
        return shard

    def slabs(self, total: int) -> range:
        """Return the numbers of its slabs, of `total` in all; none where there are more shards than slabs."""
        return range(total * (self.number - 1) // self.count, total * self.number // self.count)

    def __str__(self) -> str:
        """Return the form that `parse` reads."""
        return f"{self.number}/{self.count}"


WHOLE = Shard()
MERGE = "merge"


def repeatable(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call as JSON can hold them, so that another process can make the same call.

    Raises UsageError for a model that is not named.
    """
    if not call:
        return {}
    model = call.get("model")
    if model is not None and not isinstance(model, str | Path):
        raise UsageError("shards are joined by another process, which must find the model: give its name or file")
    roots = call["path"] if isinstance(call["path"], list | tuple) else [call["path"]]
    places: dict[str, Any] = {
        "path": [str(root if is_address(Path(root)) else Path(root).absolute()) for root in roots]
    }
    places["out"] = str(Path(call["out"]).absolute())
    if model is not None and Path(model).is_file():
        places["model"] = str(Path(model).absolute())
    return {name: _plain(value) for name, value in {**call, **places}.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
