"""The format's own check of a staged output: what was true of the input is still said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from srkit import Finding, InputError, OutputPlan
from srkit_photo.codecs import read_photo
from srkit_photo.exif import orientation_of
from srkit_photo.photo import Photo
from srkit_photo.sink import has_alpha, metadata_of, output_format
from srkit_photo.source import PhotoSource
from srkit_photo.tiff_structure import BrokenStructureError, TiffStructure


def verify_photo(source: PhotoSource, staged: Path, plan: OutputPlan) -> list[Finding]:
    """Return a failure for everything in the file `staged` that is not as planned."""
    try:
        photo = read_photo(staged)
    except InputError as error:
        return [Finding("failure", str(error))]
    return [Finding("failure", text) for text in _faults(source, photo, plan)]


def _faults(source: PhotoSource, photo: Photo, plan: OutputPlan) -> Iterator[str]:
    name = output_format(source, plan)
    expected, after = metadata_of(source, plan), photo.metadata
    if photo.format != name:
        yield f"the output is a {photo.format} file, not {name}"
    if photo.pixels.shape != (*plan.grid.shape, len(plan.channels)):
        yield f"the output has shape {photo.pixels.shape}, not {(*plan.grid.shape, len(plan.channels))}"
    if photo.pixels.dtype != plan.encoding.dtype:
        yield f"the output holds {photo.pixels.dtype}, not {plan.encoding.dtype}"
    if photo.alpha != has_alpha(plan):
        yield "the opacity of the output is not that of the plan"
    if photo.orientation != 1:
        yield "the output asks to be turned, though its pixels are upright"
    if name == "bmp":
        return
    if after.icc != expected.icc:
        yield "the colour profile differs from that of the input"
    if name != "tiff" and not exif_tags(expected.exif) <= exif_tags(after.exif):
        yield "camera settings (EXIF) of the input are missing"
    if after.exif and orientation_of(after.exif) != 1:
        yield "the camera settings (EXIF) ask to turn pixels that are upright"


def exif_tags(block: bytes) -> set[int]:
    """Return the tags of an EXIF block's first directory; empty for a block that makes no sense."""
    try:
        structure = TiffStructure(block)
        return {entry.tag for entry in structure.entries(structure.first)}
    except BrokenStructureError:
        return set()
