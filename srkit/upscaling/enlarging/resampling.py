"""From the network's grid to the grid that is wanted, over the same extent: a separable cubic kernel, exact in place.

Keys 1981 (a = -1/2) with weights in float64, as wide as an output sample where that is wider than an input sample
(so nothing aliases), normalised to sum 1. Beyond its border an image goes on as its mirror.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from srkit.grid import Grid, Window
from srkit.image import Array, BoolArray, Channel
from srkit.upscaling.enlarging.fill import fill
from srkit.upscaling.enlarging.stream import Piece

RADIUS = 2.0
IndexArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class AxisResampling:
    """One axis of `length` samples that becomes one of `wanted` samples, edge to edge."""

    length: int
    wanted: int

    @property
    def changes(self) -> bool:
        """Whether anything is to be done."""
        return self.length != self.wanted

    @property
    def radius(self) -> int:
        """Input samples to either side of an output sample's place that have a weight, at most."""
        return math.ceil(RADIUS * max(1.0, self.length / self.wanted))

    def nearest(self, start: int, stop: int) -> IndexArray:
        """Return the input sample that covers the centre of each output sample from `start` to `stop`."""
        return (2 * np.arange(start, stop) + 1) * self.length // (2 * self.wanted)

    def taps(self, start: int, stop: int) -> tuple[IndexArray, npt.NDArray[np.float64]]:
        """Return inputs and weights of the outputs from `start` to `stop`, each ``(taps, outputs)``."""
        step = self.length / self.wanted
        place = (np.arange(start, stop) + 0.5) * step - 0.5
        index = np.floor(place).astype(np.intp) + np.arange(-self.radius, self.radius + 2)[:, np.newaxis]
        weights = _keys((index - place) / max(1.0, step))
        folded = index % (2 * self.length)
        return np.minimum(folded, 2 * self.length - 1 - folded), weights / weights.sum(axis=0)


@dataclass(frozen=True)
class Resampling:
    """The stage that brings image channels from one grid to another of the same extent.

    Validity, and channels that are no image, are those of the nearest sample. What lies under invalid samples has no
    influence: their place is taken by what their valid neighbours suggest.

    Parameters
    ----------
    below, grid
        Of the same extent, as `Grid.resampled` makes it.
    channels
        Of the item.
    """

    below: Grid
    grid: Grid
    channels: tuple[Channel, ...]

    @cached_property
    def axes(self) -> tuple[AxisResampling, ...]:
        """What becomes of each axis."""
        return tuple(AxisResampling(n, m) for n, m in zip(self.below.shape, self.grid.shape, strict=True))

    def needs(self, window: Window) -> Window:
        """Return the samples below that have a weight, and those that invalid ones among them are filled from."""
        start, stop = list(window.start), list(window.stop)
        for a, axis in enumerate(self.axes):
            if axis.changes:
                margin = axis.radius + 1 + self._steps
                first, last = (int(n) for n in axis.nearest(start[a], stop[a])[[0, -1]])
                start[a], stop[a] = first - margin, last + 1 + margin
        return Window(tuple(start), tuple(stop))

    def apply(self, given: Piece, window: Window) -> Piece:
        """Return the samples of `window`."""
        values = self._nearest(given.values, given.window, window)
        valid = None if given.valid is None else self._nearest(given.valid, given.window, window)
        images = [i for i, channel in enumerate(self.channels) if channel.role == "image"]
        if images:
            fine = self._filled(given.values[images], _of_channels(given.valid, images))
            for a in self._changing:
                fine = _weighted(fine, a + 1, self.axes[a], given.window, window)
            known = _of_channels(valid, images)
            values[images] = fine if known is None else np.where(known, fine, values[images])
        return Piece(window, given.frame, values, valid)

    @property
    def _changing(self) -> list[int]:
        """The axes that change, those that become shorter first."""
        changing = [a for a, axis in enumerate(self.axes) if axis.changes]
        return sorted(changing, key=lambda a: self.axes[a].wanted / self.axes[a].length)

    @cached_property
    def _steps(self) -> int:
        return max((axis.radius + 1 for axis in self.axes if axis.changes), default=0)

    def _filled(self, values: Array, valid: BoolArray | None) -> Array:
        if valid is None or valid.all():
            return values
        return fill(values, valid, [a + 1 for a in self._changing], self._steps)

    def _nearest(self, samples: Array, given: Window, window: Window) -> Array:
        for a, axis in enumerate(self.axes):
            index = axis.nearest(window.start[a], window.stop[a]) - given.start[a]
            samples = samples.take(index, axis=a + 1)
        return samples


def _of_channels(valid: BoolArray | None, channels: Sequence[int]) -> BoolArray | None:
    return valid if valid is None or len(valid) == 1 else valid[list(channels)]


def _weighted(values: Array, axis: int, resampling: AxisResampling, given: Window, window: Window) -> Array:
    """Return the sums of `values` along `axis`, tap by tap: the same bits in whatever window."""
    index, weights = resampling.taps(window.start[axis - 1], window.stop[axis - 1])
    shape = (-1, *[1] * (values.ndim - 1 - axis))
    total: Array | None = None
    for samples, weight in zip(index - given.start[axis - 1], weights, strict=True):
        if weight.any():
            term = values.take(samples, axis=axis) * weight.reshape(shape)
            total = term if total is None else np.add(total, term, out=total)
    if total is None:
        raise ValueError("a window without samples cannot be resampled")
    return total


def _keys(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Keys 1981, equation 15 with a = -1/2."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < RADIUS, far, 0.0))
