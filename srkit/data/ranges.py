"""The range that figures of merit refer to: fixed by the stored type where that is a convention, else measured."""

from __future__ import annotations

import numpy as np

from srkit.image import Array, BoolArray, Encoding

RANGE_NOTE = "255 (times the slope) for 8-bit samples, else highest minus lowest valid HR value of the item"
"""What `data_range_of` does, in words that stand beside figures."""


def data_range_of(hr: Array, valid: BoolArray | None, encoding: Encoding) -> float:
    """Return 255 times the slope for 8-bit samples, else highest minus lowest valid HR value (1 for a constant).

    `hr` is ``(C, *spatial)`` in stored units, `valid` as in `Block`.
    """
    if encoding.dtype == np.uint8:
        return 255 * abs(encoding.slope)
    values = hr if valid is None else hr[np.broadcast_to(valid, hr.shape)]
    span = float(values.max() - values.min()) if values.size else 0.0
    return span if span > 0 else 1.0
