"""Cloud-optimised GeoTIFF: the finished plain file is copied once more, in the order that remote readers want.

GDAL's COG driver holds a raster in memory when it is written to directly, and a COG cannot be changed afterwards; so
everything is said in the plain file, overviews included, and the copy only moves bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rasterio.shutil

from srkit import UsageError
from srkit_satellite.layout import Layout
from srkit_satellite.tags import DOMAINS_TAG, CarriedTags, Tags

COMPRESSIONS = ("deflate", "zstd", "lzw", "lzma", "none")
PREDICTORS = {1: "NO", 2: "STANDARD", 3: "FLOATING_POINT"}
BLOCK = 512
SMALLEST = 512
"""Longest side of the last overview."""


def cog_layout(block: int | None) -> Layout:
    """Return the tiles of a COG: 512 x 512 unless the user wants others, however small the image."""
    size = block or BLOCK
    return Layout(True, size, size, size)


def cog_levels(shape: tuple[int, int]) -> tuple[int, ...]:
    """Return 2, 4, … until an overview is at most 512 pixels long; none for an image that is."""
    levels: list[int] = []
    while max(shape) > SMALLEST * 2 ** len(levels):
        levels.append(2 ** (len(levels) + 1))
    return tuple(levels)


def check_options(chosen: Mapping[str, str], compress: str) -> None:
    """Raise UsageError for creation options that a COG cannot have."""
    if compress not in COMPRESSIONS:
        raise UsageError(f"a COG cannot be compressed by {compress}; choose one of {', '.join(COMPRESSIONS)}")
    if chosen.get("INTERLEAVE") == "BAND":
        raise UsageError("a COG is interleaved by pixel; leave INTERLEAVE=BAND out, or write --profile gtiff")


def folded(tags: CarriedTags) -> CarriedTags:
    """Return tags as a COG can hold them: those of other domains as one JSON text, since the copy drops them."""
    others: dict[str, Any] = json.loads(tags.dataset.get(DOMAINS_TAG, "{}")) | dict(tags.namespaces)
    for number, domains in enumerate(tags.bands, start=1):
        others |= {f"band {number}: {name}": entries for name, entries in domains.items() if name}
    default = dict(tags.dataset)
    if others:
        default[DOMAINS_TAG] = json.dumps(others, sort_keys=True, ensure_ascii=False)
    bands: tuple[Mapping[str, Tags], ...] = tuple(
        {name: entries for name, entries in domains.items() if not name} for domains in tags.bands
    )
    return CarriedTags(default, {}, bands)


def write_cog(plain: Path, target: Path, options: Mapping[str, Any]) -> None:
    """Copy the finished file `plain` to a COG at `target`, with the same samples, words and overviews."""
    arguments = {
        "compress": str(options["compress"]).upper(),
        "blocksize": str(options["blockxsize"]),
        "bigtiff": str(options["bigtiff"]),
        "overviews": "FORCE_USE_EXISTING",
        "num_threads": "1",
    }
    if "predictor" in options:
        arguments["predictor"] = PREDICTORS[int(options["predictor"])]
    level = options.get("zlevel", options.get("zstd_level"))
    if level is not None:
        arguments["level"] = str(level)
    rasterio.shutil.copy(str(plain), str(target), driver="COG", strict=True, **arguments)
