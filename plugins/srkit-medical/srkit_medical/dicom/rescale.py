"""One slope and intercept for a whole output, where its sources have one for each slice.

Stored samples of such sources cannot be compared with each other, their values can; so values are what is read, and
the output stores all of them on one scale that reaches every value of every source.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.valuerep import format_number_as_ds

from srkit_medical.dicom.instance import Instance


def is_varied(instances: Sequence[Instance]) -> bool:
    """Tell whether RescaleSlope or RescaleIntercept differ from slice to slice."""
    return len({(instance.slope, instance.intercept) for instance in instances}) > 1


def common_rescale(instances: Sequence[Instance]) -> tuple[float, float]:
    """Return slope and intercept with which the stored type of `instances` holds every value that any of them can hold.

    They are those of the slices where all agree; else numbers that a decimal string holds exactly.
    """
    first = instances[0]
    if not is_varied(instances):
        return first.slope, first.intercept
    low, high = first.layout.limits
    slopes = np.array([instance.slope for instance in instances])
    intercepts = np.array([instance.intercept for instance in instances])
    if slopes.min() > 0 and intercepts.min() == intercepts.max():
        return _as_decimal(slopes.max()), first.intercept
    ends = np.concatenate([slopes * low + intercepts, slopes * high + intercepts])
    slope = _as_decimal((ends.max() - ends.min()) / (high - low))
    return slope, _as_decimal(ends.min() - slope * low)


def _as_decimal(number: float) -> float:
    return float(format_number_as_ds(float(number) + 0.0))
