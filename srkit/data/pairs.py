"""Makes one LR/HR pair of a window: read with the degradation's margin, degrade in stored units, crop."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from srkit import degrade
from srkit.data.cache import ArrayCache
from srkit.data.filling import fill_invalid
from srkit.data.measured import MeasuredLr, every_channel
from srkit.data.opening import OpenItem
from srkit.data.reading import pad_to
from srkit.grid import Window
from srkit.image import Array, Block, BoolArray

NOISE_VARIANTS = 4
"""Slices that are degraded whole are kept with this many draws of the noise, so that it is not learnt by heart."""


Steps = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Pair:
    """LR and HR of one patch, ``(C, *network axes)``, in stored units or in network range.

    `valid` is ``(1 or C, *HR axes)``, None where all samples are. `drawn` holds the steps that made LR where some of
    them were drawn for it, as a recipe would list them.
    """

    lr: Array
    hr: Array
    valid: BoolArray | None = None
    drawn: Steps = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a patch lies: its HR window in grid order, its frame, and the seed of its noise."""

    window: Window
    frame: int
    noise_seed: int = 0


def draw_place(item: OpenItem, rng: np.random.Generator) -> Place:
    """Return a place worth training on; the same state of `rng` gives the same one."""
    with item.lock:
        window, frame = item.sampler.draw(rng, item.region)
    return Place(window, frame, int(rng.integers(2**62)))


def make_pair(item: OpenItem, place: Place, patch: tuple[int, ...], cache: ArrayCache) -> Pair:
    """Return LR and HR in stored units, HR of size `patch` per network axis.

    A window smaller than the patch (a thin volume) grows to it; what lies beyond the item is its mirror, and invalid.
    """
    window = _aligned(item, place.window, patch)
    whole = any(m is None for m in item.margin)
    seed = _variant(item, place, window) if whole else place.noise_seed
    item, drawn = _settled(item, seed)
    region = _region(item, window)
    if whole:
        identity = (item.part.item.path, item.part.item.key)
        key = (identity, place.frame, region, seed)
        arrays = cache.get(key, lambda: _degraded(item, region, place.frame, seed))
    else:
        arrays = _degraded(item, region, place.frame, seed)
    return replace(_cropped(item, arrays, window.relative_to(region)), drawn=drawn)


def _variant(item: OpenItem, place: Place, window: Window) -> int:
    """Return one of the few seeds of the slices of `window`, which are degraded whole; each slice has its own."""
    if not degrade.is_random(item.degradation):
        return 0
    rest = [(window.start[axis], window.stop[axis]) for axis in item.view.rest]
    slices = (item.part.item.path.name, item.part.item.key, place.frame, rest)
    return zlib.crc32(repr((*slices, place.noise_seed % NOISE_VARIANTS)).encode())


def _settled(item: OpenItem, seed: int) -> tuple[OpenItem, Steps]:
    """Return the item with the steps that `seed` leads to, and these; none where they are always the same.

    What was drawn may need less of a margin than what might have been.
    """
    if item.lr is not None or not any(degrade.is_open(step) for step in item.degradation.steps):
        return item, ()
    steps = degrade.settled(item.degradation, torch.Generator().manual_seed(seed))
    margin = degrade.margin(steps, item.view.scale, roles=item.roles, grid_axes=item.view.axes)
    drawn = tuple({"name": step.name, **step.parameters} for step in steps.steps)
    return replace(item, degradation=steps, margin=margin), drawn


def normalised(item: OpenItem, pair: Pair) -> Pair:
    """Return the pair in network range: one normaliser for LR and HR."""
    return replace(pair, lr=item.normalizer.normalise(pair.lr), hr=item.normalizer.normalise(pair.hr))


