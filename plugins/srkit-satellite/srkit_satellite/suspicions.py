"""What looks odd in a raster's numbers: marks of nodata that nothing declares, empty collars, constant bands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.windows import Window as RasterWindow

from srkit import Finding
from srkit_satellite.bands import image_bands
from srkit_satellite.opening import read_bands
from srkit_satellite.saturation import saturated_samples

if TYPE_CHECKING:
    from srkit_satellite.source import RasterSource

MARKS = (-9999.0, -32768.0, -32767.0, -999.0, -99999.0)
"""Numbers by which makers of rasters mark what is no data, where all else is far from them."""

EMPTY = 0.01
"""Share of pixels that are the lowest or highest number in all bands, beyond which it is no coincidence."""

FEW = 100
"""Pixels of which nothing can be said."""

SAMPLED_BANDS = 16
SMALL = 2**20
PIECES, PIECE = 5, 64
"""Windows along each axis, and their length."""

HUGE = 1e30
Array = np.ndarray[Any, Any]


def suspicions_of(source: RasterSource) -> Iterator[Finding]:
    """Yield warnings on a few windows of each band, so that a large raster costs no more than a small one."""
    bands = image_bands(source.channels)[:SAMPLED_BANDS]
    if not bands:
        return
    values = _looked_at(source.dataset, bands)
    yield from _on_constants(source, values, bands)
    yield from _on_saturation(source, values, bands)
    if source.validity.kind == "all":
        yield from _on_marks(values)
        yield from _on_collar(values, source.saturated)


def _looked_at(dataset: Any, bands: Sequence[int]) -> Array:
    """Return ``(bands, pixels)``: all of a small raster, else windows spread evenly from edge to edge."""
    indexes = [band + 1 for band in bands]
    if dataset.width * dataset.height <= SMALL:
        return read_bands(dataset, None, indexes).reshape(len(bands), -1)
    rows, columns = (_starts(length) for length in dataset.shape)
    pieces = [
        read_bands(dataset, RasterWindow(column, row, min(PIECE, dataset.width), min(PIECE, dataset.height)), indexes)
        for row in rows
        for column in columns
    ]
    return np.concatenate([piece.reshape(len(bands), -1) for piece in pieces], axis=1)


def _starts(length: int) -> list[int]:
    starts: list[int] = np.unique(np.linspace(0, max(0, length - PIECE), PIECES).astype(int)).tolist()
    return starts


def _on_constants(source: RasterSource, values: Array, bands: Sequence[int]) -> Iterator[Finding]:
    if values[0].size < FEW:
        return
    empty, flat = [], []
    for band, numbers in zip(bands, values, strict=True):
        measured = numbers[np.isfinite(numbers) & (numbers != _mark_of(source, band))]
        if not measured.size:
            empty.append(source.channels[band].name)
        elif (measured == measured[0]).all():
            flat.append(source.channels[band].name)
    if empty:
        yield Finding(
            "warning", f"no pixel looked at in {', '.join(empty)} is data; there is nothing to enlarge", "V10"
        )
    if flat:
        text = f"nothing changes in {', '.join(flat)}: every pixel looked at is the same number"
        yield Finding("warning", text, "S10")


def _mark_of(source: RasterSource, band: int) -> float | None:
    """Return the number that marks a band's pixels as no data."""
    return source.dataset.nodatavals[band] if source.validity.kind == "nodata" else None


def _on_saturation(source: RasterSource, values: Array, bands: Sequence[int]) -> Iterator[Finding]:
    reserved = source.encoding.of_channels(bands).reserved
    if source.saturated is None:
        return
    if not reserved:
        why = "below a mask it may hide anything" if source.validity.kind == "mask" else "no pixel can have it"
        yield Finding("warning", f"saturated pixels are said to be {source.saturated:g}; {why}, it is ignored", "V17")
        return
    share = float(saturated_samples(values, reserved).mean())
    text = f"{share:.2%} of the numbers looked at are {source.saturated:g}: saturated, kept, and never measured values"
    yield Finding("info", text, "V17")


def _on_marks(values: Array) -> Iterator[Finding]:
    finite = values[np.isfinite(values)]
    for mark in MARKS:
        others = finite[finite != mark]
        if others.size and others.size < finite.size and (mark < 2 * min(float(others.min()), 0.0) - 90):
            yield _mark(f"{mark:g}", 1 - others.size / finite.size)
            return
    huge = np.abs(finite.astype(np.float64)) > HUGE
    if huge.any():
        yield _mark(f"{finite[huge][0]:g}", float(huge.mean()))


def _mark(number: str, share: float) -> Finding:
    return Finding(
        "warning",
        f"{share:.1%} of the numbers are {number}, which looks like a mark for no data, and nothing says so; they "
        f"count as measured, state it first (gdal_edit.py -a_nodata {number})",
        "V3",
    )


def _on_collar(values: Array, saturated: float | None) -> Iterator[Finding]:
    if values.dtype.kind not in "iu" or values[0].size < 100:
        return
    for number in (0, int(np.iinfo(values.dtype).max)):
        empty = (values == number).all(axis=0) & (number != saturated)
        if EMPTY < float(empty.mean()) < 1 and len(values) > 1:
            yield Finding(
                "warning",
                f"{empty.mean():.1%} of the pixels looked at are {number} in all bands, and nothing says that they are "
                f"no data; they count as measured, state it first (gdal_edit.py -a_nodata {number})",
                "V3",
            )


def bands_in_words(source: RasterSource) -> Finding:
    """Return what each band was taken for: its colour, wavelength and quantity, as far as they are known."""
    told, unknown = [], []
    for channel in source.channels:
        facts = [channel.role] if channel.role != "image" else [a for a in channel.aliases if " " not in a]
        facts += [f"{channel.wavelength_nm:g} nm"] if channel.wavelength_nm is not None else []
        facts += [channel.quantity] if channel.quantity else []
        if facts:
            told.append(f"{channel.name}: {', '.join(facts)}")
        else:
            unknown.append(channel.name)
    told += [f"nothing is known of {', '.join(unknown)}"] if unknown else []
    return Finding("info", f"bands: {'; '.join(told)}", "B2")
