"""Finds photographs by how their files begin."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from srkit import Item, Skipped, files_below
from srkit_photo.formats import FORMATS, claimed_format, format_of, suffix_for
from srkit_photo.options import chosen_format

GEO_TAGS = (33550, 33922, 34264, 34735)
RAW_TAGS = (50706, 50740)
SIDE_SUFFIXES = (".ovr", ".msk")  # TIFF inside: a raster's overviews and its mask, no pictures of their own
CAMERA_RAW = (".dng", ".nef", ".cr2", ".arw", ".orf", ".rw2", ".pef", ".srw", ".3fr", ".iiq")


def discover_photos(root: Path, output_format: str) -> Iterator[Item | Skipped]:
    """Yield the photographs at `root`, and files that have the name of one and the content of something else."""
    for path, folder in files_below(root):
        name = format_of(_first_bytes(path))
        if path.suffix.lower() in SIDE_SUFFIXES:
            continue
        if name is None:
            claimed = claimed_format(path)
            if claimed is not None:
                yield Skipped(
                    path, f"is named like a {FORMATS[claimed].title} file and is none; fetch it again, or remove it"
                )
        elif name == "tiff":
            yield from _tiff(path, folder, output_format)
        else:
            certainty: Literal["sure", "possible"] = "possible" if _has_world_file(path) else "sure"
            yield _item(path, folder, chosen_format(name, output_format), certainty)


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(32)
    except OSError:  # the name alone claims a format then
        return b""


def _has_world_file(path: Path) -> bool:
    """Tell whether a file beside the picture says where on earth it lies: then it may be a map."""
    suffix = path.suffix.lower()
    names = [".wld", *([f"{suffix}w", f".{suffix[1]}{suffix[-1]}w"] if len(suffix) > 2 else [])]
    return any(path.with_suffix(name).is_file() or path.with_suffix(name.upper()).is_file() for name in names)


def _item(path: Path, folder: str, output: str, certainty: Literal["sure", "possible"]) -> Item:
    return Item(
        (path,),
        "photo",
        certainty=certainty,
        group=path.stem,
        folder=folder,
        stem=path.stem if path.suffix.lower() in _KNOWN else path.name,
        suffix=suffix_for(path, output),
    )


_KNOWN = tuple(suffix for entry in FORMATS.values() for suffix in entry.suffixes)


def _tiff(path: Path, folder: str, output_format: str) -> Iterator[Item | Skipped]:
    """Yield a TIFF that says of itself neither that it lies on the earth nor that it is a camera's raw file."""
    if path.suffix.lower() in CAMERA_RAW:
        return
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it logs what becomes one sentence here
    try:
        with tifffile.TiffFile(path) as tiff:
            tags = tiff.pages[0].tags
            foreign = any(tag in tags for tag in (*GEO_TAGS, *RAW_TAGS))
    except (tifffile.TiffFileError, struct.error, ValueError, IndexError, KeyError, OSError):
        yield Skipped(path, "is a broken TIFF file, perhaps cut short; fetch it again")
        return
    if not foreign:
        yield _item(path, folder, chosen_format("tiff", output_format), "possible")
