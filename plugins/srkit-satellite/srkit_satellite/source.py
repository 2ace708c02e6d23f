"""A raster as a `Source`: rows and columns, its own numbers (DN), validity per band."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from rasterio.windows import Window as RasterWindow

from srkit import Block, Encoding, InputError, Item, Provenance, Role, Slab, UsageError, Window
from srkit_satellite.bands import bands_of
from srkit_satellite.domain import NAME
from srkit_satellite.georeference import Georeference
from srkit_satellite.ground import ground_sizes
from srkit_satellite.images import KEY, open_image
from srkit_satellite.opening import (
    GDAL_ERRORS,
    LEAST_CACHE,
    cause_of,
    common_dtype,
    itemsize_of,
    open_raster,
    provide_cache,
    read_bands,
)
from srkit_satellite.product import read_product
from srkit_satellite.remote import is_remote, open_remote
from srkit_satellite.rules import AGREEMENT_RULES, RULES
from srkit_satellite.salvage import readable_share, salvaged
from srkit_satellite.saturation import reserved_numbers, saturated_number, saturated_samples
from srkit_satellite.stack import open_stack
from srkit_satellite.tags import provenance_of
from srkit_satellite.tiles import Mosaic, layout_of
from srkit_satellite.validity import Validity, usable_nodata
from srkit_satellite.virtual import is_virtual, open_virtual

READ_ROWS = 256
READ_BYTES = 2**26


@dataclass(frozen=True, slots=True)
class Stack:
    """Bands of several files, opened as one dataset; see `RasterSource` for the rest."""

    dataset: Any
    files: tuple[Path, ...]
    name: str
    kind: str


class RasterSource:
    """One opened raster; see `srkit.Source` for what the attributes mean.

    Values are the stored numbers: scale and offset tags are kept for the output and never applied.

    Attributes
    ----------
    path, files, dataset
        The file that stands for it, all files that it consists of, and rasterio's dataset of them.
    options
        The domain's, as it was opened with.
    name, kind
        What it is called in the output, and what it is in words.
    georeference, validity, bands
        What the file says on these.
    saturated
        The number of samples that were saturated, None where nothing tells it.
    mosaic
        The image that it is a tile of, None for most.
    """

    frames = 1
    rules = RULES
    agreement_rules = AGREEMENT_RULES
    roles: Mapping[Role, int] = {"row": 0, "column": 1}
    mosaic: Mosaic | None = None

    def __init__(self, path: Path, options: Mapping[str, Any], stack: Stack | None = None) -> None:
        self.path = path
        self.options = options
        self.dataset = open_raster(path) if stack is None else stack.dataset
        self.files = (path,) if stack is None else stack.files
        self.name = path.name if stack is None else stack.name
        self.kind = str(self.dataset.driver) if stack is None else stack.kind
        try:
            self._describe(options)
        except GDAL_ERRORS as error:
            self.dataset.close()
            raise InputError(f"{path}: cannot be read ({cause_of(error, path)}); the file is broken") from error
        except InputError:
            self.dataset.close()
            raise

    def _describe(self, options: Mapping[str, Any]) -> None:
        dataset = self.dataset
        dtype = common_dtype(dataset) or np.dtype(dataset.dtypes[0])
        self.georeference = Georeference.of(dataset).assigned(str(options.get("assign_crs", "")))
        self.grid = self.georeference.grid((dataset.height, dataset.width))
        self.bands = bands_of(dataset, self.path.stem, options)
        self.channels = self.bands.channels
        self.validity = Validity.of(dataset, self.bands.trapped)
        nodata = tuple(usable_nodata(dtype, value) for value in dataset.nodatavals)
        self.saturated = saturated_number(dataset, options)
        reserved = reserved_numbers(self.saturated, dtype, self.channels, self.validity)
        self.encoding = Encoding(dtype, nodata=nodata if any(n is not None for n in nodata) else (), reserved=reserved)
        self.fixed_axes: Mapping[int, str] = {}
        self.extent = Window.whole(self.grid.shape)
        self._origin: tuple[int, ...] = (0, 0)
        self.slab = Slab(0, self._rows_at_once())
        self.cache = max(LEAST_CACHE, self._bytes_of_rows(self._rows_kept()))
        provide_cache(self.cache)

    def surround(self, tiles: tuple[Path, ...], options: Mapping[str, Any]) -> None:
        """Let the raster go on beyond its border into `tiles`, its own file among them."""
        rows = self.slab.size
        opened = partial(_tile, options)
        self.mosaic = Mosaic(layout_of(tiles), self.path, self, opened, rows)
        self.extent = Window.whole(self.mosaic.grid.shape).relative_to(self.mosaic.place)

    def _rows_at_once(self) -> int:
        block = int(self.dataset.block_shapes[0][0])
        rows = block * max(1, READ_ROWS // block)
        while rows > 2 * block and self._bytes_of_rows(rows) > READ_BYTES:
            rows = rows // 2 // block * block
        return rows

    def _rows_kept(self) -> int:
        """Return how many rows GDAL should keep: those that windows side by side take from the same blocks."""
        height, width = self.dataset.block_shapes[0]
        striped = width >= self.dataset.width
        return int(self.slab.size + height if striped else 2 * height)

    @property
    def row_of_blocks(self) -> int:
        """Bytes of the blocks that one row of pixels is in."""
        return self._bytes_of_rows(int(self.dataset.block_shapes[0][0]))

    def _bytes_of_rows(self, rows: int) -> int:
        return int(rows * self.dataset.width * self.dataset.count * itemsize_of(self.dataset))

    @property
    def sample_sizes(self) -> tuple[float, float] | None:
        """Height and width of a pixel in metres; None where that is not known."""
        return ground_sizes(self.georeference, self.grid)

    @property
    def provenance(self) -> Provenance | None:
        """How the raster came about, where it is an output of srkit; read by `srkit verify`."""
        return provenance_of(self.dataset.tags())

    def read(self, window: Window, frame: int = 0) -> Block:
        """Return the samples of `window`, as float, with their validity. Raises InputError for broken blocks."""
        place = window.shifted(self._origin)
        if self.mosaic is not None and not Window.whole(self.dataset.shape).contains(place):
            return self.mosaic.read(place.shifted(self.mosaic.place.start))
        stored, valid = self.read_stored(window)
        return Block(self.encoding.decode(stored), valid)

    def read_stored(self, window: Window) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
        """Return the samples of `window` as the file holds them, ``(C, rows, columns)``, and their validity."""
        if self.dataset.closed:
            raise InputError(f"{self.path}: was closed; open its item again")
        (row, column), (rows, columns) = window.shifted(self._origin).start, window.shape
        place = RasterWindow(column, row, columns, rows)
        try:
            stored = read_bands(self.dataset, place)
            valid = self.validity.read(self.dataset, place, stored)
        except GDAL_ERRORS as error:
            raise self.unreadable(f"rows {row} to {row + rows - 1}", error) from error
        saturated = saturated_samples(stored, self.encoding.reserved)
        return stored, (~saturated if valid is None else valid & ~saturated) if saturated.any() else valid

    def unreadable(self, what: str, error: BaseException) -> InputError:
        """Return what to say where `what` cannot be decoded, with the share of the file that can."""
        said = f"{self.path}: {what} cannot be read ({cause_of(error, self.path)})"
        if is_remote(self.path):  # to look at other blocks might take hours where a network is down
            return InputError(f"{said}; is the network up? If so the file is broken, fetch it to look into it")
        return InputError(
            f"{said}; of the file's blocks {readable_share(self.dataset):.0%} can, the others are broken or cut short: "
            "fetch it again, or take them for no data with --salvage"
        )

    def part(self, window: Window) -> Self:
        """Return the pixels of `window` as a raster of their own, where they lie; the open file is shared."""
        part = copy(self)
        part.georeference = self.georeference.part(window.start)
        part.grid = part.georeference.grid(window.shape)
        part.extent = self.extent.relative_to(window)
        part._origin = window.shifted(self._origin).start
        return part

    def close(self) -> None:
        """Close the file, and those around it."""
        self.dataset.close()
        if self.mosaic is not None:
            self.mosaic.close()


def _tile(options: Mapping[str, Any], path: Path) -> RasterSource:
    return open_item(Item((path,), NAME), options)


def open_item(item: Item, options: Mapping[str, Any]) -> RasterSource:
    """Return the source of an item. Raises InputError, in one sentence, for what cannot be treated correctly."""
    stack = _opened(item, options)
    if options.get("salvage"):
        stack = _salvaged(stack, item.path, options)
    source = RasterSource(item.path, options, stack)
    if len(item.mosaic) > 1 and not item.key:
        source.surround(item.mosaic, options)
    return source


def _opened(item: Item, options: Mapping[str, Any]) -> Stack:
    if is_remote(item.path):
        return Stack(open_remote(item.path), (), item.path.name, "GTiff, elsewhere")
    if options.get("allow_vrt") and is_virtual(item.path):
        virtual, files = open_virtual(item.path)
        return Stack(virtual, tuple(dict.fromkeys((item.path, *files))), item.path.name, "VRT")
    if item.key.startswith(KEY):
        name, kind = f"{item.path.name}, {item.key}", f"GTiff, {item.key}"
        return Stack(open_image(item.path, item.key), item.paths, name, kind)
    if not item.key:
        dataset = open_raster(item.path)
        return Stack(dataset, (item.path,), item.path.name, str(dataset.driver))
    product = read_product(item.path)
    if item.key not in product.groups:
        raise InputError(f"{item.path}: has no group of bands {item.key!r}; it has {', '.join(product.groups)}")
    dataset = open_stack(item.path, product.groups[item.key], product.tags)
    return Stack(dataset, item.paths, product.name, f"{product.kind}, group {item.key}")


def _salvaged(stack: Stack, path: Path, options: Mapping[str, Any]) -> Stack:
    if is_remote(path):
        stack.dataset.close()
        raise UsageError(f"{path}: --salvage decodes every block of a raster; fetch it first")
    try:
        return replace(stack, dataset=salvaged(stack.dataset, path, options))
    except InputError:
        stack.dataset.close()
        raise
