"""What PET is about: how much activity there is in all. An output that has more or less of it is not let out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from srkit.domain import Finding, Item, Options
from srkit.image import Source
from srkit_medical.nifti.names import stem_of, suffix_of

TOLERANCE = 0.01
"""Share of a volume's activity by which an output may differ."""


def verify_activity(source: Source, staged: Path, options: Options) -> list[Finding]:
    """Return a failure for each frame whose activity (sum of value times voxel volume) moved by more than 1 %.

    `staged` is a volume, or the folder of a series, opened with the domain's `options`. Nothing is said where the
    output covers another part of space.
    """
    output = _reopened(source, staged, options)
    try:
        if not np.isclose(_volume(output), _volume(source), rtol=1e-3):
            return []
        return [finding for frame in range(source.frames) for finding in _of_frame(source, output, frame)]
    finally:
        output.close()


def activity(source: Source, frame: int) -> tuple[float, float]:
    """Return sum and sum of magnitudes of a frame's valid values, each times the volume of a voxel."""
    total = size = 0.0
    for window in source.slab.windows(source.grid.shape):
        block = source.read(window, frame)
        values = block.values if block.valid is None else block.values[block.valid]
        total += float(values.sum(dtype=np.float64))
        size += float(np.abs(values).sum(dtype=np.float64))
    voxel = float(np.prod(source.grid.spacing))
    return total * voxel, size * voxel


def _of_frame(source: Source, output: Source, frame: int) -> list[Finding]:
    before, size = activity(source, frame)
    after, _ = activity(output, frame)
    if abs(after - before) <= TOLERANCE * size:
        return []
    share = 100 * (after - before) / size
    where = f" of frame {frame + 1}" if source.frames > 1 else ""
    text = (
        f"the total activity{where} changed by {share:+.2g} %, more than 1 %; enforce consistency, or use another model"
    )
    return [Finding("failure", text, "I4")]


def _volume(source: Source) -> float:
    return float(np.prod(source.grid.spacing) * np.prod(source.grid.shape))


def _reopened(source: Source, staged: Path, options: Options) -> Source:
    if type(source).__module__.startswith("srkit_medical.dicom."):
        from srkit_medical.dicom.source import open_series

        paths = tuple(sorted(staged.iterdir())) if staged.is_dir() else (staged,)
        return open_series(Item(paths, "pet", suffix="" if staged.is_dir() else ".dcm"), options)
    from srkit_medical.nifti.source import open_file

    return open_file(Item((staged,), "pet", stem=stem_of(staged), suffix=suffix_of(staged)), options)
