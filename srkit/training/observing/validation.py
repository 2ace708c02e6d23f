"""Validation: PSNR and SSIM in stored units on fixed patches of held-out items, beside interpolation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import nn

from srkit.data.cache import ArrayCache
from srkit.data.opening import OpenItem, OpenItems
from srkit.data.pairs import Pair, draw_place, make_pair
from srkit.data.ranges import data_range_of
from srkit.domain import Metric
from srkit.errors import InputError
from srkit.image import Array, BoolArray, Normalizer
from srkit.networks.interpolation import Interpolation
from srkit.training.learning.compute import Compute, channels_last
from srkit.training.learning.loop import StepReport
from srkit.training.learning.players import evaluating

ITEMS, PATCHES_PER_ITEM = 12, 4
PLANE_PATCH, VOLUME_PATCH = 192, 48
BASELINES = ("bicubic", "bspline")
Figures = dict[str, float]


@dataclass(frozen=True, eq=False, slots=True)
class HeldOut:
    """A fixed patch of a held-out item: the pair in stored units and how to bring it to network range and back."""

    item: int
    pair: Pair
    normalizer: Normalizer
    data_range: float
    scale: tuple[int, ...]

    def interpolated(self, kind: str = "bicubic") -> Array:
        """Return LR interpolated to the HR grid, ``(C, *spatial)`` in stored units."""
        with torch.inference_mode():
            enlarge = Interpolation(kind, self.scale)  # type: ignore[arg-type]  # of `KINDS`
            result: Array = enlarge(torch.from_numpy(self.pair.lr.copy())[None])[0].numpy()
        return result


def validation_patch(scale: tuple[int, ...]) -> tuple[int, ...]:
    """Return the HR size of validation patches per network axis: whole planes as far as they are affordable."""
    size = PLANE_PATCH if len(scale) == 2 else VOLUME_PATCH
    return tuple(max(1, size // factor) * factor for factor in scale)


def hold_out(items: OpenItems, patch: tuple[int, ...], *, seed: int, cache: ArrayCache) -> list[HeldOut]:
    """Return fixed patches of the first items, the same for the same seed; items that cannot be read are left out."""
    result: list[HeldOut] = []
    for index in range(min(len(items), ITEMS)):
        try:
            with items.borrowed(index) as item:
                result += _held_out_of(item, index, patch, seed, cache)
        except InputError:
            continue  # opened once already for the catalogue: a later failure costs this item's patches only
    return result


def _held_out_of(item: OpenItem, index: int, patch: tuple[int, ...], seed: int, cache: ArrayCache) -> list[HeldOut]:
    rng = np.random.default_rng([seed, index])
    pairs = [make_pair(item, draw_place(item, rng), patch, cache) for _ in range(PATCHES_PER_ITEM)]
    hr, valid = _stacked([pair.hr for pair in pairs]), _stacked_validity(pairs)
    data_range = data_range_of(hr, valid, item.source.encoding)
    return [HeldOut(index, pair, item.normalizer, data_range, item.view.scale) for pair in pairs]


def enlarged(generator: nn.Module, patch: HeldOut, compute: Compute) -> Array:
    """Return SR of a patch, ``(C, *spatial)`` in stored units; a network of one channel sees each channel alone."""
    lr = torch.from_numpy(patch.normalizer.normalise(patch.pair.lr)).to(compute.device)
    one_by_one = getattr(generator, "channels", lr.shape[0]) == 1
    batch = lr[:, None] if one_by_one else lr[None]
    with evaluating(generator), compute.autocast():
        sr = generator(channels_last(batch)).float().cpu()
    return patch.normalizer.denormalise((sr[:, 0] if one_by_one else sr[0]).numpy(), patch.interpolated())


def figures(patches: Sequence[HeldOut], enlarge: Callable[[HeldOut], Array], metrics: Mapping[str, Metric]) -> Figures:
    """Return the mean over items of each metric; the patches of an item are taken together."""
    rows: dict[str, list[float]] = {name: [] for name in metrics}
    for index in sorted({patch.item for patch in patches}):
        chosen = [patch for patch in patches if patch.item == index]
        sr = _stacked([enlarge(patch) for patch in chosen])
        hr = _stacked([patch.pair.hr for patch in chosen])
        valid = _stacked_validity([patch.pair for patch in chosen])
        for name, metric in metrics.items():
            rows[name].append(float(metric.of(sr, hr, valid, chosen[0].data_range, max(chosen[0].scale))))
    return {name: _mean(values) for name, values in rows.items()}


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan


def _stacked(arrays: Sequence[Array]) -> Array:
    """Return the channels of all patches as one array: metrics pool errors over channels."""
    return np.concatenate([np.asarray(array) for array in arrays])


def _stacked_validity(pairs: Sequence[Pair]) -> BoolArray | None:
    if all(pair.valid is None for pair in pairs):
        return None
    full = [np.broadcast_to(True if pair.valid is None else pair.valid, pair.hr.shape) for pair in pairs]
    return np.concatenate(full)


class ValidationListener(Protocol):
    """Is told of every validation."""

    def on_validation(self, report: StepReport, found: Figures) -> None:
        """Take note of the figures after a step."""
        ...


@dataclass
class Validation:
    """Measures every `every` steps and at the end of each phase, and tells listeners."""

    generator: nn.Module
    patches: Sequence[HeldOut]
    metrics: Mapping[str, Metric]
    compute: Compute
    every: int
    listeners: Sequence[ValidationListener]
    latest: Figures = field(default_factory=dict)

    def on_step(self, report: StepReport, /) -> None:
        """Validate where it is due."""
        due = self.every and (report.step % self.every == 0 or report.is_last)
        if not due or not self.patches:
            return
        self.latest = self.measure()
        for listener in self.listeners:
            listener.on_validation(report, self.latest)

    def measure(self) -> Figures:
        """Return the generator's figures now."""
        return figures(self.patches, lambda patch: enlarged(self.generator, patch, self.compute), self.metrics)

    def baselines(self) -> dict[str, Figures]:
        """Return the figures of interpolation on the same patches, by its name."""
        return {kind: figures(self.patches, partial(_interpolated, kind), self.metrics) for kind in BASELINES}


def _interpolated(kind: str, patch: HeldOut) -> Array:
    return patch.interpolated(kind)
