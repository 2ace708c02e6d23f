"""Joins the shards that lie beside an output, or beside those in a folder, into the outputs themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from srkit.errors import UsageError
from srkit.plugins import Plugins
from srkit.upscaling.batch.pipeline import upscale
from srkit.upscaling.batch.report import UpscaleReport
from srkit.upscaling.batch.run import Progress
from srkit.upscaling.making.journal import MARK, head_of
from srkit.upscaling.making.shard import MERGE
from srkit.upscaling.making.staging import hidden_path


def merge(
    out: str | Path, *, overwrite: bool = False, plugins: Plugins | None = None, progress: Progress | None = None
) -> UpscaleReport:
    """Write the output at `out`, or those in the folder `out`, of the shards that were made of it.

    The output is byte for byte the one of a run in one piece, and is verified like it; then the shards are removed.
    Raises UsageError where there are no shards, some are missing, or the input has changed since.
    """
    call = _call_beside(Path(out).absolute())
    return upscale(**call, overwrite=overwrite, plugins=plugins, progress=progress, shard=MERGE)


def _call_beside(out: Path) -> dict[str, Any]:
    """Return the call by which the shards were made; those of a folder come from one call."""
    heads = [head_of(folder) for folder in (hidden_path(out, MARK), *sorted(out.rglob(f".*.srkit-{MARK}")))]
    calls = {json.dumps(head["call"], sort_keys=True) for head in heads if head and head.get("call")}
    if not calls:
        raise UsageError(f"{out}: there are no shards beside it; make them with `srkit upscale --shard 1/3 ...`")
    if len(calls) > 1:
        raise UsageError(f"{out}: holds shards of {len(calls)} calls; name one output")
    call: dict[str, Any] = json.loads(calls.pop())
    return call
