"""Maps beside an output: where it disagrees with its input, departs from it, and is not sure of itself.

The residual is what consistency would add at first, ``U(LR - D(SR))``. The departure is ``|SR - U(LR)|`` in shares of
the range of LR as far as U looks; above 1 is detail that nothing in the input hints at. The spread is the standard
deviation of a self-ensemble (Timofte et al. 2016, eight-fold): the network on the image and its mirror images,
mirrored back.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from srkit.grid import Window
from srkit.image import Array, BoolArray, Channel, Encoding, OutputPlan, Source
from srkit.upscaling.enlarging.engine import Job, Step, read, run
from srkit.upscaling.enlarging.holding import sample_bytes
from srkit.upscaling.enlarging.stream import Piece, Stage, through
from srkit.upscaling.fidelity.consistency import both, of_channels
from srkit.upscaling.fidelity.contrast import contrast
from srkit.upscaling.fidelity.figures import only
from srkit.upscaling.fidelity.measurement import read_again
from srkit.upscaling.fidelity.observation import Observation
from srkit.upscaling.routing.memory import Beside

KINDS = ("residual", "departure", "spread")
SAME = 1e-3  # spacings that differ by a smaller share are equal


def map_plan(plan: OutputPlan, kind: str, images: Sequence[int]) -> OutputPlan:
    """Return the plan of a map of the output of `plan`: float32, NaN where nothing is known.

    Residual and spread are in the image's units.
    """
    channels = tuple(Channel(f"{kind} {plan.channels[i].name}") for i in images)
    marked = any(value is not None for value in (*plan.encoding.nodata, *plan.encoding.reserved))
    encoding = Encoding(np.dtype(np.float32), nodata=(math.nan,) * len(channels) if marked else ())
    methods = (kind,) * len(channels)
    made = replace(plan.provenance, methods=methods)
    return replace(plan, channels=channels, encoding=encoding, provenance=made, map_kind=kind)


def staged(output: Source, stage: Stage, axis: int) -> Iterator[Piece]:
    """Yield the map that `stage` makes of a finished `output`, ascending along `axis`."""
    yield from through(read_again(output, axis), stage.grid, [stage], axis)


class Residual:
    """A `Stage` on the output's grid: ``U(LR - D(SR))`` of the image channels, NaN on invalid samples."""

    def __init__(self, source: Source, observation: Observation, images: Sequence[int]) -> None:
        self.grid = source.grid.upscaled(observation.factors)
        self._source, self._observation, self._images = source, observation, list(images)

    def needs(self, window: Window) -> Window:
        """Return the samples of the output that those of `window` depend on."""
        seen, factors = self._observation, self._observation.factors
        return seen.around(window.downscaled(factors), seen.reach(1), self._source.grid).upscaled(factors)

    def apply(self, given: Piece, window: Window) -> Piece:
        """Return the map's samples in `window`."""
        lr = read(self._source, given.window.downscaled(self._observation.factors), given.frame)
        valid = of_channels(given.valid, self._images)
        seen, known = self._observation.degraded(given.values[self._images], valid)
        known = both(known, of_channels(lr.valid, self._images))
        difference = lr.values[self._images] - seen
        if known is not None:
            difference = np.where(known, difference, difference.dtype.type(0))
        values, _ = self._observation.interpolated(difference)
        return _map_piece(given.window, given.frame, values, valid).part(window)


class Departure:
    """A `Stage` on the output's grid: ``|SR - U(LR)| / (contrast of LR + least)`` of the image channels.

    `least` is one number per image channel, in its units, above 0: what a departure must be to count at all.
    """

    def __init__(self, source: Source, observation: Observation, images: Sequence[int], least: Sequence[float]) -> None:
        self.grid = source.grid.upscaled(observation.factors)
        self._source, self._observation, self._images = source, observation, list(images)
        self._least = np.array(least).reshape(-1, *[1] * source.grid.ndim)

    def needs(self, window: Window) -> Window:
        """Return the same samples, to whole samples of the input."""
        return window.downscaled(self._observation.factors).upscaled(self._observation.factors)

    def apply(self, given: Piece, window: Window) -> Piece:
        """Return the map's samples in `window`."""
        seen, factors, images = self._observation, self._observation.factors, self._images
        place = given.window.downscaled(factors)
        near = seen.around(place, seen.halo, self._source.grid)
        block = read(self._source, near, given.frame)
        lr, known = block.values[images], of_channels(block.valid, images)
        inner = place.relative_to(near)
        interpolated = seen.interpolated(lr, known)[0][(slice(None), *inner.upscaled(factors).slices)]
        around = contrast(lr, known, seen.halo)[(slice(None), *inner.slices)]
        share = np.where(np.isfinite(around), around, 0) + self._least
        for axis, factor in enumerate(factors, start=1):
            share = share.repeat(factor, axis=axis)
        valid = of_channels(given.valid, images)
        values = only(given.values[images], valid) - only(interpolated, valid)
        values = (np.abs(values) / share).astype(lr.dtype)
        return _map_piece(given.window, given.frame, values, valid).part(window)


