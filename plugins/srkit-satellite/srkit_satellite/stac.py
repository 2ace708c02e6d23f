"""A STAC item beside an output, by which catalogues find it: where it lies, when it was taken, and how it was made.

After the SpatioTemporal Asset Catalog specification 1.0.0 with its extensions projection 1.1.0, raster 1.1.0 and
processing 1.1.0. An item must have a date; none is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from srkit import UsageError
from srkit_satellite.blueprint import BandBlueprint, Blueprint
from srkit_satellite.places import Footprint, corners_of, footprint_of
from srkit_satellite.source import RasterSource

EXTENSIONS = tuple(
    f"https://stac-extensions.github.io/{name}/v1.1.0/schema.json" for name in ("projection", "raster", "processing")
)
MOMENTS = ("PRODUCT_START_TIME", "ACQUISITION_DATETIME", "ACQUISITIONDATETIME", "DATETIME")
"""Tags, of the dataset or of GDAL's domain IMAGERY, that say when an image was taken."""

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
PLAIN = "image/tiff; application=geotiff"


@dataclass(frozen=True, slots=True)
class StacItem:
    """What an item says of an output; `taken` is when, in UTC."""

    blueprint: Blueprint
    taken: str

    @classmethod
    def of(cls, source: RasterSource, blueprint: Blueprint, asked: str) -> StacItem | None:
        """Return the item that was `asked` for: none, ``auto``, or one with a date.

        Raises UsageError where no date is known, or the one given is none.
        """
        if not asked:
            return None
        text = said_moment(source.dataset) if asked == "auto" else asked
        if not text:
            raise UsageError(
                f"{source.path.name}: says nothing on when it was taken, which a STAC item must; "
                "give it, as --stac 2023-08-13T10:00:00Z"
            )
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise UsageError(f"{source.path.name}: {text!r} is no date; give one as 2023-08-13T10:00:00Z") from error
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return cls(blueprint, moment.astimezone(UTC).isoformat().replace("+00:00", "Z"))

    def write(self, target: Path, agreement: Mapping[str, Any]) -> None:
        """Write the item beside the output at `target`."""
        text = json.dumps(self._described(target, agreement), indent=1, ensure_ascii=False)
        item_path(target).write_text(f"{text}\n", encoding="utf-8")

    def _described(self, target: Path, agreement: Mapping[str, Any]) -> dict[str, Any]:
        blueprint = self.blueprint
        rows, columns = blueprint.shape
        place = footprint_of(SimpleNamespace(height=rows, width=columns), blueprint.georeference)
        bands = [_band(band, str(blueprint.dtype)) for band in blueprint.bands]
        asset = {"href": f"./{target.name}", "type": COG if blueprint.cog else PLAIN, "roles": ["data"]}
        return {
            "type": "Feature",
            "stac_version": "1.0.0",
            "stac_extensions": list(EXTENSIONS),
            "id": target.stem,
            **_placed(place, corners_of(blueprint.shape, blueprint.georeference)),
            "properties": {"datetime": self.taken, **_projected(blueprint), **_made(blueprint, agreement)},
            "links": [],
            "assets": {"image": {**asset, "raster:bands": bands}},
        }


def item_path(target: Path) -> Path:
    """Return where the item of an output lies."""
    return target.with_suffix(".json")


def said_moment(dataset: Any) -> str:
    """Return when an image was taken, as its tags say; empty where they do not."""
    said = {key.upper(): value for key, value in {**dataset.tags(ns="IMAGERY"), **dataset.tags()}.items()}
    day, time = said.get("DATE_ACQUIRED", ""), said.get("SCENE_CENTER_TIME", "00:00:00Z")
    return next((said[key] for key in MOMENTS if said.get(key)), f"{day}T{time}" if day else "")


def _placed(place: Footprint | None, corners: Sequence[tuple[float, float]] | None) -> dict[str, Any]:
    """Return geometry and box in degrees; an image across the date line has a box on each side."""
    if place is None:
        return {"geometry": None}
    east = place.west + place.width
    halves = [(place.west, min(east, 180.0)), (-180.0, east - 360)][: 1 if east <= 180 else 2]
    boxes = [[(w, place.south), (e, place.south), (e, place.north), (w, place.north)] for w, e in halves]
    near = [(place.west + (x - place.west + 180) % 360 - 180, y) for x, y in corners or ()]  # some count from 0 to 360
    outlines = [near] if near and len(boxes) == 1 and place.width < 180 else boxes
    rings = [[[list(point) for point in [*outline, outline[0]]]] for outline in outlines]
    kind, coordinates = ("Polygon", rings[0]) if len(rings) == 1 else ("MultiPolygon", rings)
    box = [place.west, place.south, halves[-1][1], place.north]
    return {"geometry": {"type": kind, "coordinates": coordinates}, "bbox": box}


def _projected(blueprint: Blueprint) -> dict[str, Any]:
    tied = blueprint.georeference
    crs = tied.crs or tied.gcp_crs
    said: dict[str, Any] = {
        "proj:epsg": None if crs is None else crs.to_epsg(),
        "proj:shape": list(blueprint.shape),
    }
    if tied.wkt is not None and said["proj:epsg"] is None:
        said["proj:wkt2"] = tied.wkt
    if tied.transform is not None:
        said["proj:transform"] = list(tied.transform)[:6]
    return said


def _made(blueprint: Blueprint, agreement: Mapping[str, Any]) -> dict[str, Any]:
    tags = blueprint.tags.dataset
    said: dict[str, Any] = {
        "processing:lineage": tags["SRKIT_HISTORY"],
        "processing:software": {"srkit": tags["SRKIT_VERSION"]},
        "srkit:notice": tags["SRKIT_NOTICE"],
    }
    return {**said, "srkit:consistency": dict(agreement)} if agreement else said


def _band(band: BandBlueprint, dtype: str) -> dict[str, Any]:
    said = {
        "name": band.name,
        "data_type": dtype,
        "scale": band.scale,
        "offset": band.offset,
        "unit": band.unit or None,
    }
    nodata = None if band.nodata is None else band.nodata if abs(band.nodata) < float("inf") else str(band.nodata)
    return {key: value for key, value in {**said, "nodata": nodata}.items() if value is not None}
