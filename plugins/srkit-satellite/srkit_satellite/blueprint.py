"""All that an output shall say, worked out once from source and plan: the sink writes it, the verification reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp

from srkit import OutputError, OutputPlan
from srkit_satellite.bands import has_colormap
from srkit_satellite.cog import check_options, cog_layout, cog_levels, folded
from srkit_satellite.factors import whole_factors
from srkit_satellite.georeference import CRS_TAG, Georeference, is_kept
from srkit_satellite.layout import Layout, creation_options, interleave_for, layout_of, overview_levels, parse_co
from srkit_satellite.salvage import Salvaged
from srkit_satellite.saturation import SATURATED_TAG
from srkit_satellite.source import RasterSource
from srkit_satellite.tags import DATE_TAG, METHOD_TAG, CarriedTags, Tags, carried_tags, made_at, provenance_tags
from srkit_satellite.validity import usable_nodata


@dataclass(frozen=True, slots=True)
class BandBlueprint:
    """What one output band says; `source` is the (0-based) band that it comes from, or None for a new one."""

    source: int | None
    name: str
    description: str | None
    colorinterp: ColorInterp
    scale: float
    offset: float
    unit: str
    nodata: float | None
    colormap: Mapping[int, tuple[int, ...]] | None


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What an output says, beside its samples.

    `masked`: it has an internal mask. `levels`: of its overviews, none if empty; `categorical`: they repeat instead of
    average. `cog`: it is cloud-optimised.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    georeference: Georeference
    bands: tuple[BandBlueprint, ...]
    masked: bool
    point: str | None
    tags: CarriedTags
    layout: Layout
    options: Mapping[str, Any]
    levels: tuple[int, ...]
    categorical: bool
    cog: bool = False

    @property
    def one_nodata(self) -> float | None:
        """The value that marks all bands alike; None where there is none, or where bands differ."""
        first = self.bands[0].nodata
        return first if all(_same(band.nodata, first) for band in self.bands) else None

    @property
    def differing_nodata(self) -> bool:
        """Whether bands have nodata values of their own, which GeoTIFF itself cannot say."""
        return self.one_nodata is None and any(band.nodata is not None for band in self.bands)


def blueprint_of(source: RasterSource, plan: OutputPlan) -> Blueprint:
    """Return what the output of `plan` shall say.

    Raises OutputError for plans that are no raster, UsageError for factors that are not whole and for creation options
    that are none.
    """
    if plan.frames != 1 or plan.grid.ndim != 2:
        raise OutputError(f"{source.path.name}: a GeoTIFF holds one image of rows and columns; choose another format")
    rows, columns = whole_factors(source, plan)
    dataset, shape = source.dataset, (plan.grid.shape[0], plan.grid.shape[1])
    chosen = parse_co(plan.options.get("co", ()))
    dtype = plan.encoding.dtype
    cog = plan.options.get("profile") == "cog"
    block = int(chosen.get("BLOCKSIZE", 0)) or None
    together = len(plan.channels) if interleave_for(dataset, chosen).upper() == "PIXEL" else 1
    layout = cog_layout(block) if cog else layout_of(shape, shape[1] * dtype.itemsize * together, block)
    bands = tuple(_band(source, plan, index) for index in range(len(plan.channels)))
    options = creation_options(dataset, dtype, layout, {**chosen, "INTERLEAVE": "PIXEL"} if cog else chosen)
    if cog:
        check_options(chosen, str(options["compress"]))
    tags = _tags(source, plan, bands)
    return Blueprint(
        shape=shape,
        dtype=dtype,
        georeference=source.georeference.upscaled((rows, columns)),
        bands=bands,
        masked=source.validity.kind == "mask",
        point=dataset.tags().get("AREA_OR_POINT"),
        tags=folded(tags) if cog else tags,
        layout=layout,
        options={**options, **_photometric(bands, dtype), **_icc(source, plan)},
        levels=_levels(source, plan, shape, cog=cog),
        categorical=any(channel.role == "category" for channel in plan.channels),
        cog=cog,
    )


def _levels(source: RasterSource, plan: OutputPlan, shape: tuple[int, int], *, cog: bool) -> tuple[int, ...]:
    """Return the overviews: those of a COG are part of it; elsewhere, some if the source has some."""
    if plan.options.get("overviews", "auto") == "none":
        return ()
    if cog:
        return cog_levels(shape)
    dataset = source.dataset
    return tuple(overview_levels(shape)) if any(dataset.overviews(i) for i in dataset.indexes) else ()


def _band(source: RasterSource, plan: OutputPlan, index: int) -> BandBlueprint:
    channel = plan.channels[index]
    names = [known.name for known in source.channels]
    nodata = plan.encoding.nodata[index] if plan.encoding.nodata else None
    nodata = usable_nodata(plan.encoding.dtype, nodata)
    if channel.name not in names:
        shown = ColorInterp.gray if index == 0 else ColorInterp.undefined  # as GDAL takes the first band of a TIFF
        return BandBlueprint(None, channel.name, channel.name, shown, 1.0, 0.0, "", nodata, None)
    own = names.index(channel.name)
    dataset = source.dataset
    return BandBlueprint(
        source=own,
        name=channel.name,
        description=dataset.descriptions[own],
        colorinterp=_colorinterp(source, index, own),
        scale=float(dataset.scales[own]),
        offset=float(dataset.offsets[own]),
        unit=dataset.units[own] or "",
        nodata=nodata,
        colormap=dataset.colormap(own + 1) if has_colormap(dataset, own) else None,
    )


def _colorinterp(source: RasterSource, index: int, own: int) -> ColorInterp:
    """Return how a band is shown; the first band of a TIFF is grey where nothing else is said."""
    said = source.dataset.colorinterp[own]
    if own in source.bands.trapped or said == ColorInterp.undefined:
        return ColorInterp.gray if index == 0 else ColorInterp.undefined
    return said


def _tags(source: RasterSource, plan: OutputPlan, bands: tuple[BandBlueprint, ...]) -> CarriedTags:
    carried = carried_tags(source.dataset, tuple(band.source for band in bands), (plan.factors[0], plan.factors[1]))
    added = provenance_tags(
        source.dataset,
        source.files,
        plan.provenance,
        name=source.name,
        notice=notice(source, (plan.factors[0], plan.factors[1])),
        bands=[band.name for band in bands],
    )
    crs = source.georeference.crs or source.georeference.gcp_crs
    if CRS_TAG not in added and crs is not None and not is_kept(crs):
        added[CRS_TAG] = str(crs.to_wkt(version="WKT2_2019"))
    lost = [_text(value) for value in source.dataset.nodatavals if not _is_kept_nodata(source, value)]
    if lost:
        added["SRKIT_SOURCE_NODATA"] = ", ".join(dict.fromkeys(lost))
    if source.encoding.reserved and source.saturated is not None:
        added[SATURATED_TAG] = _text(source.saturated)
    if isinstance(source.dataset, Salvaged):
        added["SRKIT_BROKEN_BLOCKS"] = source.dataset.broken
    if plan.options.get("timestamp"):
        added[DATE_TAG] = made_at()
    if source.mosaic is not None:
        added["SRKIT_TILES"] = str(len(source.mosaic.layout.windows))
    return CarriedTags({**carried.dataset, **added}, carried.namespaces, _with_methods(carried.bands, plan))


def _with_methods(bands: tuple[Mapping[str, Tags], ...], plan: OutputPlan) -> tuple[Mapping[str, Tags], ...]:
    """Return the tags of bands, each with how it was enlarged, where that is known."""
    methods = plan.provenance.methods or ("",) * len(bands)
    return tuple(
        {**tags, "": {**tags.get("", {}), METHOD_TAG: method}} if method else dict(tags)
        for tags, method in zip(bands, methods, strict=True)
    )


def _is_kept_nodata(source: RasterSource, value: float | None) -> bool:
    return value is None or usable_nodata(source.encoding.dtype, value) is not None


def _text(value: float) -> str:
    return f"{value:.17g}"


def notice(source: RasterSource, scale: tuple[int, int]) -> str:
    """Return the sentence that says what of the output was estimated."""
    rows, columns = source.grid.spacing
    unit = _unit(source)
    before = f"{columns:.10g} x {rows:.10g} {unit}"
    after = f"{columns / scale[1]:.10g} x {rows / scale[0]:.10g} {unit}"
    return f"super-resolved from pixels of {before} to {after}; detail finer than the former is estimated, not observed"


def _unit(source: RasterSource) -> str:
    crs = source.georeference.crs
    if source.georeference.transform is None:
        return "source pixels"
    if crs is None:
        return "map units"
    return "degrees" if crs.is_geographic else str(crs.linear_units or "map units")


def _photometric(bands: tuple[BandBlueprint, ...], dtype: np.dtype[Any]) -> Mapping[str, str]:
    """Return how the first bands are to be shown; without it GDAL guesses, and tags a fourth band as alpha."""
    first = [band.colorinterp.name for band in bands[:4]]
    if bands[0].colormap is not None and dtype in (np.uint8, np.uint16) and len(bands) == 1:
        return {"photometric": "PALETTE"}
    if first[:3] == ["red", "green", "blue"]:
        return {"photometric": "RGB"}
    return {"photometric": "CMYK"} if first == ["cyan", "magenta", "yellow", "black"] else {"photometric": "MINISBLACK"}


def _icc(source: RasterSource, plan: OutputPlan) -> Mapping[str, str]:
    """Return the colour profile, which holds as long as the samples keep their type."""
    profile = source.dataset.tags(ns="COLOR_PROFILE").get("SOURCE_ICC_PROFILE")
    same = plan.encoding.dtype == source.encoding.dtype and len(plan.channels) == len(source.channels)
    return {"source_icc_profile": profile} if profile and same else {}


def _same(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return a == b or (np.isnan(a) and np.isnan(b))
