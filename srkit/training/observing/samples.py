"""Pictures of how a run is doing: LR, interpolated, SR, HR and the error side by side, one row per patch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image
from torch import nn

from srkit.image import Array
from srkit.training.learning.compute import Compute
from srkit.training.learning.loop import StepReport
from srkit.training.observing.validation import HeldOut, enlarged

ROWS = 4
GAP = 4
PERCENTILES = (0.5, 99.5)
ERROR_GAIN = 5  # an error of a fifth of the range of HR is white


class PictureListener(Protocol):
    """Is told of every picture."""

    def on_picture(self, step: int, picture: Array) -> None:
        """Take note of ``(rows, columns, 3)`` uint8."""
        ...


@dataclass
class Samples:
    """Writes ``step_….png`` every `every` steps and at the end."""

    folder: Path
    generator: nn.Module
    patches: Sequence[HeldOut]
    compute: Compute
    every: int
    listeners: Sequence[PictureListener] = ()

    def on_step(self, report: StepReport) -> None:
        """Write a picture where it is due."""
        if self.every and self.patches and (report.step % self.every == 0 or report.is_last):
            self.folder.mkdir(parents=True, exist_ok=True)
            rows = [sample_row(patch, enlarged(self.generator, patch, self.compute)) for patch in self._chosen()]
            picture = stacked(rows)
            Image.fromarray(picture).save(self.folder / f"step_{report.step:09d}.png")
            for listener in self.listeners:
                listener.on_picture(report.step, picture)

    def _chosen(self) -> list[HeldOut]:
        """Return one patch of each of the first items, then second ones until there are enough."""
        turns: dict[int, int] = {}
        order = []
        for patch in self.patches:
            turns[patch.item] = turns.get(patch.item, 0) + 1
            order.append((turns[patch.item], patch.item))
        ranked = sorted(range(len(order)), key=lambda i: order[i])
        return [self.patches[i] for i in ranked[:ROWS]]


def sample_row(patch: HeldOut, sr: Array) -> Array:
    """Return LR (repeated), interpolated, SR, HR and the error as one picture, ``(rows, columns, 3)`` uint8.

    All but the error are on the grey scale of HR; the error is the difference of SR and HR, five times as bright.
    """
    stages = (patch.interpolated("nearest"), patch.interpolated(), sr, patch.pair.hr)
    low, high = np.percentile(patch.pair.hr, PERCENTILES)
    span = float(high - low) or 1.0
    tiles = [_picture((_plane(values) - low) / span) for values in stages]
    tiles.append(_picture(ERROR_GAIN * np.abs(_plane(sr) - _plane(patch.pair.hr)) / span))
    gap = np.full((tiles[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([part for tile in tiles for part in (tile, gap)][:-1], axis=1)


def stacked(rows: Sequence[Array]) -> Array:
    """Return pictures of equal width below one another."""
    gap = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([part for row in rows for part in (row, gap)][:-1], axis=0)


def _plane(values: Array) -> Array:
    """Return ``(C, rows, columns)``: the image itself, or the middle plane of a volume."""
    return values if values.ndim == 3 else values[:, values.shape[1] // 2]


def _picture(values: Array) -> Array:
    """Return 0..1 values ``(C, rows, columns)`` as RGB: three channels as they are, else the first as grey."""
    chosen = values[:3] if values.shape[0] >= 3 else values[:1].repeat(3, axis=0)
    clean = np.nan_to_num(np.clip(chosen, 0, 1))
    return np.asarray(np.rint(clean * 255).astype(np.uint8).transpose(1, 2, 0))
