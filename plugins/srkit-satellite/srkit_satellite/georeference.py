"""What ties a raster to the ground, and how it moves when the raster is upscaled.

GDAL's transform maps the outer *corner* of pixel (0, 0); a `Grid` maps its *centre*. This module is the door.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.io import MemoryFile
from rasterio.rpc import RPC

from srkit import Grid, UsageError

CRS_TAG = "SRKIT_SOURCE_CRS_WKT"
"""Default-domain tag that keeps the CRS in full where GeoTIFF keys cannot."""

NAMELESS = 'LOCAL_CS["unnamed",UNIT["unknown"'


@dataclass(frozen=True, slots=True)
class Georeference:
    """Transform, control points and RPC model of a raster.

    Parameters
    ----------
    transform
        Corner-based, columns and rows to x and y; None where the file says nothing.
    crs
        Of the transform; None if unknown.
    gcps, gcp_crs
        Ground control points in corner-based rows and columns, and their CRS.
    rpcs
        Rational polynomial model; its pixel 0 is a *centre*.
    wkt
        The CRS in words, as `Grid.reference` has it.
    """

    transform: Affine | None = None
    crs: CRS | None = None
    gcps: tuple[GroundControlPoint, ...] = ()
    gcp_crs: CRS | None = None
    rpcs: RPC | None = None
    wkt: str | None = None

    @classmethod
    def of(cls, dataset: Any) -> Georeference:
        """Return what an opened dataset says; where it has a transform, control points add nothing."""
        transform = None if dataset.transform.is_identity else dataset.transform
        gcps, gcp_crs = dataset.gcps if transform is None else ([], None)
        crs = None if says_nothing(dataset.crs) else dataset.crs
        wkt = dataset.tags().get(CRS_TAG) or wkt_of(crs)
        return cls(transform, crs, tuple(gcps), gcp_crs, dataset.rpcs, wkt)

    def assigned(self, text: str) -> Georeference:
        """Return the same with the CRS of `text` where there is a transform and no CRS.

        Raises UsageError for a text that is no CRS.
        """
        if not text or self.transform is None or self.crs is not None:
            return self
        try:
            crs = CRS.from_user_input(text)
        except CRSError as error:
            raise UsageError(f"--assign-crs {text!r} is no CRS; give one such as EPSG:32633") from error
        return replace(self, crs=crs, wkt=wkt_of(crs))

    @property
    def kinds(self) -> tuple[str, ...]:
        """What there is, in words."""
        found = {
            "transform": self.transform is not None,
            "CRS": self.crs is not None,
            "control points": bool(self.gcps),
            "RPC": self.rpcs is not None,
        }
        return tuple(name for name, there in found.items() if there)

    def upscaled(self, scale: tuple[int, int]) -> Georeference:
        """Return the same ground under `scale` (row, column) times the pixels; corners stay where they are."""
        rows, columns = scale
        return replace(
            self,
            transform=None if self.transform is None else _finer(self.transform, rows, columns),
            gcps=tuple(_moved_point(point, rows, columns) for point in self.gcps),
            rpcs=None if self.rpcs is None else _moved_rpc(self.rpcs, rows, columns),
        )

    def part(self, start: tuple[int, ...]) -> Georeference:
        """Return the same ground for pixels counted from `start` (row, column)."""
        row, column = start
        return replace(
            self,
            transform=None if self.transform is None else _from_pixel(self.transform, row, column),
            gcps=tuple(_renumbered_point(point, row, column) for point in self.gcps),
            rpcs=None if self.rpcs is None else _renumbered_rpc(self.rpcs, row, column),
        )

    def grid(self, shape: tuple[int, ...]) -> Grid:
        """Return the centre-based grid of a raster of `shape` (rows, columns); pixel space without a transform."""
        if self.transform is None:
            return Grid.pixels(shape)
        t = self.transform
        affine = np.array(
            [
                [t.b, t.a, t.c + (t.a + t.b) / 2],
                [t.e, t.d, t.f + (t.d + t.e) / 2],
                [0.0, 0.0, 1.0],
            ]
        )
        return Grid(shape, affine, self.wkt)


def _finer(t: Affine, rows: int, columns: int) -> Affine:
    """Return ``t @ Affine.scale(1 / columns, 1 / rows)``, spelt out since affine 2 and 3 differ in the operator."""
    x, y = 1 / columns, 1 / rows
    return Affine(t.a * x, t.b * y, t.c, t.d * x, t.e * y, t.f)


def _from_pixel(t: Affine, row: int, column: int) -> Affine:
    """Return ``t @ Affine.translation(column, row)``."""
    return Affine(t.a, t.b, t.a * column + t.b * row + t.c, t.d, t.e, t.d * column + t.e * row + t.f)


def _renumbered_point(point: GroundControlPoint, row: int, column: int) -> GroundControlPoint:
    return GroundControlPoint(
        row=point.row - row, col=point.col - column, x=point.x, y=point.y, z=point.z, id=point.id, info=point.info
    )


def _renumbered_rpc(rpcs: RPC, row: int, column: int) -> RPC:
    fields = rpcs.to_dict()
    fields["line_off"], fields["samp_off"] = rpcs.line_off - row, rpcs.samp_off - column
    return RPC(**fields)


def _moved_point(point: GroundControlPoint, rows: int, columns: int) -> GroundControlPoint:
    return GroundControlPoint(
        row=point.row * rows, col=point.col * columns, x=point.x, y=point.y, z=point.z, id=point.id, info=point.info
    )


def _moved_rpc(rpcs: RPC, rows: int, columns: int) -> RPC:
    """Pixel 0 of an RPC is a centre, so half a pixel is added before scaling and taken off again."""
    fields = rpcs.to_dict()
    fields["line_off"] = rows * (rpcs.line_off + 0.5) - 0.5
    fields["samp_off"] = columns * (rpcs.samp_off + 0.5) - 0.5
    fields["line_scale"] = rpcs.line_scale * rows
    fields["samp_scale"] = rpcs.samp_scale * columns
    return RPC(**fields)


def says_nothing(crs: CRS | None) -> bool:
    """Tell whether a CRS is only what GDAL makes of GeoTIFF keys that name none (PixelIsPoint and nothing else).

    Written back, it would come to be in metres.
    """
    return crs is None or str(crs.to_wkt()).startswith(NAMELESS)


def wkt_of(crs: CRS | None) -> str | None:
    """Return a CRS as WKT 2, or as GDAL's own WKT where WKT 2 cannot say it."""
    if crs is None:
        return None
    try:
        return str(crs.to_wkt(version="WKT2_2019"))
    except CRSError:
        return str(crs.to_wkt())


def as_stored(crs: CRS) -> CRS | None:
    """Return what a GeoTIFF gives back for a CRS: its keys cannot hold every one."""
    with MemoryFile() as memory:
        profile = {"driver": "GTiff", "width": 1, "height": 1, "count": 1, "dtype": "uint8"}
        with memory.open(**profile, crs=crs, transform=Affine(1, 0, 1, 0, -1, 1)):
            pass
        with memory.open() as dataset:
            return dataset.crs


def is_kept(crs: CRS) -> bool:
    """Tell whether a GeoTIFF gives back the same CRS, word by word."""
    with rasterio.Env():
        stored = as_stored(crs)
    return stored is not None and stored == crs and wkt_of(stored) == wkt_of(crs)
