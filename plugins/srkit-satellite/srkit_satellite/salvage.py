"""Reads what is left of a broken raster: blocks that cannot be decoded count as no data.

A `Salvaged` dataset stands for rasterio's. Where samples are marked by a value (or are floats, with NaN) each band has
its own broken blocks; where one mask or alpha band speaks for all, a block that is broken in one band is so in all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.windows import Window as RasterWindow

from srkit import InputError, Window
from srkit_satellite.bands import bands_of
from srkit_satellite.opening import GDAL_ERRORS, common_dtype
from srkit_satellite.validity import Validity, usable_nodata

Array = np.ndarray[Any, Any]

ENOUGH = 256
"""Blocks, evenly spread, by which the readable share of a file is told."""


@dataclass(frozen=True, slots=True)
class Damage:
    """The broken blocks of a raster: ``(bands, block rows, block columns)``, True where one cannot be read."""

    broken: Array
    block: tuple[int, int]

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.broken.sum())

    def touches(self, band: int, window: Window) -> bool:
        """Tell whether a window meets a broken block of a (0-based) band."""
        return bool(self.broken[band][self._blocks(window)].any())

    def pieces(self, window: Window) -> Iterator[Window]:
        """Yield the part of each block that lies in a window."""
        rows, columns = self._blocks(window)
        for row in range(rows.start, rows.stop):
            for column in range(columns.start, columns.stop):
                yield window.intersection(_window_of(row, column, self.block))

    def _blocks(self, window: Window) -> tuple[slice, slice]:
        (row, column), (row_stop, column_stop) = window.start, window.stop
        rows, columns = self.block
        return slice(row // rows, -(-row_stop // rows)), slice(column // columns, -(-column_stop // columns))


class Salvaged:
    """A rasterio dataset whose broken blocks hold no data; all else is the dataset's own."""

    def __init__(self, dataset: Any, damage: Damage, kind: str) -> None:
        self._dataset = dataset
        self._damage = damage
        self._masked = kind == "all"
        self._fills = [_fill_of(dataset, band, kind) for band in range(dataset.count)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    @property
    def broken(self) -> str:
        """How many of its blocks are broken, in words."""
        return f"{self._damage.count} of {self._damage.broken.size}"

    @property
    def mask_flag_enums(self) -> Any:
        """How samples are marked: by a mask where nothing marked them before."""
        return ([MaskFlags.per_dataset],) * self.count if self._masked else self._dataset.mask_flag_enums

    def read(self, indexes: int | Sequence[int] | None = None, window: RasterWindow | None = None) -> Array:
        """Return samples as rasterio does."""
        if isinstance(indexes, int):
            return self._band(indexes - 1, self._window(window))
        numbers = self.indexes if indexes is None else indexes
        return np.stack([self._band(number - 1, self._window(window)) for number in numbers])

    def read_masks(self, indexes: int | None = None, window: RasterWindow | None = None) -> Array:
        """Return masks as rasterio does, 0 in broken blocks."""
        if indexes is not None:
            return self._mask(indexes - 1, self._window(window))
        return np.stack([self._mask(band, self._window(window)) for band in range(self.count)])

    def _window(self, window: RasterWindow | None) -> Window:
        if window is None:
            return Window.whole(self.shape)
        row, column = int(window.row_off), int(window.col_off)
        return Window((row, column), (row + int(window.height), column + int(window.width)))

    def _band(self, band: int, window: Window) -> Array:
        if not self._damage.touches(band, window):
            return np.asarray(self._dataset.read(band + 1, window=_of_rasterio(window)))
        result = np.full(window.shape, self._fills[band], self.dtypes[band])
        for piece in self._damage.pieces(window):
            if not self._damage.touches(band, piece):
                result[piece.relative_to(window).slices] = self._dataset.read(band + 1, window=_of_rasterio(piece))
        return result

    def _mask(self, band: int, window: Window) -> Array:
        result = np.zeros(window.shape, np.uint8)
        for piece in self._damage.pieces(window):
            if not self._damage.touches(band, piece):
                place = piece.relative_to(window).slices
                result[place] = 255 if self._masked else self._dataset.read_masks(band + 1, window=_of_rasterio(piece))
        return result


def salvaged(dataset: Any, path: Path, options: Mapping[str, Any]) -> Any:
    """Return an opened dataset, with its broken blocks as no data where it has some; every block is decoded once.

    Raises InputError where nothing of it can be read, or nothing that all bands have.
    """
    damage = _damage_of(dataset, path)
    if not damage.count:
        return dataset
    trapped = bands_of(Salvaged(dataset, damage, "alpha"), path.stem, options).trapped
    kind = Validity.of(dataset, trapped).kind
    together = kind in ("mask", "alpha") or (kind == "all" and _is_whole(dataset))
    if together:
        damage = Damage(np.broadcast_to(damage.broken.any(axis=0), damage.broken.shape), damage.block)
    if damage.broken.all():
        hint = "; state a nodata value (gdal_edit.py -a_nodata) to keep bands apart" if together else ""
        raise InputError(f"{path}: no block of it can be read in all bands, so nothing is left to salvage{hint}")
    return Salvaged(dataset, damage, kind if together else "value")


def readable_share(dataset: Any) -> float:
    """Return which share of a dataset's blocks can be read, after up to 256 of them."""
    rows, columns = _block_counts(dataset)
    places = [divmod(number, columns) for number in range(0, rows * columns, max(1, rows * columns // ENOUGH))]
    return float(np.mean([not _is_broken(dataset, None, *place) for place in places]))


_known: dict[tuple[Any, ...], Damage] = {}


def _damage_of(dataset: Any, path: Path) -> Damage:
    """Return what is broken, looked for once as long as the file stays as it is."""
    state = path.stat()
    key = (dataset.name, state.st_size, state.st_mtime_ns)
    if key not in _known:
        with ThreadPoolExecutor(1) as elsewhere:  # GDAL keeps a thread's last error, and a later call would raise it
            _known[key] = elsewhere.submit(_scanned, dataset).result()
    return _known[key]


def _scanned(dataset: Any) -> Damage:
    rows, columns = _block_counts(dataset)
    broken = np.zeros((dataset.count, rows, columns), np.bool_)
    for row, column, band in product(range(rows), range(columns), range(dataset.count)):
        broken[band, row, column] = _is_broken(dataset, band + 1, row, column)
    return Damage(broken, dataset.block_shapes[0])


def _is_broken(dataset: Any, band: int | None, row: int, column: int) -> bool:
    whole = Window.whole(dataset.shape)
    window = _of_rasterio(_window_of(row, column, dataset.block_shapes[0]).intersection(whole))
    try:
        dataset.read(band, window=window)
        if band is not None:
            dataset.read_masks(band, window=window)
    except GDAL_ERRORS:
        return True
    return False


def _block_counts(dataset: Any) -> tuple[int, int]:
    rows, columns = (-(-n // size) for n, size in zip(dataset.shape, dataset.block_shapes[0], strict=True))
    return rows, columns


def _window_of(row: int, column: int, block: tuple[int, int]) -> Window:
    start = row * block[0], column * block[1]
    return Window(start, (start[0] + block[0], start[1] + block[1]))


def _of_rasterio(window: Window) -> RasterWindow:
    return RasterWindow(window.start[1], window.start[0], window.shape[1], window.shape[0])


def _is_whole(dataset: Any) -> bool:
    dtype = common_dtype(dataset)
    return dtype is None or dtype.kind != "f"


def _fill_of(dataset: Any, band: int, kind: str) -> float:
    """Return what the samples of broken blocks are: what marks them, or 0 where something else does."""
    dtype = np.dtype(dataset.dtypes[band])
    nodata = usable_nodata(dtype, dataset.nodatavals[band])
    if kind != "value":
        return 0.0
    return float("nan") if nodata is None and dtype.kind == "f" else nodata or 0.0
