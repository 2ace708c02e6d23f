"""Which part of an item is wanted: a window of its samples, or a box in its world, snapped outwards to samples."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np

from srkit.domain import Finding, Item
from srkit.errors import UsageError
from srkit.grid import ROLES, Role, Window
from srkit.image import DivisibleSource, Source

SNAP = 1e-6  # of a sample: a box that ends this near an edge ends there
SPAN = re.compile(r"(-?\d*):(-?\d*)")


@dataclass(frozen=True, slots=True)
class Region:
    """What a user wants of an item.

    Parameters
    ----------
    spans
        Start and stop in samples of the input, for rows, columns and slices, in this order; None where left open.
    box
        Lowest and highest world coordinates, ``(x0, y0, x1, y1)`` or with z, in units of the grid's reference; None
        where `spans` are meant.
    """

    spans: tuple[tuple[int | None, int | None], ...] = ()
    box: tuple[float, ...] | None = None

    @classmethod
    def asked(cls, window: str | None = None, bbox: str | Sequence[float] | None = None) -> Self | None:
        """Return what is asked for with ``"0:512,100:300"`` or ``"7.5,46.1,7.9,46.4"``; None where both are None.

        Raises UsageError for what is neither, or for both at once.
        """
        if window is not None and bbox is not None:
            raise UsageError("a window and a box are two ways to say the same; give one of them")
        if window is not None:
            return cls(_spans(window))
        return None if bbox is None else cls(box=_box(bbox))

    @classmethod
    def of_window(cls, window: Window, roles: Mapping[Role, int]) -> Self:
        """Return the region that a window is, whose axes have these `roles`."""
        return cls(tuple((window.start[roles[role]], window.stop[roles[role]]) for role in ROLES if role in roles))

    def window_on(self, source: Source) -> Window:
        """Return the samples of `source` that are meant. Raises UsageError where there are none."""
        if self.box is not None:
            return _window_of_box(self.box, source)
        start, stop = [0] * source.grid.ndim, list(source.grid.shape)
        for role, (first, last) in zip(ROLES, self.spans, strict=False):
            if role not in source.roles:
                raise UsageError(
                    f"the window names {role}s, but the image has none; give rows and columns: 0:512,0:512"
                )
            axis = source.roles[role]
            low, high = 0 if first is None else first, stop[axis] if last is None else last
            if not 0 <= low < high <= stop[axis]:
                raise UsageError(f"the window's {role}s {low}:{high} are not inside of 0:{stop[axis]}")
            start[axis], stop[axis] = low, high
        return Window(tuple(start), tuple(stop))

    def told(self, window: Window, source: Source) -> Finding:
        """Return in words what was taken."""
        spans = [
            f"{role}s {window.start[axis]}:{window.stop[axis]}"
            for role in ROLES
            if (axis := source.roles.get(role)) is not None
        ]
        text = f"takes {', '.join(spans)} of the input"
        if self.box is not None:
            corners = source.grid.part(window).corners()
            low, high = (_numbers(corners.min(axis=0)), _numbers(corners.max(axis=0)))
            text += f": whole samples, from {low} to {high}, around the box {_numbers(self.box)}"
        return Finding("info", text, "G12")


def cut(item: Item, source: Source, window: Window) -> Source:
    """Return the part of `source` that `window` is, or the source itself where that is all of it.

    Raises UsageError where items of this kind cannot be cut.
    """
    if window == Window.whole(source.grid.shape):
        return source
    if not isinstance(source, DivisibleSource):
        raise UsageError(f"{item.path}: items of this kind cannot be cut to a window; leave --window or --bbox out")
    return source.part(window)


def _spans(text: str) -> tuple[tuple[int | None, int | None], ...]:
    parts = text.split(",")
    found = [SPAN.fullmatch(part.strip()) for part in parts]
    spans = tuple((_index(match[1]), _index(match[2])) for match in found if match is not None)
    if len(spans) != len(parts) or len(spans) not in (2, 3):
        raise UsageError(
            f"window {text!r} is not understood; give START:STOP in samples of the input for rows, columns and, "
            f"in volumes, slices, for instance 100:356,200:456{_translated(parts)}"
        )
    return spans


def _translated(parts: Sequence[str]) -> str:
    """Return a hint for those who gave GDAL's four numbers: column, row, width, height."""
    if len(parts) != 4 or not all(part.strip().isdigit() for part in parts):
        return ""
    column, row, width, height = map(int, parts)
    return f" (gdal_translate's -srcwin {' '.join(parts)} is {row}:{row + height},{column}:{column + width})"


def _index(text: str) -> int | None:
    return int(text) if text else None


def _box(given: str | Sequence[float]) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in (given.split(",") if isinstance(given, str) else given))
    except ValueError:
        numbers = ()
    half = len(numbers) // 2
    if len(numbers) not in (4, 6) or any(not a < b for a, b in zip(numbers[:half], numbers[half:], strict=False)):
        raise UsageError(
            f"box {given!r} is not understood; give XMIN,YMIN,XMAX,YMAX in the raster's own CRS "
            "(or XMIN,YMIN,ZMIN,XMAX,YMAX,ZMAX in the space of a volume)"
        )
    return numbers


def _window_of_box(box: Sequence[float], source: Source) -> Window:
    grid, half = source.grid, len(box) // 2
    if grid.is_pixel_space:
        raise UsageError("the image does not say where it lies, so a box means nothing; give --window in samples")
    if grid.affine.shape[0] - 1 != half:
        raise UsageError(f"the box has {half} axes, the image's world {grid.affine.shape[0] - 1}; give as many")
    corners = np.array(list(product(*zip(box[:half], box[half:], strict=True))))
    inverse = np.linalg.pinv(grid.affine[:-1, :-1])
    index = (corners - grid.affine[:-1, -1]) @ inverse.T + 0.5
    start = np.floor(index.min(axis=0) + SNAP).astype(int)
    stop = np.ceil(index.max(axis=0) - SNAP).astype(int)
    window = Window(tuple(map(int, start)), tuple(map(int, stop))).intersection(Window.whole(grid.shape))
    if not window.size:
        low, high = grid.corners().min(axis=0), grid.corners().max(axis=0)
        raise UsageError(f"the box {_numbers(box)} is outside of the image, from {_numbers(low)} to {_numbers(high)}")
    return window


def _numbers(values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    return "(" + ", ".join(f"{float(value):.10g}" for value in values) + ")"
