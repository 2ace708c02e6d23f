"""Normalisers for rasters: by constants of the training split (``bands``), or by each item's own (``item-range``).

Both map ``low .. high`` to ``-1 .. 1`` without clipping, so that clouds above and dark water below come back unhurt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from srkit import InputError, RecipeError, Slab, Source
from srkit_satellite.bands import image_bands
from srkit_satellite.tiles import Layout, Mosaic

Array = np.ndarray[Any, Any]

KEYS = {
    "bands": ("kind", "low", "high", "percentiles", "shared"),
    "item-range": ("kind", "percentiles", "shared"),
}
PERCENTILES = (0.1, 99.9)
SLABS = 64
SAMPLES = 500_000
"""Per band and item; scenes are thinned evenly to that many."""

_OF_MOSAICS: WeakKeyDictionary[Layout, list[Array]] = WeakKeyDictionary()


@dataclass(eq=False, slots=True)
class BandNormalizer:
    """Linear per band; `low` and `high` are ``(C,)`` or ``(1,)``, float64, in DN."""

    spec: Mapping[str, Any]
    low: Array
    high: Array

    @property
    def by_item(self) -> bool:
        """Whether the numbers are those of the item itself."""
        return self.spec.get("kind") == "item-range"

    def normalise(self, values: Array) -> Array:
        """Return ``(C, rows, columns)`` values in network range, float32."""
        low, span = self._shaped(values.ndim)
        with np.errstate(over="ignore"):  # what lies under invalid samples may be any number
            numbers: Array = ((values.astype(np.float64) - low) * (2 / span) - 1).astype(np.float32)
        return numbers

    def denormalise(self, sr: Array, interpolated: Array) -> Array:
        """Return network numbers as values, in the float type of `interpolated`."""
        low, span = self._shaped(sr.ndim)
        with np.errstate(over="ignore"):
            values: Array = ((sr.astype(np.float64) + 1) * (span / 2) + low).astype(interpolated.dtype)
        return values

    def _shaped(self, ndim: int) -> tuple[Array, Array]:
        shape = (-1, *([1] * (ndim - 1)))
        return self.low.reshape(shape), (self.high - self.low).reshape(shape)


def normalizer_of(spec: Mapping[str, Any], source: Source) -> BandNormalizer | None:
    """Return the normaliser of an item after `spec`; None for kinds that are not of this plugin.

    ``{"kind": "bands", "low": [...], "high": [...]}`` holds the numbers; ``{"kind": "item-range"}`` takes them from
    the whole item: `percentiles` (0.1 and 99.9) of its valid samples, over all bands alike unless `shared` is false.
    """
    kind = spec.get("kind")
    if kind not in KEYS:
        return None
    _check(spec)
    if kind == "item-range":
        low, high = _range([_samples(source)], spec, shared=bool(spec.get("shared", True)))
        found = {**spec, "low": low.tolist(), "high": high.tolist()}
        return BandNormalizer(found, low, high)
    if "low" not in spec or "high" not in spec:
        raise RecipeError("a normaliser of kind 'bands' has no numbers; they come from training, or give low and high")
    low, high = _given(spec["low"], "low"), _given(spec["high"], "high")
    count = len(image_bands(source.channels))
    if low.size != high.size or low.size not in (1, count):
        raise RecipeError(f"the normaliser has numbers for {low.size} band(s), the raster has {count} to treat")
    if not (high > low).all():
        raise RecipeError(f"normaliser low {low.tolist()}, high {high.tolist()}: high must exceed low")
    return BandNormalizer(dict(spec), low, high)


def fitted(spec: Mapping[str, Any], sources: Iterable[Source]) -> Mapping[str, Any] | None:
    """Return a spec of kind ``bands`` with `low` and `high` of the valid samples of all `sources`, per band.

    With ``shared: true`` one pair serves all bands. A spec that has its numbers, and one of kind ``item-range``, is
    returned as it is. Raises InputError where items differ in their bands or have nothing valid.
    """
    kind = spec.get("kind")
    if kind not in KEYS:
        return None
    _check(spec)
    if kind == "item-range" or ("low" in spec and "high" in spec):
        return dict(spec)
    items = [_samples(source) for source in sources]
    if not items or len({len(bands) for bands in items}) > 1:
        raise InputError("training scenes differ in their number of bands; train on one kind of scene at a time")
    low, high = _range(items, spec, shared=bool(spec.get("shared", False)))
    return {**spec, "low": low.tolist(), "high": high.tolist()}


def _range(items: Sequence[list[Array]], spec: Mapping[str, Any], *, shared: bool) -> tuple[Array, Array]:
    percentiles = spec.get("percentiles", PERCENTILES)
    columns = [np.concatenate([item[band] for item in items]) for band in range(len(items[0]))]
    if shared:
        columns = [np.concatenate(columns)]
    if not any(column.size for column in columns):
        return np.zeros(1), np.ones(1)  # nothing valid: no number is wrong, and none is used
    known = [column if column.size else np.concatenate(columns) for column in columns]
    low, high = np.array([np.percentile(column, percentiles) for column in known], dtype=np.float64).T
    high = np.where(high > low, high, low + 1.0)  # a constant image has no range
    return low, high


def _samples(source: Source) -> list[Array]:
    """Return valid samples per image band, evenly thinned over the whole item, or the whole image that it is a tile of.

    They are the same ones every time; those of tiles are kept, so that many tiles are not read over and over.
    """
    mosaic = getattr(source, "mosaic", None)
    if mosaic is None:
        return _thinned(source)
    if mosaic.layout not in _OF_MOSAICS:
        _OF_MOSAICS[mosaic.layout] = _thinned(mosaic)
    places = {mosaic.channels[band].name: place for place, band in enumerate(image_bands(mosaic.channels))}
    chosen = [source.channels[band].name for band in image_bands(source.channels)]  # a view may have fewer bands
    return [_OF_MOSAICS[mosaic.layout][places[name]] for name in chosen]


def _thinned(source: Source | Mosaic) -> list[Array]:
    bands = image_bands(source.channels)
    shape = source.grid.shape
    windows = list(Slab(source.slab.axis, source.slab.size).windows(shape))
    step = max(1, len(windows) // SLABS)
    chosen = windows[step // 2 :: step]
    total = sum(window.size for window in chosen)
    stride = max(1, int(np.ceil(np.sqrt(total / SAMPLES))))
    pieces: list[list[Array]] = [[] for _ in bands]
    for window in chosen:
        block = source.read(window)
        for place, band in enumerate(bands):
            values = block.values[band][::stride, ::stride]
            good = np.isfinite(values)
            if block.valid is not None:
                good &= block.valid[band if block.valid.shape[0] > 1 else 0][::stride, ::stride]
            pieces[place].append(values[good].astype(np.float64))
    return [np.concatenate(piece) for piece in pieces]


def _check(spec: Mapping[str, Any]) -> None:
    known = KEYS[spec["kind"]]
    unknown = [key for key in spec if key not in (*known, "low", "high")]
    if unknown:
        raise RecipeError(
            f"normaliser of kind {spec['kind']!r} has no key {unknown[0]!r}; known are {', '.join(known)}"
        )
    percentiles = spec.get("percentiles", PERCENTILES)
    numbers = [p for p in percentiles if isinstance(p, int | float)] if isinstance(percentiles, list | tuple) else []
    if len(numbers) != 2 or not 0 <= numbers[0] < numbers[1] <= 100:
        raise RecipeError(f"normaliser percentiles {percentiles!r} are not two rising numbers in 0..100")


def _given(numbers: Any, key: str) -> Array:
    try:
        return np.atleast_1d(np.asarray(numbers, dtype=np.float64))
    except (TypeError, ValueError):
        raise RecipeError(f"normaliser {key} {numbers!r} is no number and no list of numbers") from None
