"""The normaliser of photographs: what the file's type can hold becomes -1 to 1, for 8 and 16 bits alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from srkit import Encoding, InputError
from srkit_photo.photo import Array

KIND = "depth"


class DepthNormalizer:
    """Maps 0 to the largest stored value onto -1 to 1, linearly and without clipping.

    A model made from 8-bit photographs serves 16-bit ones by it. `spec` is a range with its numbers.
    Raises InputError for floats: nothing says which number is white.
    """

    def __init__(self, encoding: Encoding) -> None:
        if encoding.dtype.kind == "f":
            raise InputError("it holds floats, of which nothing says how much is white; save it with 16 bits first")
        self._half = encoding.limits[1] / 2
        self.spec: Mapping[str, Any] = {"kind": "range", "low": 0.0, "high": encoding.limits[1]}

    def normalise(self, values: Array) -> Array:
        """Return ``(C, *spatial)`` values in network range, float32."""
        return np.asarray(values.astype(np.float64) / self._half - 1, np.float32)

    def denormalise(self, sr: Array, interpolated: Array) -> Array:
        """Return ``(C, *spatial)`` network numbers as values, in the float type of `interpolated`."""
        return np.asarray((sr.astype(np.float64) + 1) * self._half, interpolated.dtype)
