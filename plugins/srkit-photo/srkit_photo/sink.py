"""An enlarged photograph as a sink: gathered in its stored type, written at the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from srkit import ArraySink, OutputError, OutputPlan, UsageError
from srkit_photo.codecs import write_photo
from srkit_photo.formats import FORMATS, MAX_PIXELS
from srkit_photo.metadata import enlarged_metadata
from srkit_photo.options import SAME, chosen_format
from srkit_photo.output import Output
from srkit_photo.photo import Array, Metadata
from srkit_photo.source import PhotoSource

MAX_OUTPUT_PIXELS = 8 * MAX_PIXELS


class PhotoSink(ArraySink):
    """Writes an output in the plan's format. Raises OutputError where that format cannot hold it."""

    def __init__(self, target: Path, source: PhotoSource, plan: OutputPlan) -> None:
        self._format = output_format(source, plan)
        _check_fit(source.path, self._format, plan)
        photo = source.photo
        self.lossless = self._format in ("png", "tiff", "bmp") or (
            self._format == "webp" and (photo.format != "webp" or photo.lossless)
        )
        self._output = Output(
            metadata_of(source, plan),
            plan.provenance.sentence(),
            alpha=has_alpha(plan),
            lossless=self.lossless,
            quality=quality_of(plan),
        )
        super().__init__(target, plan)

    def save(self, target: Path, stored: Array) -> None:
        """Write the file."""
        pixels = np.ascontiguousarray(np.moveaxis(stored, 0, -1))
        write_photo(target, self._format, pixels, self._output)


def metadata_of(source: PhotoSource, plan: OutputPlan) -> Metadata:
    """Return what accompanies an output's pixels; nothing that is said of colours is true of a map."""
    if plan.map_kind is not None:
        return Metadata()
    rows, columns = plan.grid.shape
    return enlarged_metadata(source.photo, shape=(rows, columns), scale=(plan.factors[0], plan.factors[1]))


def output_format(source: PhotoSource, plan: OutputPlan) -> str:
    """Return the name of the format that an output is written in."""
    if plan.map_kind is not None:
        return "tiff"
    return chosen_format(source.photo.format, plan.format or str(plan.options.get("format", SAME)))


def quality_of(plan: OutputPlan) -> int:
    """Return the quality of lossy formats. Raises UsageError unless it is 1 to 100."""
    quality = int(plan.options.get("quality", 95))
    if not 1 <= quality <= 100:
        raise UsageError(f"--quality {quality} is not between 1 and 100")
    return quality


def has_alpha(plan: OutputPlan) -> bool:
    """Tell whether the last channel of an output is opacity."""
    return plan.channels[-1].role == "alpha"


def _check_fit(path: Path, name: str, plan: OutputPlan) -> None:
    if name not in FORMATS:
        raise OutputError(f"{path}: no photographic format is called {name!r} (known: {', '.join(FORMATS)})")
    fit = FORMATS[name]
    rows, columns = plan.grid.shape
    if rows * columns > MAX_OUTPUT_PIXELS or max(rows, columns) > fit.largest:
        raise OutputError(
            f"{path}: {columns} x {rows} pixels are too many for {fit.title}; take a smaller --scale or cut it first"
        )
    if plan.encoding.dtype not in fit.dtypes:
        better = "tiff" if plan.encoding.dtype.kind == "f" else "png or tiff"
        raise OutputError(f"{path}: {fit.title} does not hold {plan.encoding.dtype}; choose --format {better}")
    if has_alpha(plan) and not fit.alpha:
        raise OutputError(f"{path}: {fit.title} holds no opacity; choose --format png, tiff or webp")
    if len(plan.channels) - has_alpha(plan) == 1 and not fit.grey:
        raise OutputError(f"{path}: {fit.title} has no grey images; choose --format png or tiff")
