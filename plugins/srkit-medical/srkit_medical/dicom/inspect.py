"""What a DICOM series says about itself: facts, warnings, refusals. Nothing of its texts is quoted."""

from __future__ import annotations

from typing import Literal

from srkit.domain import Finding
from srkit.image import Source
from srkit_medical.dicom.enhanced.source import EnhancedSource
from srkit_medical.dicom.geometry import holes_of
from srkit_medical.dicom.source import BURNED_IN, DicomSource

_NOTES: dict[str, tuple[Literal["info", "own", "warning"], str, str]] = {
    "interpolated": ("warning", "was interpolated by the scanner: fewer samples were acquired than stored", "D21"),
    "table": ("info", "maps its samples to values by a table; the output stores the values themselves", "D14"),
    "monochrome1": ("info", "is shown with white for low values (MONOCHROME1); values are kept as they are", "D14"),
    "lossy": ("warning", "was compressed with loss; artefacts are sharpened as well", ""),
    "half-rescale": ("warning", "has only one of RescaleSlope and RescaleIntercept; 1 or 0 stands in", "D13"),
    "useless padding": ("warning", "has a PixelPaddingValue that no sample can hold; it is not used", "D15"),
    "overlay": ("warning", "has overlay graphics or curves, which the output leaves out", "D18"),
    "own": ("own", "is an output of srkit already; what was made up once would be sharpened again", "B3"),
}


def inspect_series(source: Source) -> list[Finding]:
    """Return findings on a `DicomSource`."""
    if not isinstance(source, DicomSource):
        return []
    series = source.series
    count, rows, columns = source.grid.shape
    down, across = series.first.plane.spacing
    step = f", {series.stack.step_mm:.4g} mm apart" if count > 1 else ""
    times = f", {source.frames} time points told apart by {series.told_apart_by}" if source.frames > 1 else ""
    kind = "Enhanced DICOM volume" if isinstance(source, EnhancedSource) else "DICOM series"
    found = [
        Finding("info", f"{kind} of {count} slices of {rows} x {columns}, {down:.4g} x {across:.4g} mm{step}{times}")
    ]
    if series.is_rescaled_by_slice:
        text = "each slice has a rescale slope of its own; the output has one for all, wide enough for every value"
        found.append(Finding("warning", text, "D13"))
    if series.is_interpolated_between:
        text = "was interpolated between its slices by the scanner: half as many were acquired"
        found.append(Finding("warning", text, "D21"))
    if series.filled:
        text = f"missing slices, interpolated between their neighbours (--fill), seen by nobody: {series.filled}"
        found.append(Finding("warning", text, "D5"))
    if count > 1 and series.stack.unscalable:
        hint = "" if series.filled or not any(holes_of(series.stack.planes)) else "; --fill interpolates the missing"
        text = f"{series.stack.unscalable}; rows and columns can be scaled, slices not{hint}"
        found.append(Finding("warning", text, "D8" if not series.stack.even else "D7"))
    notes = frozenset[str]().union(*(instance.notes for instance in series.instances))
    found += [Finding(level, text, code) for key, (level, text, code) in _NOTES.items() if key in notes]
    return found + _burned_in(source, notes)


def _burned_in(source: DicomSource, notes: frozenset[str]) -> list[Finding]:
    if "burned-in" not in notes:
        return []
    if source.options.get("accept_burned_in"):
        return [Finding("warning", "has burned-in text, which a network distorts", "D18")]
    return [Finding("refusal", BURNED_IN, "D18")]
