"""Which tags of a raster are still true of its upscaled form, and where they go.

Copied by an explicit list: everything, minus what speaks of the old pixels, plus how the output came about.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from srkit import Provenance
from srkit_satellite.georeference import CRS_TAG

Tags = dict[str, str]

DROPPED_NAMESPACES = frozenset(
    {"IMAGE_STRUCTURE", "DERIVED_SUBDATASETS", "SUBDATASETS", "RPC", "GEOLOCATION", "COLOR_PROFILE", "xml:VRT"}
)
"""Rebuilt by the driver, moved with the geometry, or tied to the old file."""

FOLDED_NAMESPACES = frozenset({"IMD"})
"""GDAL would write these into side files that speak for the raster in a maker's own format."""

DROPPED_KEYS = re.compile(
    r"STATISTICS_.*|OVR_.*|OVERVIEW_RESAMPLING.*|TIFFTAG_(MIN|MAX)SAMPLEVALUE|NODATA_VALUES|"
    r"(.*[._])?(\w+_(SAMPLES|LINES)|GRID_CELL_SIZE_\w+|NUM_?ROWS|NUM_?COLUMNS|DATA_?ROWS|DATA_?COLUMNS|"
    r"CHARACTERISTICBINSIZE\w*)",
    re.IGNORECASE,
)
"""Statistics, and statements of the old raster's size or pixel size. NODATA_VALUES becomes a mask."""

ENVI_STRUCTURE = frozenset(
    {
        "band_names",
        "bands",
        "byte_order",
        "coordinate_system_string",
        "data_ignore_value",
        "data_type",
        "file_type",
        "header_offset",
        "interleave",
        "lines",
        "map_info",
        "pixel_size",
        "projection_info",
        "samples",
        "x_start",
        "y_start",
    }
)
"""Keys of an ENVI header that describe its own file."""

REPLACED_KEYS = frozenset({"TIFFTAG_SOFTWARE", "TIFFTAG_DATETIME", "AREA_OR_POINT"})
RESOLUTION_KEYS = ("TIFFTAG_YRESOLUTION", "TIFFTAG_XRESOLUTION")  # rows, columns: the order of a scale
XMP_KEY = "XML_com.adobe.xmp"  # states the old size deep inside
DOMAINS_TAG = "SRKIT_SOURCE_DOMAINS"
METHOD_TAG = "SRKIT_METHOD"
DATE_TAG = "TIFFTAG_DATETIME"
"""How a band was enlarged: the name of the model, bicubic, or repeated."""


@dataclass(frozen=True, slots=True)
class CarriedTags:
    """The tags of an output.

    Parameters
    ----------
    dataset
        Of the default domain.
    namespaces
        Of the other domains.
    bands
        Per output band, by domain (``""`` for the default one).
    """

    dataset: Tags = field(default_factory=dict)
    namespaces: Mapping[str, Tags] = field(default_factory=dict)
    bands: tuple[Mapping[str, Tags], ...] = ()


def carried_tags(dataset: Any, bands: tuple[int | None, ...], scale: tuple[int, int]) -> CarriedTags:
    """Return what of an opened dataset's tags stays true at `scale` (row, column).

    `bands` names the (0-based) source band of each output band, or None. Domains that GeoTIFF cannot hold (``xml:…``,
    ``json:…``) come as one JSON text in ``SRKIT_SOURCE_DOMAINS``.
    """
    default = _kept(dataset.tags())
    folded: dict[str, Any] = {}
    if XMP_KEY in default:
        folded["xml:XMP"] = default.pop(XMP_KEY)
    namespaces: dict[str, Tags] = {}
    for name in sorted(set(dataset.tag_namespaces()) - DROPPED_NAMESPACES):
        tags = dataset.tags(ns=name)
        if name.startswith(("xml:", "json:")):
            if not name.startswith("xml:gml"):  # JPEG 2000's own georeferencing
                folded[name] = "=".join(next(iter(tags.items())))
        elif name in FOLDED_NAMESPACES:
            folded[name] = _kept(tags)
        else:
            namespaces[name] = _kept(tags, structure=ENVI_STRUCTURE if name == "ENVI" else frozenset())
    if folded:
        default[DOMAINS_TAG] = json.dumps(folded, sort_keys=True, ensure_ascii=False)
    default |= _scaled_resolution(default, scale)
    carried = tuple({} if band is None else _band_tags(dataset, band) for band in bands)
    return CarriedTags(default, {name: tags for name, tags in namespaces.items() if tags}, carried)


def _kept(tags: Mapping[str, str], *, structure: frozenset[str] = frozenset()) -> Tags:
    """Return tags that stay true; empty ones vanish in any GeoTIFF, so they are left out here already."""
    return {
        key: value
        for key, value in sorted(tags.items())
        if value
        and key not in REPLACED_KEYS
        and not key.startswith("SRKIT_")
        and key.lower() not in structure
        and not DROPPED_KEYS.fullmatch(key)
    }


