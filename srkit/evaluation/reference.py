"""The pair that an evaluation compares on: HR as the file has it, and LR made from it as a file would hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from srkit import degrade
from srkit import plugins as verbs
from srkit.arrays import ArraySource
from srkit.data.acquisition import fitted_degradation
from srkit.data.filling import fill_invalid
from srkit.data.ranges import RANGE_NOTE, data_range_of
from srkit.data.view import View, chosen_channels
from srkit.domain import Degradation
from srkit.errors import InputError
from srkit.grid import Role, Scale, Window
from srkit.image import Array, Block, BoolArray, Encoding, Source
from srkit.plugins import Plugins

LIMIT_SAMPLES = 2**29
"""Samples of an item beyond which it is not evaluated: HR is held whole as float, with a few arrays of its size."""


@dataclass(frozen=True, eq=False, slots=True)
class Reference:
    """HR ``(C, *grid axes)`` in stored units, its validity, and a source of the LR; image channels only.

    `drawn` holds the steps that made LR where some of them were drawn for it. `data_range` is what PSNR and SSIM refer
    to, `range_note` how it came about. `seen` is how LR comes from HR without noise: ``(C, *grid axes)`` to the same.
    `axes` are the grid's axes in the order slice, row, column.
    """

    hr: Array
    valid: BoolArray | None
    lr: Source
    encoding: Encoding
    data_range: float
    range_note: str
    seen: Callable[[Array], Array]
    axes: tuple[int, ...]
    drawn: tuple[Mapping[str, Any], ...] = ()

    def oriented(self, values: Array) -> Array:
        """Return ``(C, *grid axes)`` seen as ``(C, [slice,] row, column)``: metrics know no file's order of axes."""
        return values.transpose(0, *(axis + 1 for axis in self.axes))

    def as_stored(self, values: Array) -> Array:
        """Return values as they are after being written and read: rounded and clipped as the file's type wants."""
        return self.encoding.decode(self.encoding.encode(values, self.valid))


def make_reference(
    plugins: Plugins,
    source: Source,
    *,
    domain: str,
    scale: Scale,
    degradation: Sequence[Mapping[str, Any]] | None,
    seed: int = 0,
) -> Reference:
    """Return the pair of frame 0, HR cropped at its end to a multiple of `scale`; `seed` is that of all randomness.

    Raises InputError where the item is too large, too small, or may not be scaled so.
    """
    roles = tuple(role for role in ("slice", "row", "column") if role in source.roles)
    view = View.of(source, cast(tuple[Role, ...], roles), scale)
    factors = view.grid_scale(source.grid.ndim)
    window = _cropped(source, factors)
    block = view.pick(source.read(window, 0))
    generator = torch.Generator().manual_seed(seed)
    steps = verbs.degradation(plugins, domain, degradation, source, scale)
    steps = fitted_degradation(plugins, domain, steps, chosen_channels(source, view.channels))
    made = degrade.settled(steps, generator)  # once for the item: its slices went through one camera
    filled = block.values if block.valid is None else fill_invalid(block.values, block.valid)
    lr = _Degrading(view, cast(tuple[Role, ...], roles), made, generator).apply(filled)
    seen = _Degrading(view, cast(tuple[Role, ...], roles), made, None).apply
    encoding = _of_images(source.encoding, view)
    lr_source = _lr_source(source, view, window, Block(lr, _downscaled(block.valid, factors)), encoding)
    drawn = tuple({"name": step.name, **step.parameters} for step in made.steps) if made is not steps else ()
    data_range, note = _range(plugins, domain, block, encoding)
    return Reference(block.values, block.valid, lr_source, encoding, data_range, note, seen, view.axes, drawn)


def _range(plugins: Plugins, domain: str, hr: Block, encoding: Encoding) -> tuple[float, str]:
    own = verbs.data_range(plugins, domain, hr.values, hr.valid)
    return own or (data_range_of(hr.values, hr.valid, encoding), RANGE_NOTE)


def _cropped(source: Source, factors: tuple[int, ...]) -> Window:
    stop = tuple(n // s * s for n, s in zip(source.grid.shape, factors, strict=True))
    window = Window((0,) * len(stop), stop)
    if window.size == 0:
        raise InputError(f"is smaller than one LR sample at this scale: {source.grid.shape} samples")
    if window.size * len(source.channels) > LIMIT_SAMPLES:
        raise InputError(
            f"has {window.size * len(source.channels):,} samples, more than the {LIMIT_SAMPLES:,} that are evaluated "
            "at once; evaluate a part of it"
        )
    return window


@dataclass(frozen=True, slots=True)
class _Degrading:
    """The degradation of a whole item: plane by plane where slices keep their number, else as a volume."""

    view: View
    roles: tuple[Role, ...]
    steps: Degradation
    generator: torch.Generator | None

    def apply(self, hr: Array) -> Array:
        """Return LR ``(C, *grid axes)`` of HR."""
        by_plane = len(self.roles) == 3 and self.view.scale[0] == 1
        network = self.view.to_network(hr)
        with torch.inference_mode():
            if by_plane:
                planes = [self._piece(network[:, i], first=1) for i in range(network.shape[1])]
                lr = np.stack(planes, axis=1)
            else:
                lr = self._piece(network, first=0)
        order = (0, *(axis + 1 for axis in np.argsort(self.view.axes)))
        return np.ascontiguousarray(lr.transpose(order))

    def _piece(self, hr: Array, first: int) -> Array:
        lr = degrade.apply(
            torch.from_numpy(np.array(hr))[None],
            self.steps,
            self.view.scale[first:],
            self.generator,
            roles=self.roles[first:],
            grid_axes=self.view.axes[first:],
        )
        result: Array = lr[0].numpy()
        return result


def _downscaled(valid: BoolArray | None, factors: tuple[int, ...]) -> BoolArray | None:
    """Return which LR samples cover valid HR samples only."""
    if valid is None:
        return None
    for axis, factor in enumerate(factors, start=1):
        shape = (*valid.shape[:axis], valid.shape[axis] // factor, factor, *valid.shape[axis + 1 :])
        valid = np.asarray(valid.reshape(shape).all(axis=axis + 1))
    return valid


def _of_images(encoding: Encoding, view: View) -> Encoding:
    """Return how the image channels are stored; nodata is said by validity here."""
    return encoding.of_channels(view.channels)


def _lr_source(source: Source, view: View, window: Window, lr: Block, encoding: Encoding) -> Source:
    stored = encoding.encode(lr.values, lr.valid)
    grid = source.grid.part(window).resampled(stored.shape[1:])
    channels = [source.channels[i] for i in view.channels]
    return cast(
        Source,
        ArraySource(stored, grid=grid, channels=channels, encoding=encoding, roles=source.roles, valid=lr.valid),
    )