def spread(job: Job, axis: int, step: Step | None = None) -> Iterator[Piece]:
    """Yield the map of the spread of the network's result over the members of its self-ensemble.

    The members are jobs that go through the same tiles side by side; `step` is told of those of one, as `run` tells.
    `job` has no stages; pieces ascend along `axis`.
    """
    fitted = job.fitted
    jobs = [replace(job, fitted=replace(fitted, generator=g)) for g in ensemble(job)]
    members = [run(member, outermost=axis, step=step if number == 0 else None) for number, member in enumerate(jobs)]
    pieces = [next(member) for member in members]
    while pieces:
        values = _deviation([piece.values[list(fitted.image_channels)] for piece in pieces])
        valid = of_channels(pieces[0].valid, fitted.image_channels)
        yield _map_piece(pieces[0].window, pieces[0].frame, values, valid)
        # from the last to the first: each has set torch's switches on top of the one before, and puts them back
        pieces = [piece for member in reversed(members) if (piece := next(member, None)) is not None]


def held_by_spread(job: Job) -> Beside:
    """Return what memory holds of the members: the results of all on a tile, and sums over them in float64."""
    samples = math.prod(job.fitted.factors) * len(job.source.channels)
    results = sample_bytes(job.source, samples) * len(ensemble(job))
    return Beside(per_sample=results + 4 * 8 * samples)


def _deviation(members: Sequence[Array]) -> Array:
    """Return the standard deviation over `members`, one after the other: the same bits for any shape."""
    mean = np.zeros(members[0].shape)
    for values in members:
        mean += values
    mean /= len(members)
    variance = np.zeros(members[0].shape)
    for values in members:
        variance += (values - mean) ** 2
    return np.sqrt(variance / len(members)).astype(members[0].dtype)


def ensemble(job: Job) -> list[nn.Module]:
    """Return the job's generator on all mirror images along its axes, and on transposed ones where they are alike."""
    axes, fitted = job.fitted.network_axes, job.fitted
    flips = [flipped for n in range(len(axes) + 1) for flipped in itertools.combinations(range(len(axes)), n)]
    orders = [tuple(range(len(axes)))]
    if len(axes) == 2:
        halo = fitted.halo or (0,) * job.source.grid.ndim
        spacing = job.source.grid.spacing
        a, b = axes
        alike = abs(spacing[a] / spacing[b] - 1) < SAME if spacing[b] > 0 else False
        if alike and fitted.factors[a] == fitted.factors[b] and halo[a] == halo[b]:
            orders.append((1, 0))
    return [Mirrored(fitted.generator, flipped, order) for order in orders for flipped in flips]


class Mirrored(nn.Module):
    """A generator on a mirror image, its result mirrored back. Axes are counted from the first spatial one."""

    def __init__(self, generator: nn.Module, flipped: tuple[int, ...], order: tuple[int, ...]) -> None:
        super().__init__()
        self.generator = generator
        self._flipped = [axis + 2 for axis in flipped]
        self._order = [0, 1, *(axis + 2 for axis in order)]

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range; an order of two axes is its own inverse."""
        sr: Tensor = self.generator(torch.flip(lr, self._flipped).permute(self._order).contiguous())
        return torch.flip(sr.permute(self._order), self._flipped)


def _map_piece(window: Window, frame: int, values: Array, valid: BoolArray | None) -> Piece:
    if valid is not None:
        values = np.where(valid, values, values.dtype.type(np.nan))
        valid = np.broadcast_to(valid, values.shape)
    return Piece(window, frame, values, valid)
