"""Finds rasters by what is in them, and says how sure it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from srkit import InputError, Item, Skipped, files_below
from srkit_satellite.domain import NAME
from srkit_satellite.georeference import Georeference
from srkit_satellite.opening import JPEG_MAGIC, PNG_MAGIC, driver_of, first_bytes, open_raster
from srkit_satellite.places import Footprint, footprint_of, groups_of

TIFF_SUFFIXES = (".tif", ".tiff", ".gtif", ".btf", ".tf8")
JP2_SUFFIXES = (".jp2", ".j2k", ".j2c")
SIDE_SUFFIXES = (".ovr", ".msk", ".aux", ".xml", ".hdr")


def discover(root: Path, options: Mapping[str, Any]) -> Iterator[Item | Skipped]:
    """Yield the rasters at `root`, and what is named or begins like one and is broken.

    A raster that is tied to the ground is surely of this domain; one that is not may be a photograph. Places that
    overlap become one group, so that no split has an image of another's ground.
    """
    items: list[Item] = []
    footprints: list[Footprint | None] = []
    for path, folder in files_below(root):
        found = _look(path, folder)
        if isinstance(found, Skipped):
            yield found
        elif found is not None:
            items.append(found[0])
            footprints.append(found[1])
    for item, group in zip(items, groups_of(footprints), strict=True):
        yield replace(item, group=group or f"file:{item.stem}")


def _look(path: Path, folder: str) -> tuple[Item, Footprint | None] | Skipped | None:
    suffix = path.suffix.lower()
    if suffix in SIDE_SUFFIXES:
        return None
    try:
        driver = driver_of(path)
        if driver is None:
            return _impostor(path, suffix)
        dataset = open_raster(path)
    except InputError as error:
        return Skipped(path, str(error).removeprefix(f"{path}: "))
    with dataset:
        tied = Georeference.of(dataset)
        footprint = footprint_of(dataset, tied)
    if not tied.kinds and driver == "GTiff" and suffix not in TIFF_SUFFIXES:
        return None  # a camera's raw file, a microscope's slide
    item = Item(
        (path,),
        NAME,
        "sure" if tied.kinds else "possible",
        folder=folder,
        stem=path.stem,
        suffix=path.suffix if suffix in TIFF_SUFFIXES and driver == "GTiff" else ".tif",
    )
    return item, footprint


def _impostor(path: Path, suffix: str) -> Skipped | None:
    """Return what is wrong with a file that is named like a raster and is none; None for all other files."""
    if suffix not in (*TIFF_SUFFIXES, *JP2_SUFFIXES):
        return None
    start = first_bytes(path)
    kind = "TIFF" if suffix in TIFF_SUFFIXES else "JPEG 2000"
    if not start:
        return Skipped(path, f"is named like a {kind} file and is empty; fetch it again")
    if start.startswith(PNG_MAGIC) or start.startswith(JPEG_MAGIC):
        held = "PNG" if start.startswith(PNG_MAGIC) else "JPEG"
        return Skipped(path, f"is named like a {kind} file and holds {held}; rename it")
    return Skipped(path, f"is named like a {kind} file and is none; fetch it again, or remove it")