def _band_tags(dataset: Any, band: int) -> Mapping[str, Tags]:
    found = {"": _kept(dataset.tags(band + 1))}
    for name in sorted(set(dataset.tag_namespaces(band + 1)) - DROPPED_NAMESPACES):
        if not name.startswith(("xml:", "json:")):
            found[name] = _kept(dataset.tags(band + 1, ns=name))
    return {name: tags for name, tags in found.items() if tags}


def _scaled_resolution(default: Mapping[str, str], scale: tuple[int, int]) -> Tags:
    """Print resolution grows with the pixels, so that the printed size stays."""
    result = {}
    for key, factor in zip(RESOLUTION_KEYS, scale, strict=True):
        try:
            result[key] = f"{float(default[key]) * factor:.10g}"
        except (KeyError, ValueError):
            continue
    return result


def provenance_tags(
    dataset: Any, files: Sequence[Path], provenance: Provenance, *, name: str, notice: str, bands: list[str]
) -> Tags:
    """Return how the output came about, without dates, hosts or folders: the same input gives the same bytes."""
    source = dataset.tags()
    history = [part for part in (source.get("SRKIT_HISTORY"), _formerly(source)) if part]
    tags = {
        "TIFFTAG_SOFTWARE": f"srkit {provenance.version}",
        "SRKIT_VERSION": provenance.version,
        "SRKIT_MODEL": provenance.model,
        "SRKIT_MODEL_SHA256": provenance.model_sha256 or "",
        "SRKIT_SCALE": provenance.scale,
        "SRKIT_SOURCE": name,
        "SRKIT_SOURCE_SHA256": digest_of(files),
        "SRKIT_BANDS": json.dumps(bands, ensure_ascii=False),
        "SRKIT_NORMALIZATION": _json(provenance.normalizer),
        "SRKIT_HALO": _halo(provenance),
        "SRKIT_DEGRADATION": _json([dict(step) for step in provenance.degradation]),
        "SRKIT_STRENGTH": "" if provenance.strength == 1 else f"{provenance.strength:g}",
        "SRKIT_CONSISTENCY_ENFORCED": _json(provenance.consistency),
        "SRKIT_NOTICE": notice,
        "SRKIT_SOURCE_DATETIME": source.get(
            "SRKIT_SOURCE_DATETIME" if "SRKIT_VERSION" in source else "TIFFTAG_DATETIME", ""
        ),
        "SRKIT_HISTORY": "; ".join([*history, provenance.sentence()]),
        CRS_TAG: source.get(CRS_TAG, ""),
    }
    return {key: value for key, value in tags.items() if value}


def made_at() -> str:
    """Return the present, as TIFF says dates, in UTC; SOURCE_DATE_EPOCH where it is set."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(seconds), UTC) if seconds.isdecimal() else datetime.now(UTC)
    return moment.strftime("%Y:%m:%d %H:%M:%S")


def provenance_of(tags: Mapping[str, str]) -> Provenance | None:
    """Return what an output's tags say of how it came about; None for a raster that is no output, or says it badly."""
    try:
        return Provenance(
            version=tags["SRKIT_VERSION"],
            model=tags["SRKIT_MODEL"],
            model_sha256=tags.get("SRKIT_MODEL_SHA256"),
            scale=tags["SRKIT_SCALE"],
            normalizer=json.loads(tags.get("SRKIT_NORMALIZATION", "{}")),
            degradation=tuple(json.loads(tags.get("SRKIT_DEGRADATION", "[]"))),
            perceptual=tags.get("SRKIT_HISTORY", "").endswith("(perceptual)"),
            consistency=json.loads(tags.get("SRKIT_CONSISTENCY_ENFORCED", "{}")),
        )
    except (KeyError, ValueError):
        return None


def _formerly(source: Mapping[str, str]) -> str:
    software = source.get("TIFFTAG_SOFTWARE", "")
    return f"made by {software}" if software and "SRKIT_VERSION" not in source else ""


def _halo(provenance: Provenance) -> str:
    """Return how many pixels around itself the model sees of an input pixel; empty where that is not known."""
    if "halo" not in provenance.route:
        return ""
    halo = provenance.route["halo"]
    return "the whole image" if halo is None else "x".join(map(str, halo))


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str) if value else ""


def digest_of(files: Sequence[Path]) -> str:
    """Return the hash of a file; for several files, that of their hashes in order; none of what lies elsewhere."""
    if not files:
        return ""
    digests = [sha256_of(path) for path in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the hash of a file, counted once as long as the file stays as it is."""
    state = path.stat()
    return _sha256(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=16)
def _sha256(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
