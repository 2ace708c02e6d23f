"""Checks that LR and HR show the same place with the same values, and corrects what can be corrected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from srkit import degrade
from srkit import plugins as verbs
from srkit.data.filling import fill_invalid
from srkit.data.measured import Counterpart, MeasuredLr, every_channel, open_lr
from srkit.data.registration import Fit, correlation, displacement, linear_fit
from srkit.data.view import View, chosen_channels
from srkit.domain import Item, Options
from srkit.errors import InputError
from srkit.grid import Grid, Role, Scale, Window, index_map
from srkit.image import Array, BoolArray, Channel, Source
from srkit.plugins import Plugins

LOOKED_AT = {2: 1024, 3: 128}
"""LR samples per axis in the middle of a pair, by the number of axes, on which it is registered."""
LEAST = 8
"""LR samples per axis below which nothing can be registered."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms LR and HR are a pair.

    `max_shift` bounds what is left of a displacement once it is corrected, in LR samples; `min_correlation` what LR
    and HR degraded to it have in common. With `radiometry` ``linear`` HR is brought to LR's values, channel by channel.
    """

    domain: str
    options: Options
    scale: Scale
    roles: tuple[Role, ...]
    degradation: Sequence[Mapping[str, Any]] | None
    max_shift: float = 0.5
    min_correlation: float = 0.7
    radiometry: Literal["as-is", "linear"] = "as-is"
    channels: Literal["same", "mean"] = "same"


@dataclass(frozen=True, eq=False, slots=True)
class _Compared:
    """LR and degraded HR of one window, ``(C, *network axes)``, and where both are valid."""

    lr: Array
    hr: Array
    valid: BoolArray


def coupled(plugins: Plugins, hr: Item, lr: Item, terms: Terms) -> Counterpart:
    """Return how `lr` fits on `hr`. Raises InputError, in one sentence, where it does not."""
    hr_source = verbs.open_source(plugins, hr, terms.options)
    try:
        lr_source = open_lr(plugins, lr, terms.options, mean=terms.channels == "mean")
        try:
            return _Coupling(plugins, terms, hr_source, lr_source).counterpart(lr)
        except InputError as error:
            raise InputError(f"beside its LR {lr.path}: {error}") from error
        finally:
            lr_source.close()
    finally:
        hr_source.close()


class _Coupling:
    """The work on one open pair."""

    def __init__(self, plugins: Plugins, terms: Terms, hr: Source, lr: Source) -> None:
        self.terms = terms
        self.hr, self.lr = hr, lr
        self.view = View.of(hr, terms.roles, terms.scale)
        self.factors = self.view.grid_scale(hr.grid.ndim)
        self.degradation = verbs.degradation(plugins, terms.domain, terms.degradation, hr, terms.scale)

    def counterpart(self, item: Item) -> Counterpart:
        """Return how LR, which is `item`, fits on HR."""
        if dict(self.lr.roles) != dict(self.hr.roles) or self.lr.frames != self.hr.frames:
            raise InputError("they differ in the order of their axes or in their frames; store both alike")
        places = matched([self.hr.channels[i] for i in self.view.channels], self.lr.channels)
        lr = chosen_channels(self.lr, places)
        said = placed(lr.grid, self.hr.grid, self.factors)
        offset = self._moved(said, self._displacement(self._compared(lr, said)))
        compared = self._compared(lr, offset)
        residual = self._displacement(compared)
        likeness = min(correlation(a[v], b[v]) for a, b, v in self._channels(compared))
        self._check(residual, likeness)
        return Counterpart(
            item,
            offset,
            tuple(
                round(corrected + left, 2) for corrected, left in zip(self._lag(said, offset), residual, strict=True)
            ),
            tuple(round(left, 2) for left in residual),
            likeness,
            self._fits(compared),
            self.terms.channels == "mean",
            tuple(places),
        )

    def _displacement(self, compared: _Compared) -> tuple[float, ...]:
        return displacement(compared.hr.mean(axis=0, dtype=np.float64), compared.lr.mean(axis=0, dtype=np.float64))

    def _moved(self, offset: tuple[int, ...], found: tuple[float, ...]) -> tuple[int, ...]:
        """Return `offset` corrected by whole HR samples: nothing is interpolated."""
        moved = list(offset)
        for axis, factor, shift in zip(self.view.axes, self.view.scale, found, strict=True):
            moved[axis] -= round(shift * factor)
        return tuple(moved)

    def _lag(self, said: tuple[int, ...], offset: tuple[int, ...]) -> list[float]:
        """Return the displacement in LR samples that the way from `said` to `offset` corrects, per network axis."""
        return [(said[a] - offset[a]) / factor for a, factor in zip(self.view.axes, self.view.scale, strict=True)]

    def _compared(self, lr: Source, offset: tuple[int, ...]) -> _Compared:
        placed_lr = MeasuredLr(lr, offset, self.factors, ())
        region = self._middle(placed_lr.snapped(Window.whole(self.hr.grid.shape)))
        hr_block, lr_block = self.view.pick(self.hr.read(region)), placed_lr.read(region, 0)
        lr_block = every_channel(lr, self.view).pick(lr_block)
        lr_valid, hr_valid = (
            np.broadcast_to(True, b.values.shape) if b.valid is None else np.broadcast_to(b.valid, b.values.shape)
            for b in (lr_block, hr_block)
        )
        hr = fill_invalid(self.view.to_network(hr_block.values), self.view.to_network(hr_valid))
        small = fill_invalid(self.view.to_network(lr_block.values), self.view.to_network(lr_valid))
        both = np.logical_and(self.view.to_network(lr_valid), _all_of(self.view.to_network(hr_valid), self.view.scale))
        return _Compared(small, self._degraded(hr), both)

    def _degraded(self, hr: Array) -> Array:
        with torch.inference_mode():
            lr = degrade.apply(
                torch.from_numpy(np.array(hr)).unsqueeze(0),
                self.degradation,
                self.view.scale,
                None,
                roles=self.terms.roles,
                grid_axes=self.view.axes,
            )
        result: Array = lr[0].numpy()
        return result

    def _middle(self, region: Window) -> Window:
        """Return the middle of an HR region: as much as is looked at along network axes, one sample along others."""
        start, stop = list(region.start), list(region.stop)
        for axis, factor in enumerate(self.factors):
            most = LOOKED_AT[len(self.view.axes)] if axis in self.view.axes else 1
            samples = (stop[axis] - start[axis]) // factor
            if axis in self.view.axes and samples < LEAST:
                raise InputError(f"they share {samples} LR samples along axis {axis}, too few to compare them")
            start[axis] += max(0, samples - most) // 2 * factor
            stop[axis] = start[axis] + min(samples, most) * factor
        return Window(tuple(start), tuple(stop))

    def _channels(self, compared: _Compared) -> list[tuple[Array, Array, BoolArray]]:
        if not all(valid.any() for valid in compared.valid):
            raise InputError("no sample is valid in both")
        return list(zip(compared.hr, compared.lr, compared.valid, strict=True))

    def _check(self, residual: tuple[float, ...], likeness: float) -> None:
        if likeness < self.terms.min_correlation:
            raise InputError(
                f"their correlation is {likeness:.2f}, below data.pairs.min_correlation "
                f"({self.terms.min_correlation:g}); they do not show the same"
            )
        if max(map(abs, residual)) > self.terms.max_shift:
            away = ", ".join(f"{n:.2f}" for n in residual)
            raise InputError(
                f"they lie {away} LR samples apart after correction, more than data.pairs.max_shift "
                f"({self.terms.max_shift:g}); register them first"
            )

    def _fits(self, compared: _Compared) -> tuple[Fit, ...]:
        channels = self._channels(compared)
        if self.terms.radiometry == "as-is":
            return ((1.0, 0.0),) * len(channels)
        return tuple(linear_fit(hr[valid], lr[valid]) for hr, lr, valid in channels)


def placed(lr: Grid, hr: Grid, factors: Sequence[int]) -> tuple[int, ...]:
    """Return the index of the HR sample, per axis, at which the first LR sample begins, to the nearest whole one.

    Two images that do not say where they lie must begin at the same edge and have sizes that differ by the factors.
    Raises InputError where one grid is not the other one, `factors` times as fine.
    """
    if lr.is_pixel_space and hr.is_pixel_space:
        if any(small != large // factor for small, large, factor in zip(lr.shape, hr.shape, factors, strict=True)):
            wanted = tuple(large // factor for large, factor in zip(hr.shape, factors, strict=True))
            raise InputError(f"LR has {lr.shape} samples, and for HR of {hr.shape} must have {wanted} at this scale")
        return (0,) * len(factors)
    if lr.reference != hr.reference or lr.affine.shape != hr.affine.shape:
        raise InputError("they lie in different reference systems; bring both onto one grid first")
    matrix = index_map(lr, hr)
    corners = np.array([[-0.5] * lr.ndim, [n - 0.5 for n in lr.shape]])
    first, last = corners @ matrix[:-1, :-1].T + matrix[:-1, -1] + 0.5
    if np.abs(last - first - np.multiply(lr.shape, factors)).max() > 0.5:
        times = " x ".join(f"{n:.4g}" for n in (last - first) / lr.shape)
        raise InputError(f"an LR sample is {times} HR samples, and must be {' x '.join(map(str, factors))}")
    return tuple(int(n) for n in np.rint(first))


def matched(hr: Sequence[Channel], lr: Sequence[Channel]) -> list[int]:
    """Return the index of LR's channel for each of HR's: by name, or in order where names tell nothing.

    Raises InputError where their numbers differ.
    """
    images = [i for i, channel in enumerate(lr) if channel.role == "image"]
    by_name = {lr[i].name: i for i in images}
    if all(channel.name in by_name for channel in hr):
        return [by_name[channel.name] for channel in hr]
    if len(images) != len(hr):
        raise InputError(
            f"HR has {len(hr)} channels and LR {len(images)}, of other names; set data.pairs.channels=mean to take the "
            "mean of LR's for a panchromatic HR"
        )
    return images


def _all_of(valid: BoolArray, factors: Sequence[int]) -> BoolArray:
    """Return where all HR samples of an LR sample are valid."""
    split = [part for n, f in zip(valid.shape[1:], factors, strict=True) for part in (n // f, f)]
    inner = tuple(range(2, 2 * len(factors) + 1, 2))
    result: BoolArray = np.logical_and.reduce(valid.reshape(valid.shape[0], *split), axis=inner)
    return result
