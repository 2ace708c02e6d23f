"""Which samples of a raster are real data, and how its file says so."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.errors import NodataShadowWarning

from srkit import InputError

Kind = Literal["all", "nodata", "mask", "alpha"]
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Validity:
    """How a file marks samples that are no data.

    Parameters
    ----------
    kind
        ``nodata`` (a value, per band), ``mask`` (one for all bands), ``alpha`` (a band), or ``all`` (nothing marked).
        Where several are present GDAL's order holds: a mask overrides nodata, nodata overrides alpha.
    alpha
        The (0-based) alpha band, where that is the kind.
    """

    kind: Kind
    alpha: int | None = None

    @classmethod
    def of(cls, dataset: Any, trapped: tuple[int, ...]) -> Validity:
        """Return how an opened dataset marks its samples; `trapped` bands only look like alpha.

        Raises InputError for a mask per band, which no GeoTIFF output can hold.
        """
        flags = [set(band) for band in dataset.mask_flag_enums]
        if any(not band for band in flags):
            raise InputError(
                f"{dataset.name}: has a mask file with one mask per band, which a GeoTIFF cannot hold; "
                "mark the pixels with a nodata value instead"
            )
        if any(MaskFlags.per_dataset in band and MaskFlags.alpha not in band for band in flags):
            return cls("mask")
        if any(MaskFlags.nodata in band for band in flags):
            pairs = zip(dataset.dtypes, dataset.nodatavals, strict=True)
            usable = [usable_nodata(np.dtype(name), value) for name, value in pairs]
            return cls("all" if all(value is None for value in usable) else "nodata")
        alpha = [i for i, interp in enumerate(dataset.colorinterp) if interp.name == "alpha" and i not in trapped]
        if alpha and any(MaskFlags.alpha in band for band in flags):
            return cls("alpha", alpha[0])
        return cls("all")

    def read(self, dataset: Any, window: Any, stored: Array) -> Array | None:
        """Return True where `stored` ``(C, rows, columns)``, the samples of a rasterio window, is real data.

        ``(C, rows, columns)``, or ``(1, …)`` where one answer holds for all bands; None where all are valid. NaN and
        infinities are never data, whatever the file says.
        """
        valid: Array | None = None
        if self.kind == "nodata":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NodataShadowWarning)  # GDAL's order is ours, and a finding says so
                valid = dataset.read_masks(window=window) != 0
        elif self.kind == "mask":
            valid = dataset.read_masks(1, window=window)[np.newaxis] != 0
        elif self.kind == "alpha":
            valid = stored[self.alpha : self.alpha + 1] != 0 if self.alpha is not None else None
        if stored.dtype.kind == "f":
            finite = np.isfinite(stored)
            valid = finite if valid is None else valid & finite
        return None if valid is None or valid.all() else valid


def usable_nodata(dtype: np.dtype[Any], nodata: float | None) -> float | None:
    """Return a nodata value if a sample of `dtype` can be it, else None (-9999 in bytes, 0.5 in integers)."""
    if nodata is None or dtype.kind == "f":
        return nodata
    if not np.isfinite(nodata) or nodata != int(nodata):
        return None
    limits = np.iinfo(dtype)
    return nodata if limits.min <= nodata <= limits.max else None
