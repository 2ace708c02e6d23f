"""Siemens mosaics: one picture with the slices of a volume side by side; each tile becomes an instance of its own.

How many tiles there are, and along which normal they are stacked, only Siemens' private CSA header says. Its layout is
as nibabel reads it; the sheet's position is that of a single slice of the sheet's size, which is moved to the tile's.
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite, isqrt
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset

from srkit_medical.dicom.geometry import FloatArray, Plane
from srkit_medical.dicom.instance import Instance, MosaicError, Tile, is_interpolated, read_instance
from srkit_medical.dicom.reading import READ_ERRORS, Elements, UnfitError, quiet, read_attributes

_MOST_TILES = 1000
_UNREADABLE = "is a Siemens mosaic whose CSA header cannot be read"


def read_slices(path: Path) -> tuple[Instance, ...]:
    """Return the slices in the file at `path`: one, or the tiles of a mosaic. Raises UnfitError where it has none."""
    try:
        return (read_instance(path),)
    except MosaicError as found:
        try:
            return _tiles(found.sheet)
        except UnfitError as error:
            error.series, error.uid = found.sheet.series, found.sheet.uid
            raise


def _tiles(sheet: Instance) -> tuple[Instance, ...]:
    header = read_attributes(sheet.path)
    csa = _csa(header)
    count, normal = _count_and_normal(csa)
    delays = _delays_s(csa, count)
    across = isqrt(count - 1) + 1
    rows, columns = sheet.shape
    if rows % across or columns % across:
        raise UnfitError(
            f"is a Siemens mosaic of {rows} x {columns} samples, which {across} x {across} tiles do not fill"
        )
    if sheet.spacing_mm <= 0:
        raise UnfitError("is a Siemens mosaic that does not say how far apart its slices lie (0018,0088)")
    shape = rows // across, columns // across
    plane = _first_plane(sheet, shape)
    notes = sheet.notes - {"interpolated"}
    if is_interpolated(Elements(header), shape):
        notes |= {"interpolated"}
    first = replace(sheet, shape=shape, kin=(*sheet.kin, shape), location=None, notes=notes)
    return tuple(
        replace(
            first,
            plane=replace(plane, position=plane.position + k * sheet.spacing_mm * normal),
            tile=Tile(k // across, k % across, across, delays[k]),
        )
        for k in range(count)
    )


def _first_plane(sheet: Instance, shape: tuple[int, int]) -> Plane:
    plane = sheet.plane
    down, across = ((whole - part) / 2 for whole, part in zip(sheet.shape, shape, strict=True))
    shift = plane.down * plane.spacing[0] * down + plane.across * plane.spacing[1] * across
    return replace(plane, position=plane.position + shift)


def _csa(header: Dataset) -> dict[str, Any]:
    with quiet():
        from nibabel.nicom import csareader  # which warns of itself

        try:
            found: dict[str, Any] | None = csareader.get_csa_header(header)
        except (*READ_ERRORS, csareader.CSAError):
            raise UnfitError(_UNREADABLE) from None
    return found or {"tags": {}}


def _count_and_normal(csa: dict[str, Any]) -> tuple[int, FloatArray]:
    with quiet():
        from nibabel.nicom import csareader

        try:
            count = int(csareader.get_n_mosaic(csa) or 0)
            normal = np.array(csareader.get_slice_normal(csa), dtype=np.float64)
        except (*READ_ERRORS, csareader.CSAError):
            raise UnfitError(_UNREADABLE) from None
    if not 1 <= count <= _MOST_TILES or normal.shape != (3,) or not abs(np.linalg.norm(normal) - 1) < 1e-2:
        raise UnfitError(
            "is a Siemens mosaic without its CSA header (0029,1010), which says how many slices it holds; "
            "export it again with private attributes"
        )
    return count, normal / np.linalg.norm(normal)


def _delays_s(csa: dict[str, Any], count: int) -> list[float]:
    """Return how long after AcquisitionTime each slice was acquired (MosaicRefAcqTimes); zeros where none says."""
    items = csa["tags"].get("MosaicRefAcqTimes", {}).get("items") or ()
    if len(items) != count or not all(isinstance(item, int | float) and isfinite(item) for item in items):
        return [0.0] * count
    return [float(item) / 1000 for item in items]
