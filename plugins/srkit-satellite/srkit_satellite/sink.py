"""Writes a GeoTIFF: what it says first, then whole rows of blocks once each, then overviews."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window as RasterWindow

from srkit import OutputError, OutputPlan, Slab, UsageError, Window
from srkit_satellite.blueprint import Blueprint, blueprint_of
from srkit_satellite.cog import write_cog
from srkit_satellite.opening import GDAL_ERRORS, LEAST_CACHE, cause_of, provide_cache
from srkit_satellite.sidecar import write_sidecar
from srkit_satellite.source import RasterSource
from srkit_satellite.stac import StacItem, item_path

HARDLY_FREE = 2**20
ROOM, COG_ROOM = 1.4, 2.8  # times the samples: a mask and overviews, and for a COG all of it twice


class GeoTiffSink:
    """See `srkit.Sink`. Compression is lossless, and the same input gives the same bytes.

    Attributes
    ----------
    cache
        Bytes that GDAL keeps of blocks while it writes.
    room
        Bytes that may be taken on disk while the output is made, if nothing can be compressed.
    side_files
        What GDAL would read along with the output; a world file is among them, since it belongs to no other raster.
    """

    lossless = True

    def __init__(self, target: Path, source: RasterSource, plan: OutputPlan) -> None:
        self.blueprint = blueprint_of(source, plan)
        self.slab = Slab(0, self.blueprint.layout.slab_rows)
        self.side_files: tuple[str, ...] = (
            f"{target.name}.aux.xml",
            f"{target.name}.msk",
            f"{target.name}.ovr",
            f"{target.stem}.tfw",
        )
        self._stac = StacItem.of(source, self.blueprint, "" if plan.map_kind else str(plan.options.get("stac", "")))
        if self._stac is not None:
            self.side_files += (item_path(target).name,)
        self._agreement: Mapping[str, Any] = {}
        self._target = target
        self._plain = target.with_name(f"{target.name}.plain") if self.blueprint.cog else target
        self._source = source.path
        self._dataset: Any = None
        row = self.blueprint.shape[1] * len(self.blueprint.bands) * self.blueprint.dtype.itemsize
        self.cache = LEAST_CACHE  # every block is written whole, once
        self.room = int(row * self.blueprint.shape[0] * (COG_ROOM if self.blueprint.cog else ROOM))

    def __enter__(self) -> Self:
        """Create the file with all that it says."""
        provide_cache(self.cache)
        with self._guarded():
            self._dataset = rasterio.open(self._plain, "w", **creation_arguments(self.blueprint))
            describe(self._dataset, self.blueprint)
        return self

    def write(
        self, window: Window, frame: int, stored: np.ndarray[Any, Any], valid: np.ndarray[Any, Any] | None
    ) -> None:
        """Write one slab of all bands; where the output has a mask, a pixel is valid if any of its bands is."""
        place = RasterWindow(window.start[1], window.start[0], window.shape[1], window.shape[0])
        with self._guarded():
            self._dataset.write(stored, window=place)
            if self.blueprint.masked:
                mask = np.ones(window.shape, np.bool_) if valid is None else valid.any(axis=0)
                self._dataset.write_mask(mask.astype(np.uint8) * 255, window=place)

    def conclude(self, agreement: Mapping[str, Any]) -> None:
        """Say how far the output, degraded again, is its input."""
        self._agreement = agreement
        with self._guarded():
            self._dataset.update_tags(SRKIT_CONSISTENCY=json.dumps(agreement, sort_keys=True, ensure_ascii=False))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, and build its overviews unless there was an error."""
        if error is not None:
            self._give_up()
            return
        with self._guarded():
            self._dataset.close()
            if self.blueprint.levels:
                self._build_overviews()
            if self.blueprint.cog:
                self._copy()
            write_sidecar(self._target, self.blueprint, self._source)
            if self._stac is not None:
                self._stac.write(self._target, self._agreement)

    def _give_up(self) -> None:
        if self._dataset is None:
            return
        try:
            with self._guarded():
                self._dataset.close()
        except OutputError:
            return  # the error that led here is the one that counts

    def _build_overviews(self) -> None:
        how = Resampling.nearest if self.blueprint.categorical else Resampling.average
        with rasterio.open(self._plain, "r+", driver="GTiff") as dataset:
            dataset.build_overviews(list(self.blueprint.levels), how)

    def _copy(self) -> None:
        write_cog(self._plain, self._target, self.blueprint.options)
        for path in (self._plain, self._plain.with_name(f"{self._plain.name}.aux.xml")):
            path.unlink(missing_ok=True)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Give GDAL its settings for the length of a call, and its failures a sentence."""
        settings = {"GDAL_TIFF_INTERNAL_MASK": True, "GDAL_NUM_THREADS": "1"}
        if self.blueprint.layout.tiled:
            settings["GDAL_TIFF_OVR_BLOCKSIZE"] = str(self.blueprint.layout.block_rows)
        try:
            with warnings.catch_warnings(), rasterio.Env(**settings):
                warnings.simplefilter("ignore", NotGeoreferencedWarning)  # the source had none either, and was told of
                yield
        except GDAL_ERRORS as error:
            if self._target.parent.is_dir() and shutil.disk_usage(self._target.parent).free < HARDLY_FREE:
                raise OutputError(f"{self._target.name}: the disk is full; free some space and start again") from error
            raise OutputError(f"{self._target.name}: cannot be written ({cause_of(error, self._target)})") from error


def create_sink(target: Path, source: RasterSource, plan: OutputPlan) -> GeoTiffSink:
    """Return the sink of an output. Raises UsageError for a format that is not GeoTIFF."""
    if plan.format not in (None, "gtiff", "geotiff", "tif", "tiff"):
        raise UsageError(f"rasters are written as GeoTIFF, not as {plan.format!r}; leave the format out")
    return GeoTiffSink(target, source, plan)


def creation_arguments(blueprint: Blueprint) -> dict[str, Any]:
    """Return the arguments of `rasterio.open` for an output."""
    tied = blueprint.georeference
    arguments: dict[str, Any] = {
        "driver": "GTiff",
        "height": blueprint.shape[0],
        "width": blueprint.shape[1],
        "count": len(blueprint.bands),
        "dtype": blueprint.dtype.name,
        "nodata": blueprint.one_nodata,
        **blueprint.options,
    }
    if tied.gcps:
        return {**arguments, "gcps": list(tied.gcps), "crs": tied.gcp_crs}
    if tied.transform is not None:
        arguments["transform"] = tied.transform
    return {**arguments, "crs": tied.crs}


def describe(dataset: Any, blueprint: Blueprint) -> None:
    """Say all that an output says, before its first sample: later, GDAL would put some of it into side files."""
    bands = blueprint.bands
    dataset.colorinterp = [band.colorinterp for band in bands]
    dataset.descriptions = [band.description for band in bands]
    if any((band.scale, band.offset) != (1.0, 0.0) for band in bands):
        dataset.scales = [band.scale for band in bands]
        dataset.offsets = [band.offset for band in bands]
    if any(band.unit for band in bands):
        dataset.units = [band.unit for band in bands]
    for number, band in enumerate(bands, start=1):
        if band.colormap is not None:
            dataset.write_colormap(number, dict(band.colormap))
    if blueprint.georeference.rpcs is not None:
        dataset.rpcs = blueprint.georeference.rpcs
    _tag(dataset, blueprint)


def _tag(dataset: Any, blueprint: Blueprint) -> None:
    tags = dict(blueprint.tags.dataset)
    if blueprint.point is not None:
        tags["AREA_OR_POINT"] = blueprint.point
    dataset.update_tags(**tags)
    for name, entries in blueprint.tags.namespaces.items():
        dataset.update_tags(ns=name, **entries)
    for number, domains in enumerate(blueprint.tags.bands, start=1):
        for name, entries in domains.items():
            dataset.update_tags(number, ns=name or None, **entries)
