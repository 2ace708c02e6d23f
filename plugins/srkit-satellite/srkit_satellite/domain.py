"""The domain `satellite`: its options and the defaults of its recipes. Light: imports no GDAL."""

from __future__ import annotations

from typing import Any

from srkit.domain import Domain, Option

NAME = "satellite"

MAX_PIXELS = 1e11
"""More than the largest scenes have, 316,000 pixels square."""

OPTIONS = (
    Option(
        "categorical",
        str,
        "refuse",
        "what to do with classes, palettes, quality bits and 1-bit bands: refuse the raster, or repeat their pixels",
        choices=("refuse", "nearest"),
    ),
    Option(
        "alpha_band",
        str,
        "auto",
        "what a band tagged as alpha is (auto: by its name and values; RGB+NIR files often tag the infrared so)",
        choices=("auto", "alpha", "image"),
    ),
    Option(
        "neighbours",
        str,
        "auto",
        "how a tile goes on beyond its border (auto: into the tiles of the same folder that touch it; none: as its "
        "mirror)",
        choices=("auto", "none"),
    ),
    Option(
        "stac",
        str,
        "",
        "write a STAC item (scene.json) beside each output: auto, with the date that the raster states, or the date "
        "itself, as 2023-08-13T10:00:00Z",
    ),
    Option(
        "timestamp",
        bool,
        False,
        "say in outputs (TIFFTAG_DATETIME) when they were made; without it the same work gives the same bytes",
    ),
    Option("mosaic", bool, False, "write mosaic.vrt too, which opens all outputs of the call as one image"),
    Option("allow_remote", bool, False, "read a GeoTIFF at an address (https://…) piece by piece, without fetching it"),
    Option("allow_vrt", bool, False, "treat virtual rasters (.vrt) too; such a file can read any file of this machine"),
    Option(
        "subdatasets",
        str,
        "",
        "the images of TIFF files that hold several: all, or numbers from 1, as 1,3; each becomes a file of its own",
        selects=True,
    ),
    Option(
        "salvage",
        bool,
        False,
        "read what is left of broken files: blocks that cannot be decoded count as no data, and are counted",
    ),
    Option(
        "sha256",
        str,
        "",
        "a list of checksums, as sha256sum writes it, that every input must be in and match",
        selects=True,
    ),
    Option(
        "max_pixels",
        float,
        MAX_PIXELS,
        "rows times columns of a raster beyond which it is refused: a header of some bytes can claim any size",
    ),
    Option("assign_crs", str, "", "the CRS of rasters that have a transform and state none, such as EPSG:32633"),
    Option(
        "saturated",
        str,
        "auto",
        "the number that saturated pixels have, such as 255, which is kept and never taken for a measurement (auto: "
        "what a product states, 65535 in Sentinel-2; none: every number is one)",
    ),
    Option(
        "sensor",
        str,
        "",
        "the sensor, whose numbering says what bands B2, B3 … are, where the raster does not name it",
        choices=("", "sentinel-2", "landsat-4", "landsat-5", "landsat-7", "landsat-8", "landsat-9"),
    ),
    Option(
        "max_cloud",
        float,
        0.1,
        "largest cloudy share of a training patch, where a band (SCL, cloud mask) or a file beside the scene "
        "(scene_SCL.tif, scene_cloudmask.tif) says what is cloudy; 1 for any",
    ),
    Option("co", str, (), "a GeoTIFF creation option as KEY=VALUE, such as COMPRESS=ZSTD", many=True),
    Option(
        "profile",
        str,
        "gtiff",
        "the kind of GeoTIFF to write (cog: cloud-optimised, with overviews and tiles in the order of remote reading)",
        choices=("gtiff", "cog"),
    ),
    Option(
        "overviews",
        str,
        "auto",
        "overviews of the output (auto: built anew where the source has some)",
        choices=("auto", "none"),
    ),
)

MTF_AT_NYQUIST = 0.3
"""Usual response of optical sensors at the Nyquist frequency; Sentinel-2 bands have 0.19 to 0.39."""

TRAINING: dict[str, Any] = {
    "scale": 2,
    "network": {"name": "srresnet", "parameters": {"channels": 1, "features": 32, "blocks": 4, "skip": "bicubic"}},
    "normalizer": {"kind": "item-range"},
    "data": {"pairs": {"radiometry": "linear"}},
}
"""Any sensor works: each item is mapped by its own robust range, and a network of one channel takes each band alone,
adding to its bicubic interpolation. Measured LR has another day's light and air, and HR follows it."""

SATELLITE = Domain(NAME, "Satellite and aerial rasters", OPTIONS, fidelity_first=True, training=TRAINING)
