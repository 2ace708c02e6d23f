"""Planes in patient space (LPS, mm) and stacks of them. Positions are of pixel centres, as in DICOM.

Slices are ordered and spaced by ImagePositionPatient along the normal; nothing else is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

SAME_PLACE_MM = 0.01
UNEVEN_MM, UNEVEN_SHARE = 0.03, 0.01  # vendors print rounded positions
TILT_DEGREES = 0.5
PARALLEL = 1e-4
_MOST_MISSING = 10  # a wider hole says more than that slices are missing
MIN_SLICES = 4  # fewer cannot show that a stack is even


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One slice: centre of its first pixel, the directions in which its indices grow, and its spacings.

    Parameters
    ----------
    position
        ``(3,)`` ImagePositionPatient.
    across, down
        ``(3,)`` unit vectors along which the column index, the row index grows (ImageOrientationPatient).
    spacing
        Between rows, between columns, in mm (PixelSpacing).
    """

    position: FloatArray
    across: FloatArray
    down: FloatArray
    spacing: tuple[float, float]

    @property
    def normal(self) -> FloatArray:
        """Unit vector ``across x down``."""
        normal = np.cross(self.across, self.down)
        return normal / np.linalg.norm(normal)

    def resampled(self, old: tuple[int, int], new: tuple[int, int]) -> Plane:
        """Return the plane of `new` rows and columns over the same extent as `old`, edge to edge."""
        (rows, columns), (down_step, across_step) = self._factors(old, new), self.spacing
        position = (
            self.position
            + self.across * across_step * (1 / columns - 1) / 2
            + self.down * down_step * (1 / rows - 1) / 2
        )
        return replace(self, position=position, spacing=(down_step / rows, across_step / columns))

    @staticmethod
    def _factors(old: tuple[int, int], new: tuple[int, int]) -> tuple[float, float]:
        return new[0] / old[0], new[1] / old[1]

    def is_parallel(self, other: Plane) -> bool:
        """Tell whether rows and columns run the same way within 1e-3, at the same spacings within 1e-4 mm."""
        turned = max(np.abs(self.across - other.across).max(), np.abs(self.down - other.down).max())
        return bool(turned <= 1e-3 and np.allclose(self.spacing, other.spacing, rtol=0, atol=1e-4))


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Planes in ascending order along their normal.

    `step` is the mean vector from one to the next. `unscalable` says in words why there can be no slices in between;
    empty where there can. `even` is False where the planes do not lie at multiples of `step`.
    """

    planes: tuple[Plane, ...]
    step: FloatArray
    unscalable: str = ""
    even: bool = True

    @property
    def step_mm(self) -> float:
        """Distance from plane to plane along the normal."""
        return float(abs(self.step @ self.planes[0].normal))

    def affine(self) -> FloatArray:
        """Return the ``(4, 4)`` map from (slice, row, column) to LPS mm; at the mean step where uneven."""
        first = self.planes[0]
        affine = np.eye(4)
        affine[:3, 0] = self.step
        affine[:3, 1] = first.down * first.spacing[0]
        affine[:3, 2] = first.across * first.spacing[1]
        affine[:3, 3] = first.position
        return affine

    def plane(self, index: int, count: int) -> Plane:
        """Return plane `index` of the stack resampled to `count` planes, with unchanged rows and columns.

        With `count` unchanged each plane keeps its own position; otherwise they lie evenly along `step`.
        """
        if count == len(self.planes):
            return self.planes[index]
        place = self.place(index, count)
        return replace(self.planes[0], position=self.planes[0].position + self.step * place)

    def place(self, index: int, count: int) -> float:
        """Return where plane `index` of `count` lies, as a fractional index of this stack's planes."""
        factor = count / len(self.planes)
        return index / factor + (1 / factor - 1) / 2


def depths(planes: Sequence[Plane]) -> FloatArray:
    """Return the distance of each plane from the origin along the first one's normal."""
    normal = planes[0].normal
    return np.array([normal @ plane.position for plane in planes])


def stack_of(planes: Sequence[Plane], slab_mm: float) -> Stack:
    """Return the stack of `planes`, sorted already; `slab_mm` stands in for the step of a single one."""
    first, last = planes[0], planes[-1]
    if len(planes) == 1:
        return Stack((first,), first.normal * (slab_mm or 1.0), "the series has a single slice")
    step = (last.position - first.position) / (len(planes) - 1)
    uneven = _unevenness(planes, step)
    unscalable = uneven or _tilt(first, step) or _fanning(planes) or _scarcity(planes)
    return Stack(tuple(planes), step, unscalable, not uneven)


def _unevenness(planes: Sequence[Plane], step: FloatArray) -> str:
    tolerance = max(UNEVEN_MM, UNEVEN_SHARE * float(np.linalg.norm(step)))
    if _deviation(planes, step) <= tolerance:
        return ""
    gaps = np.diff(depths(planes))
    holes = holes_of(planes)
    if any(holes):
        after = next(k for k, hole in enumerate(holes, start=1) if hole)
        return f"slices are missing: {sum(holes)} of them, the first after slice {after}"
    return f"the slices lie unevenly: {gaps.min():.2f} to {gaps.max():.2f} mm apart"


def holes_of(planes: Sequence[Plane]) -> list[int]:
    """Return how many planes are missing after each but the last: none where steps are no multiples of the smallest."""
    gaps = np.diff(depths(planes))
    ratios = gaps / gaps.min(initial=np.inf)
    whole = np.rint(ratios)
    is_known = np.all(whole <= _MOST_MISSING) and np.all(np.abs(ratios - whole) <= 0.02 * whole)
    return [int(steps) - 1 if is_known else 0 for steps in whole]


def _deviation(planes: Sequence[Plane], step: FloatArray) -> float:
    """Return how far positions lie from even ones in mm: from those between the ends, or on the best line if closer.

    Ends rounded to 0.1 mm tilt the line between them, and inner slices would seem uneven.
    """
    positions = np.array([plane.position for plane in planes])
    count = np.arange(len(planes))[:, None]
    between_ends = positions - (positions[0] + count * step)
    line = np.polynomial.polynomial.polyfit(count[:, 0], positions, 1)
    on_best_line = positions - (line[0] + count * line[1])
    return float(min(np.linalg.norm(d, axis=1).max() for d in (between_ends, on_best_line)))


def _tilt(plane: Plane, step: FloatArray) -> str:
    cosine = abs(float(step @ plane.normal)) / float(np.linalg.norm(step))
    angle = float(np.degrees(np.arccos(min(1.0, cosine))))
    return f"the slices are stacked at a tilt of {angle:.1f} degrees" if angle > TILT_DEGREES else ""


def _fanning(planes: Sequence[Plane]) -> str:
    turned = max(max(np.abs(p.across - planes[0].across).max(), np.abs(p.down - planes[0].down).max()) for p in planes)
    return "the slices are not parallel" if turned > PARALLEL else ""


def _scarcity(planes: Sequence[Plane]) -> str:
    too_few = len(planes) < MIN_SLICES
    return f"the series has {len(planes)} slices, and {MIN_SLICES} are needed to trust their spacing" * too_few
