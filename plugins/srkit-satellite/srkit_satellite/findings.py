"""What there is to say about a raster before it is treated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from srkit import Finding
from srkit_satellite.bands import FEW_LEVELS, sampled
from srkit_satellite.domain import MAX_PIXELS
from srkit_satellite.georeference import is_kept, says_nothing
from srkit_satellite.opening import GDAL_ERRORS, allowed_cache
from srkit_satellite.salvage import Salvaged
from srkit_satellite.source import RasterSource
from srkit_satellite.suspicions import bands_in_words, suspicions_of
from srkit_satellite.validity import usable_nodata

LOOKED_AT = 1024
"""Blocks of a large raster, evenly spread."""


def inspect_raster(source: RasterSource) -> list[Finding]:
    """Return what was understood of an opened raster, what is odd, and what keeps it from being treated.

    Raises InputError where looking at its samples shows that the file is broken.
    """
    too_large = list(_on_size(source))
    if too_large:
        return [_summary(source), *too_large]
    try:
        return _findings(source)
    except GDAL_ERRORS as error:
        raise source.unreadable("its samples", error) from error


def _findings(source: RasterSource) -> list[Finding]:
    return [
        _summary(source),
        bands_in_words(source),
        *source.bands.findings,
        *_on_georeference(source),
        *_on_nodata(source),
        *_on_levels(source),
        *suspicions_of(source),
        *_on_thermal(source),
        *_on_pan(source),
        *_on_tiles(source),
        *_on_types(source),
        *_on_broken(source.dataset),
        *_on_sparse(source),
        *_on_cache(source),
        *_on_origin(source),
        *_on_container(source.dataset),
    ]


def _on_size(source: RasterSource) -> Iterator[Finding]:
    """Yield a refusal where a raster claims more pixels than are allowed, before any is looked at."""
    rows, columns = source.dataset.shape
    allowed = float(source.options.get("max_pixels", MAX_PIXELS))
    if rows * columns > allowed:
        text = f"it claims {rows:,} x {columns:,} pixels, more than the {allowed:.4g} of --max-pixels; "
        yield Finding("refusal", f"{text}cut a part out with gdal_translate -srcwin, or allow more", "T4")


def _summary(source: RasterSource) -> Finding:
    dataset = source.dataset
    marks = {"all": "no pixels marked as invalid", "nodata": "nodata", "mask": "a mask", "alpha": "an alpha band"}
    tied = ", ".join(source.georeference.kinds) or "no georeference"
    return Finding(
        "info",
        f"{source.kind}, {dataset.width} x {dataset.height} pixels, {dataset.count} band(s) of {source.encoding.dtype} "
        f"({', '.join(channel.name for channel in source.channels)}), {tied}, {marks[source.validity.kind]}",
        "S10",
    )


def _on_georeference(source: RasterSource) -> Iterator[Finding]:
    tied = source.georeference
    if not tied.kinds:
        yield Finding("warning", "the raster says nothing on where it lies; neither will the output", "G5")
    elif tied.transform is None and tied.crs is not None:
        yield Finding("warning", "there is a CRS and no transform; the output keeps it so", "G5")
    elif tied.transform is not None and tied.crs is None:
        yield Finding("warning", "there is a transform and no CRS; the output keeps it so, and none is guessed", "G8")
    elif says_nothing(source.dataset.crs) and tied.crs is not None and tied.transform is not None:
        yield Finding("info", "the raster states no CRS; it gets the one of --assign-crs", "S8")
    crs = tied.crs or tied.gcp_crs
    if crs is not None and not is_kept(crs):
        yield Finding("info", "GeoTIFF cannot hold this CRS in full; the output keeps it in a tag too", "G8")
    if source.dataset.tags(ns="GEOLOCATION"):
        yield Finding(
            "refusal", "it is placed by a geolocation array, which cannot be scaled; run gdalwarp -geoloc first", "G13"
        )


def _on_nodata(source: RasterSource) -> Iterator[Finding]:
    values = {v for v in source.dataset.nodatavals if v is not None}
    dtype = source.encoding.dtype
    odd = sorted({f"{v:g}" for v in values if usable_nodata(dtype, v) is None})
    if odd:
        text = f"nodata {', '.join(odd)} is no value of {dtype.name}: no pixel has it, and the output keeps it as a tag"
        yield Finding("warning", text, "V3")
    if source.validity.kind == "mask" and values:
        yield Finding("info", "there are a mask and a nodata value; the mask counts, as GDAL has it", "V6")
    if source.validity.kind == "nodata" and any(channel.role == "alpha" for channel in source.channels):
        yield Finding("info", "there are a nodata value and an alpha band; the value counts, as GDAL has it", "V6")
    if dtype.kind == "u" and source.validity.kind == "nodata" and float(np.iinfo(dtype).max) in values:
        text = f"nodata is {np.iinfo(dtype).max}, which saturated pixels have as well; they count as invalid"
        yield Finding("warning", text, "V3")
    if len({repr(v) for v in source.dataset.nodatavals}) > 1:
        yield Finding("info", "bands differ in nodata; the output keeps that in a side file .aux.xml", "V3")
    if dtype.kind == "f" and not values and source.validity.kind == "all":
        yield Finding("info", "NaN and infinities count as invalid, and stay what they are", "V5")


def _on_levels(source: RasterSource) -> Iterator[Finding]:
    """Yield a warning on what may be a map of classes that does not say so."""
    if len(source.channels) != 1 or source.channels[0].role != "image" or source.encoding.dtype.kind == "f":
        return
    values = sampled(source.dataset, 0)
    levels = np.unique(values).size
    if values.size >= 1000 and 2 <= levels <= FEW_LEVELS:
        yield Finding(
            "warning",
            f"the band has {levels} different numbers; if these are classes, a network invents others: "
            "repeat them with --model nearest",
            "V20",
        )


def _on_thermal(source: RasterSource) -> Iterator[Finding]:
    if source.kind.startswith("Landsat") and source.kind.endswith("thermal"):
        text = "thermal bands of Landsat are delivered in finer pixels than they were sampled in; "
        yield Finding("warning", f"{text}the scale is one of pixels, not of what was resolved", "V22")


def _on_pan(source: RasterSource) -> Iterator[Finding]:
    """Yield a hint where somebody may expect that a panchromatic band sharpens the others."""
    pan = [channel.name for channel in source.channels if "pan" in channel.aliases]
    text = "to sharpen bands by a panchromatic one, run gdal_pansharpen.py first"
    if pan and len(source.channels) > 1:
        yield Finding("warning", f"{', '.join(pan)} is enlarged like any other band; {text}", "B8")
    elif source.kind.startswith("Landsat") and source.kind.endswith("panchromatic"):
        yield Finding("info", f"the panchromatic band is enlarged by itself; {text}", "B8")


def _on_sparse(source: RasterSource) -> Iterator[Finding]:
    """Yield a warning where blocks of a TIFF were never written and nothing says that they are no data."""
    dataset = source.dataset
    if dataset.driver != "GTiff" or source.validity.kind != "all":
        return
    rows, columns = (-(-n // b) for n, b in zip(dataset.shape, dataset.block_shapes[0], strict=True))
    step = max(1, rows * columns // LOOKED_AT)
    numbers = range(0, rows * columns, step)
    missing = sum(_is_missing(dataset, *divmod(number, columns)) for number in numbers)
    if missing:
        share = 100 * missing / len(numbers)
        text = f"{share:.0f} % of its blocks were never written; they read as 0 and count as measured, since no nodata "
        yield Finding("warning", f"{text}is stated (gdal_edit.py -a_nodata 0)", "V10")


def _on_cache(source: RasterSource) -> Iterator[Finding]:
    """Yield a warning where GDAL may not keep one row of blocks: tiles side by side are cut from the same ones."""
    needed, allowed = source.row_of_blocks, allowed_cache()
    if needed > allowed:
        text = f"a row of its blocks takes {needed / 2**20:.1f} MiB, and GDAL may keep {allowed / 2**20:.1f} MiB; "
        advice = "each will be decoded many times: set GDAL_CACHEMAX higher, or rewrite the raster in tiles"
        yield Finding("warning", text + advice, "T5")


def _on_broken(dataset: Any) -> Iterator[Finding]:
    if isinstance(dataset, Salvaged):
        yield Finding("warning", f"{dataset.broken} blocks cannot be read; they count as no data", "salvage")


def _is_missing(dataset: Any, row: int, column: int) -> bool:
    return dataset.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=1) is None


def _on_types(source: RasterSource) -> Iterator[Finding]:
    types = sorted(set(source.dataset.dtypes))
    if len(types) > 1:
        yield Finding(
            "info", f"bands of {', '.join(types)} become {source.encoding.dtype}, which holds them all", "V23"
        )


def _on_tiles(source: RasterSource) -> Iterator[Finding]:
    if source.mosaic is not None:
        yield Finding(
            "info",
            f"it is one of {len(source.mosaic.layout.windows)} tiles of one image, and goes on into those that touch "
            "it; give --neighbours none if they are images of their own",
            "S7",
        )


def _on_origin(source: RasterSource) -> Iterator[Finding]:
    if source.provenance is not None:
        yield Finding("own", "it was made by srkit, as its tags say", "D9")


def _on_container(dataset: Any) -> Iterator[Finding]:
    if dataset.subdatasets:
        yield Finding(
            "refusal",
            f"the file holds {len(dataset.subdatasets)} images; say which with --subdatasets, as all, or 1",
            "G14",
        )
