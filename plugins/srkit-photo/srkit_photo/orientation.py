"""Turning a photograph upright, as its EXIF orientation says."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SWAPPING = (5, 6, 7, 8)
"""Orientations that exchange rows and columns."""


def upright(pixels: Array, orientation: int) -> Array:
    """Return `pixels` ``(rows, columns, …)`` as they are meant to be seen."""
    turned = pixels.swapaxes(0, 1) if orientation in SWAPPING else pixels
    flip_rows = orientation in (3, 4, 7, 8)
    flip_columns = orientation in (2, 3, 6, 7)
    return np.ascontiguousarray(turned[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1])
