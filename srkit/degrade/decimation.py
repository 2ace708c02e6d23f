"""Filter and decimate one axis, centred: the arithmetic of every downscaling step in image space."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from srkit.degrade.step import per_channel


@dataclass(frozen=True, slots=True)
class Taps:
    """Weights of the HR samples ``factor * i + first ...`` in LR sample ``i``; one row for all channels, or one each.

    Rows sum to 1.
    """

    first: int
    rows: tuple[tuple[float, ...], ...]

    @property
    def last(self) -> int:
        """Index of the last weighed HR sample, counted as `first` is."""
        return self.first + len(self.rows[0]) - 1

    def margin(self, factor: int) -> int:
        """Return the HR samples needed beyond those that an LR sample covers, on the worse side."""
        return max(0, -self.first, self.last - (factor - 1))


def taps(kernels: Sequence[Callable[[float], float]], radius: float, factor: int) -> Taps:
    """Return the weights of `kernels` (functions of the distance in HR samples), one per channel or one for all.

    The kernel stands at the centre of the HR samples that an LR sample covers, ``(factor - 1) / 2``.
    """
    centre = (factor - 1) / 2
    first, last = math.ceil(centre - radius), math.floor(centre + radius)
    columns = [[kernel(j - centre) for kernel in kernels] for j in range(first, last + 1)]
    while not any(columns[0]) and not any(columns[-1]):  # where the kernel is 0 at its very radius
        columns, first = columns[1:-1], first + 1
    rows = zip(*columns, strict=True)
    return Taps(first, tuple(tuple(w / sum(row) for w in row) for row in rows))


def decimate(values: Tensor, axis: int, weights: Taps, factor: int) -> Tensor:
    """Return `values` filtered along `axis` and decimated by `factor`.

    Beyond the border there is nothing: the weights that are left are scaled to sum 1, as Pillow and torch do it.
    """
    length = values.shape[axis]
    if length % factor:
        raise ValueError(f"{length} samples along axis {axis} are no multiple of {factor}; crop them first")
    total = _weighted_sum(values, axis, weights, factor)
    if weights.margin(factor) == 0:
        return total
    line = [1] * values.ndim
    line[axis], line[1] = length, len(weights.rows)
    presence = torch.ones(line, dtype=values.dtype, device=values.device)
    return total / _weighted_sum(presence, axis, weights, factor)


def _weighted_sum(values: Tensor, axis: int, weights: Taps, factor: int) -> Tensor:
    """Sum shifted copies: exact in the values' own precision on every device, where convolutions may use TF32."""
    before, after = max(0, -weights.first), max(0, weights.last - (factor - 1))
    skip = max(0, weights.first)
    padded = F.pad(values, [0, 0] * (values.ndim - 1 - axis) + [before, after])
    stop = (values.shape[axis] // factor - 1) * factor + 1
    total = None
    for k, column in enumerate(zip(*weights.rows, strict=True)):
        piece = padded.narrow(axis, skip + k, stop)
        thinned = piece[(slice(None),) * axis + (slice(None, None, factor),)]
        term = thinned * (column[0] if len(column) == 1 else per_channel(column, values, "kernel"))
        total = term if total is None else total + term
    if total is None:
        raise ValueError("a filter without weights")
    return total
