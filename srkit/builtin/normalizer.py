"""The linear normaliser: ``low .. high`` becomes ``-1 .. 1``, for every item alike, without clipping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from srkit.errors import InputError, RecipeError, nearest_known
from srkit.image import Array, Source

KNOWN_KEYS = ("kind", "low", "high", "percentiles")
SAMPLES_PER_ITEM = 2_000_000
"""Samples per channel that percentiles are taken of; larger items are thinned evenly."""


@dataclass(eq=False, slots=True)
class RangeNormalizer:
    """Maps ``low .. high`` to ``-1 .. 1`` per channel; values outside go beyond, so that the inverse is exact.

    Parameters
    ----------
    spec
        ``{"kind": "range", "low": number or one per channel, "high": likewise}``.
    low, high
        The same numbers, ``(C or 1,)``, float64, in units of the values.
    """

    spec: Mapping[str, Any]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], channels: int) -> Self:
        """Return the normaliser of `spec`. Raises RecipeError if numbers are missing or do not fit."""
        _check_keys(spec)
        low, high = _numbers(spec, "low", channels), _numbers(spec, "high", channels)
        if not (high > low).all():
            raise RecipeError(f"normaliser range low {low.tolist()}, high {high.tolist()}: high must exceed low")
        return cls(dict(spec), low, high)

    def normalise(self, values: Array) -> Array:
        """Return ``(C, *spatial)`` values in network range, float32."""
        low, span = self._shaped(values.ndim)
        numbers: Array = ((values.astype(np.float64) - low) * (2 / span) - 1).astype(np.float32)
        return numbers

    def denormalise(self, sr: Array, interpolated: Array) -> Array:
        """Return ``(C, *spatial)`` network numbers as values, in the float type of `interpolated`."""
        low, span = self._shaped(sr.ndim)
        values: Array = ((sr.astype(np.float64) + 1) * (span / 2) + low).astype(interpolated.dtype)
        return values

    def _shaped(self, ndim: int) -> tuple[Array, Array]:
        shape = (-1, *([1] * (ndim - 1)))
        return self.low.reshape(shape), (self.high - self.low).reshape(shape)


def image_channels(source: Source) -> list[int]:
    """Return the places of the channels that enter a network."""
    return [i for i, channel in enumerate(source.channels) if channel.role == "image"]


def fit_range(spec: Mapping[str, Any], sources: Iterable[Source]) -> Mapping[str, Any]:
    """Return `spec` with ``low`` and ``high`` per image channel, from the valid samples of `sources`.

    They are minimum and maximum of all, or the median over items of the `percentiles` in the spec (two numbers in
    0..100), which one odd item cannot move. A spec that has its numbers is returned as it is.
    Raises InputError if there is no valid sample or channel counts differ.
    """
    _check_keys(spec)
    if "low" in spec and "high" in spec:
        return dict(spec)
    percentiles = _percentiles(spec)
    rows = [_summary(source, percentiles) for source in sources]
    if len({row.shape[1] for row in rows}) > 1:
        raise InputError("training items differ in their number of channels; train on one kind at a time")
    if not rows or not np.isfinite(np.stack(rows)).all():
        raise InputError("a training item has a channel without any valid sample; remove it from the training data")
    table = np.stack(rows)
    low, high = (
        np.median(table, axis=0) if percentiles else np.array([table[:, 0].min(0), table[:, 1].max(0)])
    ).tolist()
    high = [b if b > a else a + 1.0 for a, b in zip(low, high, strict=True)]  # a constant channel has no range
    return {**spec, "low": low, "high": high}


def _summary(source: Source, percentiles: tuple[float, float] | None) -> Array:
    """Return ``(2, C)``: low and high of one item's image channels; NaN where nothing is valid."""
    pieces = list(_samples(source))
    result = np.full((2, len(image_channels(source))), np.nan)
    for channel in range(result.shape[1]):
        values = np.concatenate([piece[channel] for piece in pieces])
        if values.size:
            result[:, channel] = np.percentile(values, percentiles or (0, 100))
    return result


def _samples(source: Source) -> Iterator[list[Array]]:
    """Yield the valid samples per image channel, slab by slab, thinned so that a large scene fits in memory."""
    images = image_channels(source)
    total = int(np.prod(source.grid.shape)) * source.frames
    step = max(1, total // SAMPLES_PER_ITEM)
    for frame in range(source.frames):
        for window in source.slab.windows(source.grid.shape):
            block = source.read(window, frame)
            valid = np.isfinite(block.values) if block.valid is None else block.valid & np.isfinite(block.values)
            valid = np.broadcast_to(valid, block.values.shape)
            yield [_reduced(block.values[i][valid[i]], step) for i in images]


def _reduced(values: Array, step: int) -> Array:
    """Return every `step`-th value, and always the extremes, so that minimum and maximum stay exact."""
    if step == 1 or not values.size:
        return values
    return np.concatenate([values[::step], [values.min(), values.max()]])


def _percentiles(spec: Mapping[str, Any]) -> tuple[float, float] | None:
    given = spec.get("percentiles")
    if given is None:
        return None
    numbers = [float(p) for p in given] if isinstance(given, (list, tuple)) else []
    if len(numbers) != 2 or not 0 <= numbers[0] < numbers[1] <= 100:
        raise RecipeError(f"normaliser percentiles {given!r} are not two rising numbers in 0..100")
    return numbers[0], numbers[1]


def _check_keys(spec: Mapping[str, Any]) -> None:
    for key in spec:
        if key not in KNOWN_KEYS:
            raise RecipeError(f"normaliser of kind 'range' has no key {key!r}{nearest_known(key, KNOWN_KEYS)}")


def _numbers(spec: Mapping[str, Any], key: str, channels: int) -> npt.NDArray[np.float64]:
    try:
        numbers = np.atleast_1d(np.asarray(spec[key], dtype=np.float64))
    except (KeyError, TypeError, ValueError):
        raise RecipeError(f"normaliser of kind 'range' needs numbers for {key!r}, not {spec.get(key)!r}") from None
    if numbers.ndim != 1 or numbers.size not in (1, channels) or not np.isfinite(numbers).all():
        raise RecipeError(
            f"normaliser {key} {spec[key]!r} does not fit {channels} channel(s); give one number, or one each"
        )
    return numbers
