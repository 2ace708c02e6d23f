"""The eight flips and rotations of a plane, and the flip along slices, applied to LR and HR alike.

They come after the degradation: its steps are edge-aligned, so they commute with flips, and a swap is only used
where spacing and scale agree. That way a slice that was degraded whole (k-space) serves all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from srkit.data.view import View
from srkit.grid import Grid, Role
from srkit.image import Array

SPACING_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Symmetry:
    """One symmetry of a patch in network axis order: flips per axis, then a swap of two axes or None."""

    flips: tuple[bool, ...]
    swap: tuple[int, int] | None = None

    def apply(self, array: Array) -> Array:
        """Return ``(C, *spatial)`` moved."""
        flipped = array[(slice(None), *(slice(None, None, -1 if flip else 1) for flip in self.flips))]
        if self.swap is None:
            return flipped
        return flipped.swapaxes(self.swap[0] + 1, self.swap[1] + 1)


def draw_symmetry(rng: np.random.Generator, ndim: int, swap: tuple[int, int] | None) -> Symmetry:
    """Return one of the symmetries, each as likely as the others; `swap` names the axes that may be swapped."""
    flips = tuple(bool(flip) for flip in rng.integers(0, 2, ndim))
    swapped = bool(rng.integers(0, 2))
    return Symmetry(flips, swap if swapped else None)


def swappable_axes(view: View, grid: Grid, roles: tuple[Role, ...], patch: tuple[int, ...]) -> tuple[int, int] | None:
    """Return the network axes of rows and columns if they may be swapped: equal spacing, scale and patch size."""
    if "row" not in roles or "column" not in roles:
        return None
    row, column = roles.index("row"), roles.index("column")
    a, b = (grid.spacing[view.axes[axis]] for axis in (row, column))
    equal_spacing = abs(a - b) <= SPACING_TOLERANCE * max(a, b)
    if equal_spacing and view.scale[row] == view.scale[column] and patch[row] == patch[column]:
        return row, column
    return None
