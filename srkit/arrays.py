"""A source and a sink over an array, for formats that can be mapped or are small enough to be held in stored type."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from srkit.errors import InputError, OutputError
from srkit.grid import ROLES, Grid, Role, Slab, Window
from srkit.image import Array, Block, BoolArray, Channel, Encoding, OutputPlan


class ArraySource:
    """One frame of stored samples as a `Source`; plugins add what their sink needs by subclassing.

    Parameters
    ----------
    stored
        ``(C, *spatial)`` in the stored type, in grid axis order; a memory map stays on disk until it is read.
    grid
        Where the samples lie; pixel space by default.
    channels
        By default image channels named ``1`` to ``C``.
    encoding
        How the samples are stored; by default as they are.
    roles
        Role to grid axis; by default the axes are rows, columns and, if there is a third, slices.
    valid
        ``(C or 1, *spatial)``, True where a sample is real data; None where all are.
    """

    frames = 1

    def __init__(
        self,
        stored: Array,
        *,
        grid: Grid | None = None,
        channels: Sequence[Channel] = (),
        encoding: Encoding | None = None,
        roles: Mapping[Role, int] | None = None,
        valid: BoolArray | None = None,
    ) -> None:
        self.grid = grid or Grid.pixels(stored.shape[1:])
        self.channels = tuple(channels) or tuple(Channel(str(i + 1)) for i in range(stored.shape[0]))
        self.encoding = encoding or Encoding(stored.dtype)
        self.roles: Mapping[Role, int] = roles or {role: axis for axis, role in enumerate(ROLES[: self.grid.ndim])}
        self.fixed_axes: Mapping[int, str] = {}
        self.slab = Slab(0, 256)
        self.extent = Window.whole(self.grid.shape)
        self._stored: Array | None = stored
        self._valid = valid

    def read(self, window: Window, frame: int = 0) -> Block:
        """Return the samples of `window`."""
        if self._stored is None:
            raise InputError("a source that was closed cannot be read; open its item again")
        valid = None if self._valid is None else self._valid[:, *window.slices]
        return Block(self.encoding.decode(np.asarray(self._stored[:, *window.slices])), valid)

    def part(self, window: Window) -> Self:
        """Return the samples of `window` as a source of their own, which shares the array."""
        if self._stored is None:
            raise InputError("a source that was closed cannot be divided; open its item again")
        part = copy(self)
        part.grid = Grid.pixels(window.shape) if self.grid.is_pixel_space else self.grid.part(window)
        part.extent = Window.whole(window.shape)
        part._stored = self._stored[:, *window.slices]
        part._valid = None if self._valid is None else self._valid[:, *window.slices]
        return part

    def close(self) -> None:
        """Let go of the array."""
        self._stored = None


class ArraySink(ABC):
    """Gathers the one frame of an output in the stored type; subclasses say in `save` how it becomes a file."""

    lossless = True

    def __init__(self, target: Path, plan: OutputPlan) -> None:
        if plan.frames != 1:
            raise OutputError(f"{target}: this format holds one image, not {plan.frames}; write each frame on its own")
        self.slab = Slab(0, 256)
        self._target = target
        self._stored = np.zeros((len(plan.channels), *plan.grid.shape), plan.encoding.dtype)

    @abstractmethod
    def save(self, target: Path, stored: Array) -> None:
        """Write the whole output, ``(C, *spatial)`` in the stored type, to `target`."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def write(self, window: Window, frame: int, stored: Array, valid: BoolArray | None) -> None:
        """Keep one slab; validity is the business of formats that say so with nodata."""
        self._stored[:, *window.slices] = stored

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Save the output unless there was an error."""
        if error is None:
            self.save(self._target, self._stored)
