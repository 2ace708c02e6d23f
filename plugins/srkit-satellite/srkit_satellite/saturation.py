"""Saturated pixels: one stored number says that more came in than could be measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srkit import Channel, UsageError
from srkit_satellite.validity import Validity, usable_nodata

SATURATED_TAG = "SPECIAL_VALUE_SATURATED"
"""Of a dataset: the number of its saturated samples. GDAL gives it to the Sentinel-2 products that it reads."""

Array = np.ndarray[Any, Any]


def saturated_number(dataset: Any, options: Mapping[str, Any]) -> float | None:
    """Return the number of saturated samples: the user's, else what a dataset's tags say.

    Raises UsageError for what is no number.
    """
    chosen = str(options.get("saturated", "auto"))
    if chosen == "none":
        return None
    try:
        return float(dataset.tags()[SATURATED_TAG] if chosen == "auto" else chosen)
    except KeyError:
        return None
    except ValueError:
        if chosen == "auto":
            return None
        raise UsageError(f"--saturated {chosen} is no number; give one, such as 255, or auto, or none") from None


def reserved_numbers(
    number: float | None, dtype: np.dtype[Any], channels: Sequence[Channel], validity: Validity
) -> tuple[float | None, ...]:
    """Return the number of saturated samples for each image channel; () where none are told apart.

    Under a mask, pixels that are hidden often have the number too, and the output's mask could not tell them apart.
    """
    usable = usable_nodata(dtype, number)
    if usable is None or validity.kind == "mask":
        return ()
    return tuple(usable if channel.role == "image" else None for channel in channels)


def saturated_samples(stored: Array, reserved: Sequence[float | None]) -> Array:
    """Return where `stored` ``(C, rows, columns)`` is its channel's number of saturated samples."""
    found = np.zeros(stored.shape, np.bool_)
    for channel, number in enumerate(reserved):
        if number is not None:
            found[channel] = stored[channel] == number
    return found
