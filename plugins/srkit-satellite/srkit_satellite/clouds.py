"""Where a scene is cloudy: after a scene classification or a mask, as a band of it or as a file beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.windows import Window as RasterWindow

from srkit import Block, InputError, Source, Window
from srkit_satellite.opening import GDAL_ERRORS, cause_of, open_raster

SCL_CLOUDS = (0, 1, 3, 8, 9, 10)
"""Classes of Sentinel-2's scene classification that are no ground: no data, defective, shadow, cloud, cirrus."""

SUFFIXES = {"scl": ("_SCL", "_scl"), "mask": ("_cloudmask", "_clouds", "_cloud", "_CLM")}
"""What the name of a file beside a scene ends in: classes, or a mask that is 0 where the sky is clear."""

BAND_NAMES = {
    "scl": re.compile(r"\bscl\b", re.IGNORECASE),
    "mask": re.compile(r"\bcloud ?mask\b|\bclm\b", re.IGNORECASE),
}
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Clouds:
    """A source of cloud: `band` of the scene itself, or `file` beside it; `kind` is ``scl`` or ``mask``."""

    kind: str
    band: int | None = None
    file: Path | None = None

    def share(self, window: Window, block: Block, shape: tuple[int, ...]) -> float:
        """Return the cloudy share of `window`, which `block` was read of; `shape` is the scene's.

        Raises InputError where the file beside the scene cannot be read.
        """
        return float(self.mask(window, block, shape).mean())

    def mask(self, window: Window, block: Block, shape: tuple[int, ...]) -> Array:
        """Return where `window` is cloudy, ``(rows, columns)`` bool; raises as `share` does."""
        numbers = self._read(window, shape) if self.band is None else block.values[self.band]
        cloudy: Array = np.isin(numbers, SCL_CLOUDS) if self.kind == "scl" else numbers != 0
        return cloudy

    def _read(self, window: Window, shape: tuple[int, ...]) -> Array:
        """Return the file's number at each pixel of `window`; it may be coarser than the scene, or finer."""
        path = self.file
        if path is None:
            raise ValueError("neither a band nor a file")
        try:
            with open_raster(path) as dataset:
                ratio = np.array(dataset.shape) / np.array(shape)
                start = np.floor(np.array(window.start) * ratio).astype(int)
                stop = np.maximum(np.ceil(np.array(window.stop) * ratio).astype(int), start + 1)
                rows, columns = (stop - start).tolist()
                numbers: Array = dataset.read(1, window=RasterWindow(int(start[1]), int(start[0]), columns, rows))
                places = map(_nearest, window.start, window.stop, ratio, start, numbers.shape)
                nearest: Array = numbers[np.ix_(*places)]
                return nearest
        except GDAL_ERRORS as error:
            raise InputError(f"{path}: the clouds beside the scene cannot be read ({cause_of(error, path)})") from error


def _nearest(first: int, last: int, ratio: float, start: int, length: int) -> Array:
    """Return the indices, from `start` on, of the file's pixels in which the centres of the scene's pixels lie."""
    centres = (np.arange(first, last) + 0.5) * ratio
    indices: Array = np.clip(np.floor(centres).astype(int) - start, 0, length - 1)
    return indices


def clouds_of(source: Source) -> Clouds | None:
    """Return where it is said which pixels of a scene are cloudy; None where nobody says it."""
    for index, channel in enumerate(source.channels):
        for kind, pattern in BAND_NAMES.items():
            if channel.role == "category" and pattern.search(channel.name.replace("_", " ")):
                return Clouds(kind, band=index)
    path: Path | None = getattr(source, "path", None)
    if path is None:
        return None
    for kind, suffixes in SUFFIXES.items():
        for suffix in suffixes:
            beside = path.with_name(f"{path.stem}{suffix}{path.suffix}")
            if beside.is_file():
                return Clouds(kind, file=beside)
    return None
