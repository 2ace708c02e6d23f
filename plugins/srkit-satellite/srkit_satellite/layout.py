"""How a GeoTIFF output lies on disk: blocks, compression, and what the user may say about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from srkit import UsageError
from srkit_satellite.opening import interleave_of

LOSSLESS = ("deflate", "zstd", "lzw")
"""Compressions that are taken over from the source; every other becomes deflate."""

SETTABLE: Mapping[str, tuple[str, ...]] = {
    "COMPRESS": ("DEFLATE", "ZSTD", "LZW", "PACKBITS", "LZMA", "NONE"),
    "PREDICTOR": ("1", "2", "3"),
    "ZLEVEL": (),
    "ZSTD_LEVEL": (),
    "BIGTIFF": ("IF_SAFER", "IF_NEEDED", "YES", "NO"),
    "INTERLEAVE": ("PIXEL", "BAND"),
    "BLOCKSIZE": (),
}
"""What `co` may set, and to which values; lossy compression is no output of this plugin."""

LEVELS: Mapping[str, str] = {"deflate": "ZLEVEL", "zstd": "ZSTD_LEVEL"}
FAST = 1
"""Level of both unless the user says otherwise: 2 and 6 times as fast as GDAL's own, for 2 % more bytes (measured)."""
STRIP_BYTES = 2**20
SLAB_ROWS = 256


@dataclass(frozen=True, slots=True)
class Layout:
    """The blocks of a GeoTIFF, and the rows that are written at once: whole rows of blocks."""

    tiled: bool
    block_rows: int
    block_columns: int
    slab_rows: int


def layout_of(shape: tuple[int, int], row_bytes: int, block: int | None = None) -> Layout:
    """Return the layout for an image of `shape` (rows, columns) with `row_bytes` bytes in a row of pixels.

    Tiles of 512, or 256 where the shorter side is below 1024; strips where it is below 256, since a tile is stored
    whole however little of it is used. `block` overrides the size of tiles.
    """
    rows, columns = shape
    if block is None and min(shape) < 256:
        strip = max(1, min(rows, STRIP_BYTES // max(1, row_bytes)))
        return Layout(False, strip, columns, strip * max(1, SLAB_ROWS // strip))
    size = block or (512 if min(shape) >= 1024 else 256)
    return Layout(True, size, size, size)


def parse_co(given: Iterable[str]) -> dict[str, str]:
    """Return creation options from ``KEY=VALUE`` texts. Raises UsageError for unknown keys and values."""
    options: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        key, value = key.strip().upper(), value.strip().upper()
        if not equals or key not in SETTABLE:
            raise UsageError(f"creation option {text!r} is not one of {', '.join(f'{k}=…' for k in SETTABLE)}")
        choices = SETTABLE[key]
        if choices and value not in choices:
            raise UsageError(f"creation option {text!r}: {key} may be {', '.join(choices)}")
        if not choices and (not value.isdigit() or int(value) == 0):
            raise UsageError(f"creation option {text!r}: {key} must be a whole number above 0")
        options[key] = value
    if int(options.get("BLOCKSIZE", "16")) % 16:
        raise UsageError(f"creation option BLOCKSIZE={options['BLOCKSIZE']} must be a multiple of 16")
    return options


def creation_options(dataset: Any, dtype: np.dtype[Any], layout: Layout, chosen: Mapping[str, str]) -> dict[str, Any]:
    """Return rasterio's creation options for an output with the source's habits, where those are lossless."""
    inherited = "" if dataset.compression is None else str(dataset.compression.value).lower()
    compress = chosen.get("COMPRESS", inherited if inherited in LOSSLESS else "deflate").lower()
    options: dict[str, Any] = {
        "tiled": layout.tiled,
        "blockysize": layout.block_rows,
        "compress": compress,
        "interleave": interleave_for(dataset, chosen).lower(),
        "bigtiff": chosen.get("BIGTIFF", "IF_SAFER"),
    }
    if layout.tiled:
        options["blockxsize"] = layout.block_columns
    if compress in ("deflate", "zstd", "lzw"):
        options["predictor"] = int(chosen.get("PREDICTOR", "3" if dtype.kind == "f" else "2"))
    if compress in LEVELS:
        options[LEVELS[compress].lower()] = int(chosen.get(LEVELS[compress], FAST))
    return options


def interleave_for(dataset: Any, chosen: Mapping[str, str]) -> str:
    """Return the source's interleave; where it has neither, by pixel up to 4 bands, else by band."""
    own = interleave_of(dataset)
    usual = "pixel" if dataset.count <= 4 else "band"
    return chosen.get("INTERLEAVE", own if own in ("pixel", "band") else usual)


def overview_levels(shape: tuple[int, int]) -> list[int]:
    """Return 2, 4, … until the longer side is at most 512; at least one level where there is room for one."""
    levels = [2]
    while max(shape) / levels[-1] > 512:
        levels.append(levels[-1] * 2)
    return levels if min(shape) >= 2 else []