def _aligned(item: OpenItem, window: Window, patch: tuple[int, ...]) -> Window:
    """Return the window with the full patch size, starting on the LR grid where that is fixed.

    It is where whole axes are degraded, and where LR was measured.
    """
    start, stop = list(window.start), list(window.stop)
    for axis, size, factor, margin in zip(item.view.axes, patch, item.view.scale, item.margin, strict=True):
        if margin is None or item.lr is not None:
            low, high = item.region.start[axis], item.region.stop[axis]
            last = low + max(0, (high - low) // factor * factor - size)
            start[axis] = min(start[axis] - (start[axis] - low) % factor, last)
        stop[axis] = start[axis] + size
    return Window(tuple(start), tuple(stop))


def _region(item: OpenItem, window: Window) -> Window:
    """Return the HR window that must be degraded for `window`: with the margin, or the whole of an axis.

    It never leaves the item's part (nothing of another split is seen), so that a step treats the border in its own
    way: LR of a window is LR of the item, cropped to begin on the window's LR grid.
    """
    start, stop = list(window.start), list(window.stop)
    for axis, factor, margin in zip(item.view.axes, item.view.scale, item.margin, strict=True):
        low, high = item.region.start[axis], item.region.stop[axis]
        if margin is None:
            start[axis], stop[axis] = low, low + (high - low) // factor * factor
        else:
            grown = -(-margin // factor) * factor
            low += (start[axis] - low) % factor
            start[axis] = max(start[axis] - grown, low)
            stop[axis] = min(stop[axis] + grown, low + (high - low) // factor * factor)
    return Window(tuple(start), tuple(stop))


def _degraded(item: OpenItem, region: Window, frame: int, noise_seed: int) -> tuple[Array, ...]:
    """Return HR, LR and, where some samples are invalid, validity of a region in network axis order."""
    if item.lr is not None:
        return _measured(item, item.lr, region, frame)
    block, counted = _read(item, region, frame)
    hr = item.view.to_network(block.values)
    known = [] if counted is None else [counted]
    if block.valid is not None:
        known.append(item.view.to_network(block.valid))
        hr = fill_invalid(hr, known[-1])
    return (hr, degraded(hr, item, noise_seed), *_in_all(known))


def _read(item: OpenItem, region: Window, frame: int) -> tuple[Block, BoolArray | None]:
    """Return HR of a region, and which samples its sampler counts, in network axis order; None for all."""
    with item.lock:
        whole = item.source.read(region, frame)
        counted = getattr(item.sampler, "counted", lambda *_: None)(region, whole)
    return item.view.pick(whole), None if counted is None else item.view.to_network(counted)


def _in_all(masks: Sequence[BoolArray]) -> tuple[BoolArray, ...]:
    """Return what is True in all masks; nothing without any."""
    return (np.array(np.logical_and.reduce(np.broadcast_arrays(*masks))),) if masks else ()


def _measured(item: OpenItem, lr: MeasuredLr, region: Window, frame: int) -> tuple[Array, ...]:
    """Return HR in LR's radiometry, LR as it was measured, and where both are valid, if that is not everywhere."""
    hr_block, counted = _read(item, region, frame)
    with item.lock:
        lr_block = every_channel(lr.source, item.view).pick(lr.read(region, frame))
    hr, small = (item.view.to_network(block.values) for block in (hr_block, lr_block))
    known = [] if counted is None else [counted]
    if hr_block.valid is not None:
        known.append(item.view.to_network(hr_block.valid))
        hr = fill_invalid(hr, known[-1])
    if lr_block.valid is not None:
        lr_valid = item.view.to_network(lr_block.valid)
        small = fill_invalid(small, lr_valid)
        known.append(_repeated(lr_valid, item.view.scale))
    return (lr.fitted(hr), small, *_in_all(known))


def _repeated(valid: BoolArray, factors: tuple[int, ...]) -> BoolArray:
    for axis, factor in enumerate(factors, start=1):
        valid = valid.repeat(factor, axis=axis)
    return valid


def degraded(hr: Array, item: OpenItem, noise_seed: int | None) -> Array:
    """Return LR of ``(C, *network axes)`` HR in stored units; the same seed gives the same noise, None gives none."""
    generator = None if noise_seed is None else torch.Generator().manual_seed(noise_seed)
    with torch.inference_mode():
        lr = degrade.apply(
            torch.from_numpy(np.array(hr)).unsqueeze(0),
            item.degradation,
            item.view.scale,
            generator,
            roles=item.roles,
            grid_axes=item.view.axes,
        )
    result: Array = lr[0].numpy()
    return result


def _cropped(item: OpenItem, arrays: tuple[Array, ...], window: Window) -> Pair:
    """Return the pair of `window`, counted from the start of a degraded region."""
    scale = item.view.scale
    hr_window = Window(*(tuple(ends[axis] for axis in item.view.axes) for ends in (window.start, window.stop)))
    lr_window = Window(
        tuple(a // s for a, s in zip(hr_window.start, scale, strict=True)),
        tuple(b // s for b, s in zip(hr_window.stop, scale, strict=True)),
    )
    hr, lr = pad_to(arrays[0], hr_window), pad_to(arrays[1], lr_window)
    valid = _validity(arrays, hr_window)
    return Pair(lr, hr, valid)


def _validity(arrays: tuple[Array, ...], window: Window) -> BoolArray | None:
    """Return which samples of `window` are real: neither invalid nor beyond the degraded region."""
    shape = arrays[0].shape[1:]
    if len(arrays) == 2 and Window.whole(shape).contains(window):
        return None
    known = arrays[2] if len(arrays) > 2 else np.ones((1, *shape), bool)
    beyond = [(max(0, -a), max(0, b - n)) for a, b, n in zip(window.start, window.stop, shape, strict=True)]
    padded = np.pad(known, [(0, 0), *beyond], constant_values=False)
    part: BoolArray = padded[(slice(None), *window.shifted([before for before, _ in beyond]).slices)]
    return None if part.all() else part
