"""Counts samples of a finished output that had to be the input's own, repeated: classes, and which ones are valid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from srkit.domain import Finding
from srkit.grid import Slab, Window
from srkit.image import Array, Block, BoolArray, Source
from srkit.upscaling.enlarging.engine import read
from srkit.upscaling.enlarging.stream import THIN_SAMPLES
from srkit.upscaling.fidelity.verdict import Passed

WORDS: Mapping[str, tuple[str, str]] = {
    "classes": ("classes are repeated", "samples of classes are not the input's, repeated"),
    "validity": (
        "samples are valid exactly where the input's are",
        "samples are valid in the output and not in the input, or the other way round",
    ),
}
"""What each rule says where it holds, and what it counts where it does not."""


def repeated(
    source: Source, output: Source, factors: tuple[int, ...], codes: Mapping[str, str]
) -> tuple[list[Finding], Passed]:
    """Return which rules of `WORDS` a finished `output` breaks, and which hold: those that `codes` gives a number.

    Both have the same channels and frames; the output has `factors` times the input's samples.
    """
    asked = {rule: codes[rule] for rule in WORDS if rule in codes}
    if not any(channel.role == "category" for channel in source.channels):
        asked.pop("classes", None)
    counts = _counted(source, output, factors) if asked else Counter[str]()
    broken = [rule for rule in asked if counts[rule]]
    wrong = [Finding("failure", f"{counts[rule]} {WORDS[rule][1]}", asked[rule]) for rule in broken]
    return wrong, tuple((code, WORDS[rule][0]) for rule, code in asked.items() if rule not in broken)


def _counted(source: Source, output: Source, factors: tuple[int, ...]) -> Counter[str]:
    axis, shape = source.slab.axis, source.grid.shape
    becomes = int(np.prod(output.grid.shape)) // shape[axis]  # samples that one step along the axis becomes
    pieces = Slab(axis, max(1, THIN_SAMPLES // becomes))
    counts: Counter[str] = Counter()
    for frame in range(source.frames):
        for window in pieces.windows(shape):
            counts += _counted_in(source, output, window, frame, factors)
    return counts


def _counted_in(source: Source, output: Source, window: Window, frame: int, factors: tuple[int, ...]) -> Counter[str]:
    given, found = read(source, window, frame), read(output, window.upscaled(factors), frame)
    known, valid = _larger(_validity(given), factors), _validity(found)
    wanted = _larger(given.values, factors)
    classes = [i for i, channel in enumerate(source.channels) if channel.role == "category"]
    differs = (found.values != wanted) & known & valid
    return Counter(
        classes=int(np.count_nonzero(differs[classes])),
        validity=int(np.count_nonzero(known != valid)),
    )


def _validity(block: Block) -> BoolArray:
    return np.ones((1, *block.values.shape[1:]), np.bool_) if block.valid is None else block.valid


def _larger(samples: Array, factors: tuple[int, ...]) -> Array:
    for axis, factor in enumerate(factors, start=1):
        samples = samples.repeat(factor, axis=axis) if factor > 1 else samples
    return samples
