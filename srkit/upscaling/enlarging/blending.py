"""For networks of global reach, which no halo makes exact: fixed windows that overlap by a quarter, cosine-blended.

Every window is a whole run of the network; where windows overlap, their results are averaged with weights that fall
as a squared cosine towards a window's edge and sum to 1. Results depend on the tile: seams are soft, not absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise, product

import numpy as np

from srkit.grid import Window
from srkit.image import Array
from srkit.upscaling.planning.tiles import AxisPlan, Tile, round_up


class Blend:
    """Windows and weights on the axes of an image.

    Parameters
    ----------
    plans, factors
        How each axis is cut, and its upscaling; extents must be the grid's.
    network
        Returns the output of a tile's whole core, ``(C, *spatial)``.
    """

    def __init__(self, plans: tuple[AxisPlan, ...], factors: tuple[int, ...], network: Callable[[Tile], Array]) -> None:
        self._plans, self._factors, self._network = plans, factors, network
        self._windows = [windows_of_axis(plan) for plan in plans]
        self._weights = [weights_of_axis(plan, factor) for plan, factor in zip(plans, factors, strict=True)]

    def runs(self, axis: int, span: tuple[int, int]) -> Iterator[tuple[Window, Array]]:
        """Yield the image in runs along `axis`, full along the others: the input window, and its output.

        Runs that have none of the input samples `span` along the axis are left out. One row of windows is held at a
        time, as float.
        """
        pending: Array | None = None
        starts = [max(start, 0) for start, _ in self._windows[axis]] + [self._plans[axis].length]
        for row, (low, high) in enumerate(pairwise(starts)):
            if self._windows[axis][row][1] <= span[0] or self._windows[axis][row][0] >= span[1]:
                pending = None
                continue
            total = self._row(axis, row)
            if pending is not None:
                total[_along(axis, 0, pending.shape[axis + 1])] += pending
            split = (high - low) * self._factors[axis]
            pending = total[_along(axis, split, None)]
            if max(low, span[0]) < min(high, span[1]):
                whole = Window.whole([plan.length for plan in self._plans])
                start, stop = list(whole.start), list(whole.stop)
                start[axis], stop[axis] = low, high
                yield Window(tuple(start), tuple(stop)), total[_along(axis, 0, split)]

    def _row(self, axis: int, row: int) -> Array:
        """Return the weighted sum of the windows of one row, from the row's first to its last output sample."""
        choices = [[row] if a == axis else range(len(w)) for a, w in enumerate(self._windows)]
        first, total = max(self._windows[axis][row][0], 0), None
        for indices in product(*choices):
            spans = [self._windows[a][i] for a, i in enumerate(indices)]
            tile = _tile(spans, self._plans)
            values = self._network(tile).astype(np.float32)
            for a, i in enumerate(indices):
                values *= self._weights[a][i].astype(np.float32).reshape(-1, *[1] * (len(indices) - a - 1))
            if total is None:
                shape = [plan.length * f for plan, f in zip(self._plans, self._factors, strict=True)]
                shape[axis] = values.shape[axis + 1]
                total = np.zeros((values.shape[0], *shape), np.float32)
            offset = [first if a == axis else 0 for a in range(len(indices))]
            place = tile.core.shifted([-o for o in offset]).upscaled(self._factors)
            total[(slice(None), *place.slices)] += values
        if total is None:
            raise ValueError("an image without samples has no windows")
        return total


def windows_of_axis(plan: AxisPlan) -> list[tuple[int, int]]:
    """Return the windows along an axis, all of one length, in samples of the padded image."""
    first, last = plan.padded
    size = min(round_up(plan.tile, plan.multiple), last - first)
    step = max(plan.multiple, size * 3 // 4 // plan.multiple * plan.multiple)
    starts = [*range(first, last - size, step), last - size]
    return [(start, start + size) for start in starts]


def weights_of_axis(plan: AxisPlan, factor: int) -> list[Array]:
    """Return the weights of each window on the output samples that it has inside the grid; they sum to 1 there."""
    total = np.zeros(plan.length * factor)
    raw = []
    for start, stop in windows_of_axis(plan):
        size = (stop - start) * factor
        bell = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
        low, high = max(start, 0) * factor, min(stop, plan.length) * factor
        inside = bell[low - start * factor : high - start * factor]
        total[low:high] += inside
        raw.append((low, high, inside))
    return [inside / total[low:high] for low, high, inside in raw]


def _tile(spans: list[tuple[int, int]], plans: tuple[AxisPlan, ...]) -> Tile:
    window = Window(tuple(a for a, _ in spans), tuple(b for _, b in spans))
    return Tile(window, window.intersection(Window.whole([plan.length for plan in plans])))


def _along(axis: int, start: int, stop: int | None) -> tuple[slice, ...]:
    return (*[slice(None)] * (axis + 1), slice(start, stop))
