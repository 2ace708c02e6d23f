"""Which modality a volume is likely to be of, where no description says so: by its name, its format, and air."""

from __future__ import annotations

import numpy as np

from srkit_medical.nifti.compression import BROKEN, unpacking
from srkit_medical.nifti.header import VolumeHeader
from srkit_medical.nifti.names import stem_of

LOOKED_AT = 2**20
"""Bytes of voxels; scans begin with air, at the edge of the first slices."""
AIR = (-1100.0, -900.0)
PADDING = (-1024.0, -2000.0, -2048.0, -3024.0)
"""What CT scanners write outside of the round field of view, in Hounsfield units."""
LEAST_SHARE = 0.05
BY_NAME = {"ct": "ct", "pet": "pet"}
"""How names end in BIDS and by habit; what else BIDS has as volumes is of MR."""


def likely_domain(header: VolumeHeader) -> str:
    """Return the name of the domain that a volume without a description is likely of; MR where nothing speaks."""
    last = stem_of(header.path).lower().rpartition("_")[2]
    if last in BY_NAME:
        return BY_NAME[last]
    return "ct" if header.kind != "mgh" and _has_air(header) else "mri"


def _has_air(header: VolumeHeader) -> bool:
    """Tell whether the first voxels have as much air or padding in Hounsfield units as no other modality has."""
    try:
        with unpacking(header.data_path) as file:
            file.read(header.offset)
            data = file.read(min(LOOKED_AT, header.data_size))
    except BROKEN:
        return False
    stored = np.frombuffer(data, header.dtype, len(data) // header.dtype.itemsize)
    values = stored.astype(np.float64) * header.slope + header.intercept
    if not values.size or values.min() > AIR[1]:
        return False
    air = (values >= AIR[0]) & (values <= AIR[1])
    padding = values == values.min() if values.min() in PADDING else np.zeros(1, np.bool_)
    return bool(max(air.mean(), padding.mean()) >= LEAST_SHARE)
