"""Puts slices where some of a series are missing: interpolated between their neighbours, and told apart from real ones.

That is done on request alone. A hole of whole steps is all that can be filled: else nothing says how many are lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from srkit.image import Array
from srkit_medical.dicom.geometry import holes_of
from srkit_medical.dicom.grouping import Series, series_of
from srkit_medical.dicom.instance import Gap, Instance
from srkit_medical.dicom.pixels import valid_samples


def filled(series: Series) -> Series:
    """Return `series` with the slices that are missing; unchanged where none are, or where it cannot be known.

    Slices with slopes of their own are left as they are: between two scales there is none.
    """
    holes = holes_of(series.stack.planes)
    if not sum(holes) or series.is_rescaled_by_slice:
        return series
    whole = series_of(tuple(_with_filled(frame, holes) for frame in series.frames), series.told_apart_by)
    return whole if whole.stack.even else series


def _with_filled(frame: Sequence[Instance], holes: Sequence[int]) -> tuple[Instance, ...]:
    found: list[Instance] = []
    for low, high, hole in zip(frame[:-1], frame[1:], holes, strict=True):
        found.append(low)
        found += [_between(low, high, k / (hole + 1)) for k in range(1, hole + 1)]
    return (*found, frame[-1])


def _between(low: Instance, high: Instance, share: float) -> Instance:
    """Return the slice that lies `share` of the way from `low` to `high`; all else is the nearer one's."""
    position = (1 - share) * low.plane.position + share * high.plane.position
    known = low.location is not None and high.location is not None
    location = (1 - share) * (low.location or 0.0) + share * (high.location or 0.0) if known else None
    nearer = low if share <= 0.5 else high
    plane = replace(nearer.plane, position=position)
    return replace(nearer, plane=plane, location=location, gap=Gap(low, high, share))


def interpolated(gap: Gap, low: Array, high: Array) -> Array:
    """Return the stored samples ``(rows, columns)`` between those of both neighbours; no data stays no data."""
    samples = np.rint((1 - gap.share) * low.astype(np.float64) + gap.share * high).astype(low.dtype)
    for neighbour, stored in ((gap.low, low), (gap.high, high)):
        valid = valid_samples(neighbour, stored)
        if valid is not None:
            samples[~valid] = stored[~valid]
    return samples
