"""Compares the pixels of an output with those of its source, as far as they are known before any network ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from srkit import Slab, Window
from srkit_satellite.saturation import saturated_samples
from srkit_satellite.source import RasterSource

Array = np.ndarray[Any, Any]

FAULTS = {
    "V7": "samples are valid in the output and not in the source, or the other way round",
    "V9b": "invalid samples do not hold what the source has there",
    "V11": "samples of an alpha band are not those of the source, repeated",
    "V17": "samples are saturated in the output and not in the source, or the other way round",
    "V20": "samples of a categorical band are not those of the source, repeated",
}
"""What each rule that counts samples finds."""

PART_SAMPLES = 2**21
"""Of the output, per band, that are looked at together: some arrays of them are held at a time."""
REPEATED = {"alpha": "V11", "category": "V20"}


def needs_a_look(source: RasterSource) -> bool:
    """Tell whether there are pixels that an output must repeat."""
    marked = source.validity.kind != "all" or source.encoding.dtype.kind == "f" or bool(source.encoding.reserved)
    return marked or any(channel.role in REPEATED for channel in source.channels)


def pixel_faults(
    source: RasterSource, output: RasterSource, bands: Sequence[int], scale: tuple[int, ...]
) -> Counter[str]:
    """Return how many samples of `output` break each rule of `FAULTS`; `bands` are those of the source it has."""
    faults: Counter[str] = Counter()
    rows = max(1, PART_SAMPLES // (source.grid.shape[1] * scale[0] * scale[1]))
    for window in Slab(0, rows).windows(source.grid.shape):
        faults += _faults_in(source, output, bands, window, scale)
    return faults


def _faults_in(
    source: RasterSource, output: RasterSource, bands: Sequence[int], window: Window, scale: tuple[int, ...]
) -> Counter[str]:
    stored, valid = source.read_stored(window)
    found, found_valid = output.read_stored(window.upscaled(scale))
    wanted = _repeated(stored[list(bands)], scale)
    wanted_valid = _repeated(_of_bands(valid, bands, window.shape), scale)
    ours = _of_bands(found_valid, range(len(bands)), found.shape[1:])
    same = _same(found, wanted)
    reserved = source.encoding.of_channels(bands).reserved
    saturated = saturated_samples(found, reserved) != saturated_samples(wanted, reserved)
    faults = Counter(
        V7=int(((ours != wanted_valid) & ~saturated).sum()),
        V17=int(saturated.sum()),
        V9b=int((~same & ~wanted_valid & ~ours).sum()),
    )
    for place, band in enumerate(bands):
        rule = REPEATED.get(source.channels[band].role)
        if rule is not None:
            faults[rule] += int((~same[place]).sum())
    return faults


def _of_bands(valid: Array | None, bands: Sequence[int], shape: Sequence[int]) -> Array:
    """Return the validity of each of `bands`."""
    if valid is None:
        return np.ones((len(bands), *shape), np.bool_)
    return valid[list(bands)] if valid.shape[0] > 1 else np.broadcast_to(valid, (len(bands), *valid.shape[1:]))


def _repeated(samples: Array, scale: tuple[int, ...]) -> Array:
    return samples.repeat(scale[0], axis=1).repeat(scale[1], axis=2)


def _same(a: Array, b: Array) -> Array:
    equal: Array = a == b
    return equal if a.dtype.kind != "f" else equal | (np.isnan(a) & np.isnan(b))
