"""Where samples lie. The only place that computes a geometry.

An index is the *centre* of a sample: sample ``i`` covers ``[i - 1/2, i + 1/2]`` on its axis.
Formats that speak of corners (GDAL) are converted once, at their plugin's door.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from srkit.errors import UsageError

Role = Literal["row", "column", "slice"]
ROLES: tuple[Role, ...] = get_args(Role)
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Window:
    """A box of sample indices, half-open, in grid axis order; may reach outside of a grid."""

    start: tuple[int, ...]
    stop: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.start) != len(self.stop):
            raise ValueError(f"window of {len(self.start)} starts and {len(self.stop)} stops")

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Self:
        """Return the window that covers an array of `shape`."""
        return cls((0,) * len(shape), tuple(int(n) for n in shape))

    @classmethod
    def from_slices(cls, slices: Sequence[slice]) -> Self:
        """Return the window of plain slices (no step, no open end)."""
        return cls(tuple(int(s.start) for s in slices), tuple(int(s.stop) for s in slices))

    @property
    def shape(self) -> tuple[int, ...]:
        """Length per axis, never negative."""
        return tuple(max(0, b - a) for a, b in zip(self.start, self.stop, strict=True))

    @property
    def size(self) -> int:
        """Number of samples."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def slices(self) -> tuple[slice, ...]:
        """Slices for an array whose first sample is index 0; only for windows with no negative start."""
        if min(self.start, default=0) < 0:
            raise ValueError(f"window {self} starts before the array")
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True))

    def shifted(self, offset: Sequence[int]) -> Self:
        """Return the window moved by `offset` samples."""
        return replace(
            self,
            start=tuple(a + o for a, o in zip(self.start, offset, strict=True)),
            stop=tuple(b + o for b, o in zip(self.stop, offset, strict=True)),
        )

    def relative_to(self, outer: Window) -> Self:
        """Return the same samples counted from the start of `outer`."""
        return self.shifted(tuple(-a for a in outer.start))

    def padded(self, margin: Sequence[int]) -> Self:
        """Return the window grown by `margin` samples on both sides of each axis."""
        return replace(
            self,
            start=tuple(a - m for a, m in zip(self.start, margin, strict=True)),
            stop=tuple(b + m for b, m in zip(self.stop, margin, strict=True)),
        )

    def intersection(self, other: Window) -> Self:
        """Return the common part, with shape 0 on an axis where there is none."""
        start = tuple(max(a, b) for a, b in zip(self.start, other.start, strict=True))
        stop = tuple(min(a, b) for a, b in zip(self.stop, other.stop, strict=True))
        return replace(self, start=start, stop=tuple(max(a, b) for a, b in zip(start, stop, strict=True)))

    def contains(self, other: Window) -> bool:
        """Tell whether every sample of `other` lies inside."""
        return all(a <= b for a, b in zip(self.start, other.start, strict=True)) and all(
            a >= b for a, b in zip(self.stop, other.stop, strict=True)
        )

    def upscaled(self, scale: Sequence[int]) -> Self:
        """Return the window of the samples that these become on the grid upscaled by `scale`."""
        return replace(
            self,
            start=tuple(a * s for a, s in zip(self.start, scale, strict=True)),
            stop=tuple(b * s for b, s in zip(self.stop, scale, strict=True)),
        )

    def downscaled(self, scale: Sequence[int]) -> Self:
        """Return the smallest window that becomes at least this one when upscaled by `scale`."""
        return replace(
            self,
            start=tuple(a // s for a, s in zip(self.start, scale, strict=True)),
            stop=tuple(-(-b // s) for b, s in zip(self.stop, scale, strict=True)),
        )


@dataclass(frozen=True, slots=True)
class Slab:
    """The piece that a format likes to be read or written in: a run of `size` samples along `axis`.

    A slab has the full length of every other axis. File order is ascending along `axis`.
    """

    axis: int
    size: int

    def windows(self, shape: Sequence[int]) -> Iterator[Window]:
        """Yield the slabs of an array of `shape` in file order; the last one may be shorter."""
        whole = Window.whole(shape)
        for first in range(0, shape[self.axis], self.size):
            start, stop = list(whole.start), list(whole.stop)
            start[self.axis], stop[self.axis] = first, min(first + self.size, shape[self.axis])
            yield Window(tuple(start), tuple(stop))


@dataclass(frozen=True, slots=True)
class Scale:
    """Integer factor per role. `Scale(slice=4)` sharpens along the slice axis alone."""

    row: int = 1
    column: int = 1
    slice: int = 1

    def __post_init__(self) -> None:
        for role in ROLES:
            factor = getattr(self, role)
            if isinstance(factor, bool) or not isinstance(factor, int) or factor < 1:
                raise UsageError(f"scale {factor!r} along {role} is not a whole number of at least 1")

    @classmethod
    def parse(cls, text: str | int | Sequence[int]) -> Self:
        """Read `2` (rows and columns) or `1,1,4` (rows, columns, slices), or `2,2` (rows, columns).

        Raises UsageError for anything else.
        """
        parts = [str(text)] if isinstance(text, int) else text.split(",") if isinstance(text, str) else list(text)
        try:
            factors = [int(part) for part in parts]
        except ValueError:
            factors = []
        if len(factors) == 1:
            return cls(factors[0], factors[0])
        if len(factors) in (2, 3):
            return cls(*factors)
        raise UsageError(
            f"scale {text!r} is not understood; give one whole number for rows and columns (2), "
            "or one each for rows, columns and slices (1,1,4)"
        )

    @property
    def factors(self) -> tuple[int, int, int]:
        """Factors of rows, columns and slices."""
        return (self.row, self.column, self.slice)

    def of(self, role: Role) -> int:
        """Return the factor of `role`."""
        return int(getattr(self, role))

    def per_axis(self, roles: Mapping[Role, int], ndim: int) -> tuple[int, ...]:
        """Return one factor per grid axis, 1 for axes without a role.

        Raises UsageError where a factor above 1 has no axis to act on.
        """
        factors = [1] * ndim
        for role in ROLES:
            if role in roles:
                factors[roles[role]] = self.of(role)
            elif self.of(role) != 1:
                raise UsageError(f"scale {self} asks for {role}s, but the image has no {role} axis")
        return tuple(factors)

    def __str__(self) -> str:
        """Return the form that `parse` reads: `2`, or `1,1,4`."""
        if self.row == self.column and self.slice == 1:
            return str(self.row)
        return ",".join(str(f) for f in self.factors)


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """Where samples lie: `affine` maps the index of a sample's centre to world units of `reference`.

    Parameters
    ----------
    shape
        Samples per axis, in the axis order of the arrays that live on the grid.
    affine
        ``(n + 1, n + 1)`` for raster-like grids whose world has as many axes as the grid, or ``(m + 1, n + 1)``
        where the world has more (a 2-D slice in space); float64, read-only, last row ``0 … 0 1``.
    reference
        Name of the world: a CRS as WKT, a frame of reference UID, ``"RAS"``; None for pixel space.
    """

    shape: tuple[int, ...]
    affine: FloatArray
    reference: str | None = None

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.ndim != 2 or affine.shape[1] != len(self.shape) + 1:
            raise ValueError(f"an affine of shape {affine.shape} does not fit a grid of {len(self.shape)} axes")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @classmethod
    def pixels(cls, shape: Sequence[int]) -> Self:
        """Return a grid in pixel space: world units are the indices themselves."""
        return cls(tuple(shape), np.eye(len(shape) + 1))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def is_pixel_space(self) -> bool:
        """Whether world units are the indices themselves: a file that says nothing of where it lies."""
        return self.reference is None and bool(np.array_equal(self.affine, np.eye(self.ndim + 1)))

    @property
    def spacing(self) -> tuple[float, ...]:
        """World units per sample along each axis: the column norms of the affine."""
        return tuple(float(x) for x in np.linalg.norm(self.affine[:-1, :-1], axis=0))

    def world(self, index: npt.ArrayLike) -> FloatArray:
        """Return the world position of (fractional) indices, last axis = grid axes."""
        points = np.asarray(index, dtype=np.float64)
        return points @ self.affine[:-1, :-1].T + self.affine[:-1, -1]

    def corners(self) -> FloatArray:
        """Return the world positions of the outer corners, one a row, in binary order of the axes."""
        edges = [(-0.5, n - 0.5) for n in self.shape]
        return self.world(np.array(list(product(*edges))))

    def upscaled(self, scale: Sequence[int]) -> Grid:
        """Return the grid with `scale` times the samples over the same extent, corners aligned."""
        return self.resampled(tuple(n * s for n, s in zip(self.shape, scale, strict=True)))

    def resampled(self, shape: Sequence[int]) -> Grid:
        """Return the grid with `shape` samples over the same extent, edge to edge.

        Index ``i'`` of the new grid lies at ``i'/s + (1/s - 1)/2`` of this one, ``s = n'/n``.
        """
        step = np.eye(self.ndim + 1)
        for axis, (old, new) in enumerate(zip(self.shape, shape, strict=True)):
            step[axis, axis] = old / new
            step[axis, -1] = (old / new - 1) / 2
        return Grid(tuple(shape), self.affine @ step, self.reference)

    def part(self, window: Window) -> Grid:
        """Return the grid of the samples in `window`."""
        step = np.eye(self.ndim + 1)
        step[:-1, -1] = window.start
        return Grid(window.shape, self.affine @ step, self.reference)

    def distance(self, other: Grid) -> float:
        """Return how far corners of `other` lie from ours, in our samples; infinite if shapes differ."""
        if self.shape != other.shape or self.affine.shape != other.affine.shape:
            return float("inf")
        if not np.isfinite(self.affine).all() or not np.isfinite(other.affine).all():
            return float("inf")
        inverse = np.linalg.pinv(self.affine[:-1, :-1])
        return float(np.abs((other.corners() - self.corners()) @ inverse.T).max())

    def __eq__(self, other: object) -> bool:
        """Equal shapes and references, corners within 1e-6 of a sample."""
        if not isinstance(other, Grid):
            return NotImplemented
        return self.reference == other.reference and self.distance(other) <= 1e-6

    __hash__ = None  # type: ignore[assignment]  # equality has a tolerance, so no hash can agree with it


def scale_between(before: Sequence[int], after: Sequence[int]) -> tuple[int | Fraction, ...]:
    """Return how many samples of `after` there are for each of `before`, per axis: exact, an int where that is one."""
    ratios = [Fraction(int(b), int(a)) for a, b in zip(before, after, strict=True)]
    return tuple(int(ratio) if ratio.denominator == 1 else ratio for ratio in ratios)


def index_map(a: Grid, b: Grid) -> FloatArray:
    """Return the ``(n + 1, n + 1)`` matrix from indices of `a` to indices of `b` at the same world position.

    Ground control points, RPC offsets and slice positions move by it.
    """
    matrix = np.eye(a.ndim + 1)
    inverse = np.linalg.pinv(b.affine[:-1, :-1])
    matrix[:-1, :-1] = inverse @ a.affine[:-1, :-1]
    matrix[:-1, -1] = inverse @ (a.affine[:-1, -1] - b.affine[:-1, -1])
    return matrix
