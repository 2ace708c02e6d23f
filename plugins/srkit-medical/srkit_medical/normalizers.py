"""From values to network range and back: by percentiles of the body (MRI), a fixed window (CT), the maximum (PET).

One mapping serves the whole item, with all its frames: per slice or per tile a bright voxel would darken its
neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from srkit.errors import InputError, RecipeError, nearest_known
from srkit.image import Array, BoolArray, Normalizer, Source
from srkit_medical.foreground import largest_pieces
from srkit_medical.thinning import steps_for, thinned

SAMPLES = 4_000_000
MASK = "largest pieces above the mean of the non-zero samples"
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "percentile": {"low": 0.5, "high": 99.5},
    "window": {"low": -1024.0, "high": 3071.0, "blend": 50.0},
    "activity": {},
}


@dataclass(eq=False, slots=True)
class LinearNormalizer:
    """Maps ``low .. high`` to ``-1 .. 1``; values outside go beyond, so that the inverse is exact.

    Parameters
    ----------
    spec
        How the two numbers came about, with the numbers.
    low, high
        In values; different.
    """

    spec: Mapping[str, Any]
    low: float
    high: float
    by_item: ClassVar[bool] = True

    def normalise(self, values: Array) -> Array:
        """Return ``(C, *spatial)`` values in network range, float32."""
        return _to_unit(values, self.low, self.high)

    def denormalise(self, sr: Array, interpolated: Array) -> Array:
        """Return network numbers as values, in the float type of `interpolated`."""
        return _from_unit(sr, self.low, self.high).astype(interpolated.dtype)


@dataclass(eq=False, slots=True)
class WindowNormalizer:
    """Maps a fixed window of Hounsfield units to ``-1 .. 1``; what lies beyond passes by the network.

    Values are clipped `blend` beyond the window before the network sees them. Where the interpolated input lies outside
    the window (metal, filler around the scan's circle) it is what goes into the output; over `blend` units beyond the
    window the two mix, so that no seam shows.
    """

    spec: Mapping[str, Any]
    low: float
    high: float
    blend: float

    def normalise(self, values: Array) -> Array:
        """Return ``(C, *spatial)`` values in network range, float32."""
        return _to_unit(np.clip(values, self.low - self.blend, self.high + self.blend), self.low, self.high)

    def denormalise(self, sr: Array, interpolated: Array) -> Array:
        """Return network numbers as values, with the interpolated input where that lies outside the window."""
        values = _from_unit(sr, self.low, self.high)
        beyond = np.maximum(self.low - interpolated, interpolated - self.high)
        share = 1 - np.clip(beyond / self.blend, 0, 1)
        mixed = np.where(share > 0, share * values + (1 - share) * interpolated, interpolated)
        return mixed.astype(interpolated.dtype)


def _to_unit(values: Array, low: float, high: float) -> Array:
    numbers: Array = ((values.astype(np.float64) - low) * (2 / (high - low)) - 1).astype(np.float32)
    return numbers


def _from_unit(sr: Array, low: float, high: float) -> Array:
    values: Array = (sr.astype(np.float64) + 1) * ((high - low) / 2) + low
    return values


def completed(spec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a percentile or window spec with its defaults filled in; None for kinds that are not ours.

    Raises RecipeError for an unknown key or numbers that make no range.
    """
    kind = spec.get("kind")
    if kind not in DEFAULTS:
        return None
    defaults = DEFAULTS[str(kind)]
    for key in spec:
        if key != "kind" and key not in defaults:
            raise RecipeError(f"normaliser of kind {kind!r} has no key {key!r}{nearest_known(key, defaults)}")
    full = {"kind": kind, **defaults, **spec}
    numbers = [full[key] for key in defaults]
    if any(isinstance(n, bool) or not isinstance(n, int | float) or not np.isfinite(n) for n in numbers):
        raise RecipeError(f"normaliser {dict(spec)} needs plain numbers for {', '.join(defaults)}")
    if numbers and (full["low"] >= full["high"] or full.get("blend", 1.0) <= 0):
        raise RecipeError(f"normaliser {dict(spec)}: low must be below high, and blend above 0")
    if kind == "percentile" and not 0 <= full["low"] < full["high"] <= 100:
        raise RecipeError(f"normaliser {dict(spec)}: percentiles lie in 0..100")
    return full


def normalizer_of(spec: Mapping[str, Any], source: Source) -> Normalizer | None:
    """Return the normaliser of an item after a model's spec; None for kinds that are not ours."""
    full = completed(spec)
    if full is None:
        return None
    makers: Mapping[str, Callable[[Mapping[str, Any], Source], Normalizer]] = {
        "percentile": _by_percentiles,
        "window": _by_window,
        "activity": _by_maximum,
    }
    return makers[full["kind"]](full, source)


def _by_window(spec: Mapping[str, Any], source: Source) -> Normalizer:
    return WindowNormalizer(dict(spec), float(spec["low"]), float(spec["high"]), float(spec["blend"]))


def _by_maximum(spec: Mapping[str, Any], source: Source) -> Normalizer:
    """Take 0 and the highest value of all frames: linear, and nothing is cut off, least of all a lesion."""
    high = max(
        (
            float(block.values.max(initial=0.0, where=np.isfinite(block.values) & (block.valid is None or block.valid)))
            for frame in range(source.frames)
            for block in (source.read(window, frame) for window in source.slab.windows(source.grid.shape))
        ),
        default=0.0,
    )
    high = high if high > 0 else 1.0
    return LinearNormalizer({**spec, "low_value": 0.0, "high_value": high}, 0.0, high)


def _by_percentiles(spec: Mapping[str, Any], source: Source) -> Normalizer:
    """Take the percentiles of the foreground of all frames, thinned to a few million samples."""
    quantity = getattr(source, "quantity", "")
    if quantity:
        raise InputError(
            f"is a map of {quantity}, whose numbers mean something, and percentiles of each map would lose that; "
            "use a model with a fixed range (normaliser of kind range), or an interpolation"
        )
    frames = _samples(source)
    values = np.concatenate([samples[valid] for samples, valid in frames])
    if not values.size:
        raise InputError("no sample of the item is a number; leave it out")
    body = _foreground(frames, values)
    low, high = (float(x) for x in np.percentile(body, [spec["low"], spec["high"]]))
    if low == high:  # a mask, or two grey values
        low, high = float(values.min()), float(values.max())
    if low == high:
        high = low + 1.0  # a constant image maps to -1 and back
    numbers = {"low_value": low, "high_value": high, "mask": MASK, "samples": int(body.size)}
    return LinearNormalizer({**spec, **numbers}, low, high)


def _samples(source: Source) -> list[tuple[Array, BoolArray]]:
    """Return each frame thinned, ``(i, j, k)``, and which of its samples are valid."""
    steps = steps_for(source, max(1, SAMPLES // source.frames))
    return [thinned(source, steps, frame) for frame in range(source.frames)]


def _foreground(frames: list[tuple[Array, BoolArray]], values: Array) -> Array:
    """Return the samples of the body, all of the valid `values` where none stands out."""
    some = values[values != 0]
    if not some.size:
        return values
    threshold = some.mean(dtype=np.float64)
    masks = [largest_pieces(valid & (samples != 0) & (samples > threshold)) for samples, valid in frames]
    body = np.concatenate([samples[mask] for (samples, _), mask in zip(frames, masks, strict=True)])
    return body if body.size else some
