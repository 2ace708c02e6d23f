"""Compares a staged output with what its source and plan demand; each failure bears the number of its rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from srkit import Finding, Grid, OutputPlan
from srkit_satellite.bands import has_colormap
from srkit_satellite.blueprint import Blueprint, blueprint_of
from srkit_satellite.georeference import CRS_TAG, Georeference, wkt_of
from srkit_satellite.pixels import FAULTS, needs_a_look, pixel_faults
from srkit_satellite.source import RasterSource
from srkit_satellite.tags import DATE_TAG

CORNER_TOLERANCE = 1e-6  # source pixels
ORIGIN_TOLERANCE = 1e-13  # pixels
GCP_TOLERANCE = 1e-9
LOSSY = ("jpeg", "webp", "lerc", "lerc_deflate", "lerc_zstd", "jpeg2000", "jxl")


def verify_output(source: RasterSource, staged: Path, plan: OutputPlan) -> list[Finding]:
    """Return a failure for everything that the output at `staged` says otherwise than it must; sorted by check.

    The core has compared the samples with what was written.
    """
    output = RasterSource(staged, plan.options)
    try:
        wanted = blueprint_of(source, _as_it_is_laid_out(plan, output.dataset))
        return [
            *_check_geometry(source, output, wanted, plan),
            *_check_storage(output.dataset, wanted),
            *_check_bands(output.dataset, wanted),
            *_check_tags(output.dataset, wanted),
            *_check_validity(source, output, wanted, plan),
        ]
    finally:
        output.close()


def _as_it_is_laid_out(plan: OutputPlan, dataset: Any) -> OutputPlan:
    """Return the plan of a COG for a COG: it is one because that was asked for, here or in the run that made it."""
    if dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") != "COG":
        return plan
    return replace(plan, options={**plan.options, "profile": "cog"})


def _failure(code: str, text: str) -> Finding:
    return Finding("failure", text, code)


def _check_geometry(
    source: RasterSource, output: RasterSource, wanted: Blueprint, plan: OutputPlan
) -> Iterator[Finding]:
    found, tied = output.georeference, wanted.georeference
    if (output.dataset.height, output.dataset.width) != wanted.shape:
        yield _failure("G9", f"the size is {output.dataset.shape} instead of {wanted.shape}")
        return
    if not _same_place(found.transform, tied.transform):
        yield _failure("G1", f"the transform is {_short(found.transform)} instead of {_short(tied.transform)}")
    elif tied.transform is not None and (shift := _corner_shift(source.grid, output.grid)) > CORNER_TOLERANCE:
        yield _failure("G2", f"corners are off by {shift:.3g} source pixels")
    if (output.dataset.tags().get("AREA_OR_POINT") or "Area") != (wanted.point or "Area"):
        yield _failure("G4", f"AREA_OR_POINT is {output.dataset.tags().get('AREA_OR_POINT')}, not {wanted.point}")
    yield from _check_points(found, tied)
    yield from _check_rpcs(found, tied)
    yield from _check_crs(output, source, plan)


def _same_place(found: Affine | None, wanted: Affine | None) -> bool:
    """Tell whether two transforms are the same.

    A file of PixelIsPoint holds the centre of its first pixel; on the way there and back a bit of the origin may be
    lost, where it is no larger than a pixel.
    """
    if found is None or wanted is None:
        return found is wanted
    pixel = max(abs(wanted.a), abs(wanted.b), abs(wanted.d), abs(wanted.e))
    same = (found.a, found.b, found.d, found.e) == (wanted.a, wanted.b, wanted.d, wanted.e)
    return same and max(abs(found.c - wanted.c), abs(found.f - wanted.f)) <= ORIGIN_TOLERANCE * pixel


def _short(transform: Affine | None) -> str:
    return "none" if transform is None else f"({', '.join(f'{x:.12g}' for x in tuple(transform)[:6])})"


def _corner_shift(source: Grid, output: Grid) -> float:
    """Return how far the outer corners lie apart, in source pixels."""
    apart = output.corners() - source.corners()
    return float(np.abs(np.linalg.solve(source.affine[:2, :2], apart.T)).max())


def _check_points(found: Georeference, wanted: Georeference) -> Iterator[Finding]:
    ours = [(p.row, p.col, p.x, p.y, p.z) for p in found.gcps]
    theirs = [(p.row, p.col, p.x, p.y, p.z) for p in wanted.gcps]
    if len(ours) != len(theirs) or not np.allclose(
        np.array(ours, dtype=np.float64), np.array(theirs, dtype=np.float64), rtol=1e-12, atol=GCP_TOLERANCE
    ):
        yield _failure("G6", f"{len(ours)} control points are not where the {len(theirs)} of the source belong")
    elif wanted.gcps and found.gcp_crs != wanted.gcp_crs and wkt_of(wanted.gcp_crs) != found.wkt:
        yield _failure("G6", "the CRS of the control points was lost")


def _check_rpcs(found: Georeference, wanted: Georeference) -> Iterator[Finding]:
    if (found.rpcs is None) != (wanted.rpcs is None):
        yield _failure("G7", "the RPC model was lost" if found.rpcs is None else "an RPC model came from nowhere")
    elif found.rpcs is not None and wanted.rpcs is not None:
        ours, theirs = found.rpcs.to_dict(), wanted.rpcs.to_dict()
        wrong = [k for k, v in theirs.items() if v is not None and not _near(ours[k], v)]
        if wrong:
            yield _failure("G7", f"RPC fields {', '.join(wrong)} differ from the formula")


def _near(a: Any, b: Any) -> bool:
    return a is not None and bool(np.allclose(a, b, rtol=1e-12, atol=1e-12))


def _check_crs(output: RasterSource, source: RasterSource, plan: OutputPlan) -> Iterator[Finding]:
    ours, theirs = output.georeference, source.georeference
    if theirs.crs is None and ours.crs is not None and str(ours.crs.to_wkt()).startswith('LOCAL_CS["unnamed"'):
        return  # what GDAL's copy to a COG makes of PixelIsPoint without a CRS
    if (ours.crs is None) != (theirs.crs is None):
        yield _failure("G8", "the CRS was lost" if ours.crs is None else "a CRS came from nowhere")
    elif ours.crs is not None and ours.wkt != theirs.wkt:
        yield _failure("G8", "the CRS is another one than the source's")
    elif output.dataset.tags().get(CRS_TAG):
        yield Finding("warning", f"GeoTIFF cannot hold this CRS in full; it is kept in the tag {CRS_TAG}", "G8")


def _check_storage(output: Any, wanted: Blueprint) -> Iterator[Finding]:
    if any(dtype != wanted.dtype.name for dtype in output.dtypes):
        yield _failure("V1", f"the samples are {output.dtypes[0]} instead of {wanted.dtype.name}")
    columns = wanted.layout.block_columns
    if any(tuple(block) != (wanted.layout.block_rows, columns) for block in output.block_shapes):
        yield _failure("L1", f"the blocks are {output.block_shapes[0]}, not {(wanted.layout.block_rows, columns)}")
    if output.compression is not None and str(output.compression.value).lower() in LOSSY:
        yield _failure("L2", f"the compression {output.compression.value} is not lossless")
    if wanted.cog and output.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") != "COG":
        yield _failure("L8", "it is not laid out as a cloud-optimised GeoTIFF")
    if tuple(output.overviews(1)) != wanted.levels:
        yield _failure("L7", f"the overviews are {output.overviews(1)} instead of {list(wanted.levels)}")


def _check_bands(output: Any, wanted: Blueprint) -> Iterator[Finding]:
    if output.count != len(wanted.bands):
        yield _failure("D1", f"there are {output.count} bands instead of {len(wanted.bands)}")
        return
    for index, band in enumerate(wanted.bands):
        said: Mapping[str, tuple[str, Any, Any]] = {
            "description": ("D1", output.descriptions[index], band.description),
            "colour interpretation": ("D2", output.colorinterp[index], band.colorinterp),
            "scale": ("D3", output.scales[index], band.scale),
            "offset": ("D3", output.offsets[index], band.offset),
            "unit": ("D3", output.units[index] or "", band.unit),
            "nodata value": ("V3", repr(output.nodatavals[index]), repr(band.nodata)),
        }
        for what, (code, found, right) in said.items():
            if found != right:
                yield _failure(code, f"the {what} of band {index + 1} is {found!r} instead of {right!r}")
        if band.colormap is not None and not band.colormap.items() <= _colormap(output, index).items():
            yield _failure("D8", f"the colour table of band {index + 1} differs")


def _colormap(output: Any, index: int) -> Mapping[int, tuple[int, ...]]:
    """Return a colour table; TIFF fills it up with black to 256 entries."""
    return output.colormap(index + 1) if has_colormap(output, index) else {}


def _check_tags(output: Any, wanted: Blueprint) -> Iterator[Finding]:
    tags = output.tags()
    dated = {DATE_TAG: tags[DATE_TAG]} if DATE_TAG in wanted.tags.dataset and _says_a_date(tags) else {}
    yield from _check_domain("D4", "the dataset", tags, {**wanted.tags.dataset, **dated})
    for name, tags in wanted.tags.namespaces.items():
        yield from _check_domain("D6", f"domain {name!r}", output.tags(ns=name), tags)
    for number, domains in enumerate(wanted.tags.bands, start=1):
        for name, tags in domains.items():
            found = output.tags(number, ns=name or None)
            yield from _check_domain("D6", f"band {number}, domain {name!r}", found, tags)
    stale = [key for i in range(output.count + 1) for key in output.tags(i) if key.startswith("STATISTICS_")]
    if stale:
        yield _failure("D5", f"statistics of the old pixels were kept ({', '.join(sorted(set(stale)))})")


def _says_a_date(tags: Mapping[str, str]) -> bool:
    """Tell whether tags say when an output was made: a while ago, for who verifies it."""
    return re.fullmatch(r"\d{4}(:\d\d){2} \d\d(:\d\d){2}", tags.get(DATE_TAG, "")) is not None


def _check_domain(code: str, where: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Finding]:
    wrong = [key for key, value in wanted.items() if found.get(key) != value]
    if wrong:
        yield _failure(code, f"tags of {where} are lost or changed: {', '.join(wrong)}")


def _check_validity(
    source: RasterSource, output: RasterSource, wanted: Blueprint, plan: OutputPlan
) -> Iterator[Finding]:
    if output.validity.kind != source.validity.kind:
        yield _failure("V6", f"invalid pixels are marked by {output.validity.kind}, not by {source.validity.kind}")
    if output.dataset.count != len(wanted.bands) or output.grid.shape != wanted.shape:
        return
    bands = [band.source for band in wanted.bands if band.source is not None]
    if len(bands) == len(wanted.bands) and needs_a_look(source):
        for code, count in sorted(pixel_faults(source, output, bands, plan.factors).items()):
            yield _failure(code, f"{count} {FAULTS[code]}")
