"""What an item, a piece of work and an output are, told in digests: by these a later run knows what is done already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from srkit.domain import Item, Options
from srkit.upscaling.planning.enlarger import Enlarger


@dataclass(frozen=True, slots=True)
class Trace:
    """By what an output is known again.

    Parameters
    ----------
    identity
        What the source is, wherever it lies.
    stamp
        Its files' places, sizes and times: those with the same stamp need not be read to know them again.
    work
        All but the source that the output follows from.
    state
        The output's files, as they were left.
    kinds
        Suffixes of the files of an output that is a folder; others may lie there too.
    """

    identity: str
    stamp: str
    work: str
    state: str = ""
    kinds: tuple[str, ...] = ()

    def left(self, target: Path, kinds: tuple[str, ...]) -> Trace:
        """Return the trace with the state of the output at `target`, as it is now."""
        return replace(self, state=state_of(target, kinds), kinds=kinds)


def identity_of(item: Item) -> str:
    """Return what an item is, wherever it lies: what its plugin says, else a digest of its files' content.

    Reads every file of an item whose plugin says nothing. Raises OSError where that fails.
    """
    if item.identity:
        return item.identity
    digest = hashlib.sha256(item.key.encode())
    for path in (*item.paths, *item.mosaic):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"


def stamp_of(item: Item) -> str:
    """Return a digest of the places, sizes and times of an item's files. Raises OSError where one is not there."""
    paths = (*item.paths, *item.mosaic)
    facts = [(str(path.absolute()), (status := path.stat()).st_size, status.st_mtime_ns) for path in paths]
    return _digest(facts, item.key)


def work_of(enlarger: Enlarger, options: Options, asked: object) -> str:
    """Return a digest of the model, the scale, a domain's options, and what else was `asked` for."""
    return _digest(enlarger.name, enlarger.sha256, str(enlarger.scale), dict(options), asked)


def state_of(target: Path, kinds: Collection[str]) -> str:
    """Return a digest of the names, sizes and times of an output's files; empty where there are none.

    Times are those of whole seconds, which copies and all file systems keep.
    """
    files = [target]
    if target.is_dir():
        files = sorted(path for path in target.iterdir() if path.suffix in kinds and path.is_file())
    try:
        facts = [(path.name, (status := path.stat()).st_size, int(status.st_mtime)) for path in files]
    except OSError:
        return ""
    return _digest(facts) if facts else ""


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
