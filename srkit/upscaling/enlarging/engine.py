"""Enlarges a source tile by tile: read, fill, normalise, network, denormalise, crop. Nothing is ever whole as float.

Exact: the same route gives the same bits in any order; tiles equal the whole image up to float rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from srkit.data.view import chosen_channels
from srkit.errors import InputError, NetworkOutputError
from srkit.grid import Grid, Scale, Window
from srkit.image import Array, Block, BoolArray, Normalizer, Source
from srkit.networks.interpolation import Interpolation
from srkit.plugins import Plugins, normalizer
from srkit.upscaling.enlarging.blending import Blend
from srkit.upscaling.enlarging.fill import fill
from srkit.upscaling.enlarging.holding import held_by_stages, sample_bytes
from srkit.upscaling.enlarging.resampling import Resampling
from srkit.upscaling.enlarging.stream import Piece, Stage, first_needed, through
from srkit.upscaling.planning.enlarger import Enlarger
from srkit.upscaling.planning.plan import INTERPOLATION_HALO, Fit, fit
from srkit.upscaling.planning.tiles import Asked, AxisPlan, Tile, count_tiles, iterate_tiles, mirrored
from srkit.upscaling.routing.memory import Beside, noticing_exhaustion
from srkit.upscaling.routing.route import Route, Wishes, choose_route
from srkit.upscaling.routing.tail import enlarged_core

Step = Callable[[int, int, Window], None]
"""Told of each finished tile: how many are done, how many there are, and which samples of the network's grid it was."""
Mapped = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
Indices = np.ndarray[tuple[int], np.dtype[np.intp]]


@dataclass(frozen=True, eq=False, slots=True)
class Job:
    """All that is needed to enlarge one source; made by `prepare`.

    `stages` come after the network, in their order. `part` is what is wanted of the source's grid, None for all of it;
    tiles are those of the whole all the same, so that a part has the samples of the whole, bit by bit. `mapped` runs
    the network's share of the work, as the builtin `map` does, perhaps on another thread.
    """

    source: Source
    fitted: Fit
    route: Route
    normalizer: Normalizer | None
    stages: tuple[Stage, ...] = ()
    part: Window | None = None
    mapped: Mapped = map

    @property
    def network_grid(self) -> Grid:
        """Where the network's samples lie."""
        return self.source.grid.upscaled(self.fitted.factors)

    @property
    def grid(self) -> Grid:
        """Where the output's samples lie."""
        return self.stages[-1].grid if self.stages else self.network_grid

    @property
    def axes(self) -> tuple[AxisPlan, ...]:
        """How each grid axis is cut."""
        return tuple(self._axis(axis) for axis in range(self.source.grid.ndim))

    def _axis(self, axis: int) -> AxisPlan:
        length, extent, fitted = self.source.grid.shape[axis], self.source.extent, self.fitted
        halo = 0 if fitted.halo is None else fitted.halo[axis]
        reach = halo + fitted.fill_steps if axis in fitted.fill_axes and fitted.halo is not None else 0
        served = (max(extent.start[axis], -reach), min(extent.stop[axis], length + reach))
        tile, border = self.route.tile[axis], fitted.border[axis]
        return AxisPlan(length, served, tile, halo, border, fitted.multiple[axis])


def prepare(
    plugins: Plugins,
    source: Source,
    enlarger: Enlarger,
    *,
    domain: str,
    wishes: Wishes | None = None,
    shape: tuple[int, ...] | None = None,
) -> Job:
    """Fit `enlarger` to `source`, choose the route, and take the item's statistics.

    An output of `shape` is resampled from what the enlarger makes, unless that has this shape already.
    Raises ModelError, InputError or UsageError where they do not fit.
    """
    fitted = fit(enlarger, source)
    baseline = enlarger.generator is None
    route = choose_route(fitted, source, baseline=baseline, wishes=wishes, deviation=enlarger.deviation)
    spec = enlarger.normalizer
    seen = chosen_channels(source, fitted.image_channels)
    found = None if spec is None or not fitted.image_channels else normalizer(plugins, domain, spec, seen)
    job = Job(source, fitted, route, found)
    if shape is None or shape == job.network_grid.shape:
        return job
    stage = Resampling(job.network_grid, source.grid.resampled(shape), source.channels)
    return with_room(replace(job, stages=(stage,)), enlarger, wishes)


def with_room(job: Job, enlarger: Enlarger, wishes: Wishes | None, beside: Beside = Beside()) -> Job:  # noqa: B008
    """Return the job on tiles that leave room in memory for its stages, and for what is held `beside` them."""
    source, axis = job.source, job.source.slab.axis
    sample = sample_bytes(source, len(source.channels))
    held = held_by_stages(job.network_grid, job.stages, axis, sample, source.grid.shape[axis])
    route = choose_route(
        job.fitted,
        source,
        baseline=enlarger.generator is None,
        wishes=wishes,
        deviation=enlarger.deviation,
        beside=held + beside,
    )
    return replace(job, route=route)


def enlarge(
    plugins: Plugins,
    source: Source,
    enlarger: Enlarger,
    scale: Scale | None = None,
    *,
    domain: str,
    wishes: Wishes | None = None,
) -> Iterator[Piece]:
    """Yield the output of `enlarger` on any source, in pieces that cover every frame of the output grid once.

    `scale`, where given, must be the enlarger's. Raises what `prepare` raises, and NetworkOutputError.
    """
    if scale is not None and scale != enlarger.scale:
        raise InputError(f"{enlarger.name!r} enlarges by {enlarger.scale}, not by {scale}")
    yield from run(prepare(plugins, source, enlarger, domain=domain, wishes=wishes))


def run(
    job: Job,
    *,
    outermost: int | None = None,
    first: tuple[int, int] = (0, 0),
    stop: tuple[int, int] | None = None,
    step: Step | None = None,
) -> Iterator[Piece]:
    """Yield the finished pieces: frames outermost, then ascending along axis `outermost` (the source's slab's).

    Pieces that lie wholly before `first`, a frame and an index along the axis, may be left out, and so may those from
    `stop` on; `step` is told of every tile. A job of a `part` yields its samples alone, counted from its first.
    """
    axis = job.source.slab.axis if outermost is None else outermost
    whole = Window.whole(job.network_grid.shape)
    part = whole if job.part is None else job.part.upscaled(job.fitted.factors)
    first = (first[0], part.start[axis] + first[1])
    if job.stages:
        asked = Asked(axis, (first[0], first_needed(job.network_grid, job.stages, axis, first[1])), whole)
    else:
        asked = Asked(axis, first, part, None if stop is None else (stop[0], part.start[axis] + stop[1]))
    pieces = through(_pieces(job, asked, step), job.network_grid, job.stages, axis, first=first)
    yield from pieces if job.part is None else _cropped(pieces, part, (job.source.frames - 1, part.stop[axis]), axis)


def _cropped(pieces: Iterator[Piece], part: Window, end: tuple[int, int], axis: int) -> Iterator[Piece]:
    """Yield what of `pieces` lies in `part`, counted from its first sample; none is taken from `end` on."""
    for piece in pieces:
        window = piece.window.intersection(part)
        if window.size:
            yield replace(piece.part(window), window=window.relative_to(part))
        if (piece.frame, piece.window.start[axis]) >= end:
            return


def _pieces(job: Job, asked: Asked, step: Step | None) -> Iterator[Piece]:
    shape = job.axes, job.fitted.factors, job.source.frames
    total = replace(asked, begin=(0, 0)).count(*shape)
    done = total - asked.count(*shape)
    with job.route.applied(job.fitted.generator) as network:
        job = replace(job, fitted=replace(job.fitted, generator=network))
        for frame in range(asked.begin[0], job.source.frames):
            for piece in _pieces_of_frame(job, frame, asked):
                window = piece.window
                yield piece
                del piece  # or it would wait in memory for the next one
                done += 1
                if step is not None:
                    step(min(done, total), total, window)


def enlarge_whole(pieces: Iterator[Piece], shape: tuple[int, ...]) -> Block:
    """Return the pieces of one frame as one block of `shape`; for images that are known to be small."""
    values: Array | None = None
    valid: BoolArray | None = None
    for piece in pieces:
        if values is None:
            values = np.empty((piece.values.shape[0], *shape), piece.values.dtype)
        values[(slice(None), *piece.window.slices)] = piece.values
        if piece.valid is not None:
            if valid is None:
                valid = np.ones(values.shape, dtype=np.bool_)
            valid[(slice(None), *piece.window.slices)] = piece.valid
    if values is None:
        raise InputError("an image without samples cannot be enlarged")
    return Block(values, valid)


def _pieces_of_frame(job: Job, frame: int, asked: Asked) -> Iterator[Piece]:
    if job.fitted.halo is None and job.fitted.image_channels and count_tiles(job.axes) > 1:
        yield from _blended(job, frame, asked)
        return
    tiles = (t for t in iterate_tiles(job.axes, asked.axis) if asked.meets(t.core.upscaled(job.fitted.factors), frame))
    yield from job.mapped(partial(_enlarged, job), (_read_tile(job, tile, frame) for tile in tiles))


def _blended(job: Job, frame: int, asked: Asked) -> Iterator[Piece]:
    def network(tile: Tile) -> Array:
        return network_values(job, tile, frame, read(job.source, tile_reading(job, tile), frame))

    axis, wanted = asked.axis, asked.window.downscaled(job.fitted.factors)
    begin = asked.begin[1] // job.fitted.factors[axis] if frame == asked.begin[0] else 0
    span = (max(wanted.start[axis], begin), wanted.stop[axis])
    for window, sr in Blend(job.axes, job.fitted.factors, network).runs(axis, span):
        yield finished(job, read(job.source, window, frame), sr, window, frame)


@dataclass(frozen=True, eq=False, slots=True)
class _Reading:
    """What was read for a tile: its core, and the samples that the network sees, without holes; None for none."""

    tile: Tile
    frame: int
    core: Block
    filled: Array | None


def _read_tile(job: Job, tile: Tile, frame: int) -> _Reading:
    reading = tile_reading(job, tile)
    block = read(job.source, reading, frame)
    core = tile.core.relative_to(reading)
    inner = Block(
        block.values[(slice(None), *core.slices)],
        None if block.valid is None else block.valid[(slice(None), *core.slices)],
    )
    images = job.fitted.enlarged_channels
    seen = bool(images) and _any_valid(inner, images)
    return _Reading(tile, frame, inner, _filled(job, reading, frame, block) if seen else None)


def _enlarged(job: Job, read: _Reading) -> Piece:
    sr = None if read.filled is None else _network_values(job, read.tile, read.filled)
    return finished(job, read.core, sr, read.tile.core, read.frame)


def tile_reading(job: Job, tile: Tile) -> Window:
    """Return the samples that a tile needs, mirrored ones counted at their place inside."""
    spans = [
        mirrored(a, b, axis.extent) for a, b, axis in zip(tile.window.start, tile.window.stop, job.axes, strict=True)
    ]
    return Window(tuple(int(s.min()) for s in spans), tuple(int(s.max()) + 1 for s in spans))


def read(source: Source, window: Window, frame: int) -> Block:
    """Read a block; samples that are no numbers count as invalid. Raises InputError where reading fails."""
    try:
        block = source.read(window, frame)
    except OSError as error:
        raise InputError(f"the input cannot be read: {error.strerror or type(error).__name__}") from error
    numbers = np.isfinite(block.values)
    if numbers.all():
        return block
    return Block(block.values, numbers if block.valid is None else numbers & block.valid)


def network_values(job: Job, tile: Tile, frame: int, block: Block) -> Array:
    """Return a tile's core, enlarged: ``(enlarged channels, *core)``; `block` is what the tile reads."""
    return _network_values(job, tile, _filled(job, tile_reading(job, tile), frame, block))


def _network_values(job: Job, tile: Tile, filled: Array) -> Array:
    reading = tile_reading(job, tile)
    indices = [
        mirrored(a, b, axis.extent) - start
        for a, b, axis, start in zip(tile.window.start, tile.window.stop, job.axes, reading.start, strict=True)
    ]
    entering = len(job.fitted.image_channels)
    sr = _denormalised(job, tile, filled[:entering], indices)
    if entering == len(filled):
        return sr
    extra = _interpolated(job.fitted, tile, _taken(filled[entering:], indices))
    return np.concatenate([sr, extra.astype(sr.dtype, copy=False)])


def _denormalised(job: Job, tile: Tile, values: Array, indices: list[Indices]) -> Array:
    """Return what the generator makes of the values of a tile, in their own units, mixed with their interpolation."""
    network = values if job.normalizer is None else job.normalizer.normalise(values)
    with noticing_exhaustion(tile.window.shape):
        sr = _forward(job.fitted, job.route, _taken(network, indices), tile.core.relative_to(tile.window))
    strength = job.fitted.strength
    if job.normalizer is None and strength == 1:
        return sr
    interpolated = _interpolated(job.fitted, tile, _taken(values, indices))
    if job.normalizer is not None:
        sr = job.normalizer.denormalise(sr, interpolated)
    return sr if strength == 1 else (1 - strength) * interpolated + strength * sr


def finished(job: Job, inner: Block, sr: Array | None, core: Window, frame: int) -> Piece:
    """Return the piece of `core`: image channels from `sr`, all else and what is invalid repeated from the source."""
    factors, images, window = job.fitted.factors, job.fitted.enlarged_channels, core.upscaled(job.fitted.factors)
    valid = None if inner.valid is None else _repeated(inner.valid, factors)
    if sr is None:
        return Piece(window, frame, _repeated(inner.values, factors), valid)
    _check_numbers(sr, valid, images)
    if valid is None and images == tuple(range(len(inner.values))):
        return Piece(window, frame, sr.astype(inner.values.dtype, copy=False), None)
    values = _repeated(inner.values, factors)
    for enlarged, channel in zip(sr, images, strict=True):
        np.copyto(values[channel], enlarged, where=True if valid is None else _of_channel(valid, channel))
    return Piece(window, frame, values, valid)


def _check_numbers(sr: Array, valid: BoolArray | None, images: tuple[int, ...]) -> None:
    numbers = np.isfinite(sr)
    if numbers.all():
        return
    if valid is None or not all((n | ~_of_channel(valid, c)).all() for n, c in zip(numbers, images, strict=True)):
        raise NetworkOutputError(
            "the network made values that are no numbers on valid samples; nothing was written. "
            "The model does not suit this image, or its weights are broken"
        )


def _of_channel(valid: BoolArray, channel: int) -> BoolArray:
    result: BoolArray = valid[channel if valid.shape[0] > 1 else 0]
    return result


def _any_valid(block: Block, images: tuple[int, ...]) -> bool:
    if block.valid is None:
        return True
    return bool((block.valid[list(images)] if block.valid.shape[0] > 1 else block.valid).any())


def _filled(job: Job, reading: Window, frame: int, block: Block) -> Array:
    """Return the image channels of `reading` without holes; holes are filled as they would be in the whole image."""
    images = list(job.fitted.enlarged_channels)
    if block.valid is None:
        return block.values[images]
    local = job.fitted.fill_axes if job.fitted.halo is not None else ()
    margin = [job.fitted.fill_steps if a in local else 0 for a in range(job.source.grid.ndim)]
    extents = [axis.extent for axis in job.axes]
    served = Window(tuple(e[0] for e in extents), tuple(e[1] for e in extents))
    wide = reading.padded(margin).intersection(served)
    if wide != reading:
        block = read(job.source, wide, frame)
    valid = np.ones((1, *wide.shape), np.bool_) if block.valid is None else block.valid
    valid = valid[images] if valid.shape[0] > 1 else valid
    array_axes = [axis + 1 for axis in job.fitted.fill_axes]
    filled = fill(block.values[images], valid, array_axes, job.fitted.fill_steps)
    return filled[(slice(None), *reading.relative_to(wide).slices)]


def _taken(values: Array, indices: list[Indices]) -> Array:
    for axis, index in enumerate(indices, start=1):
        if len(index) != values.shape[axis] or (np.diff(index) != 1).any():
            values = values.take(index, axis=axis)
    return values


def _repeated(values: Array, factors: tuple[int, ...]) -> Array:
    for axis, factor in enumerate(factors, start=1):
        if factor > 1:
            values = values.repeat(factor, axis=axis)
    return values if max(factors) > 1 else values.copy()


def _forward(fitted: Fit, route: Route, values: Array, core: Window) -> Array:
    """Run the generator on ``(images, *grid axes)`` and return what it makes of `core`, in the same order.

    Axes that it does not see become the batch; so do channels where it takes one at a time.
    """
    seen = fitted.network_axes
    others = [a + 1 for a in range(values.ndim - 1) if a not in seen]
    order = [*others, 0, *(a + 1 for a in seen)]
    used = tuple(core.slices[a - 1] if a in others else slice(None) for a in range(values.ndim))
    arranged = values[used].transpose(order)
    outer, inner = arranged.shape[: len(others)], arranged.shape[len(others) + 1 :]
    channels = values.shape[0]
    shape = (-1, 1, *inner) if fitted.one_by_one else (-1, channels, *inner)
    lr = torch.from_numpy(np.ascontiguousarray(arranged).reshape(shape)).to(route.device)
    if route.channels_last:
        lr = lr.contiguous(memory_format=torch.channels_last if lr.ndim == 4 else torch.channels_last_3d)
    with torch.inference_mode():
        sr = enlarged_core(
            fitted.generator, lr, Window(*(tuple(end[a] for a in seen) for end in (core.start, core.stop)))
        )
    result = sr.cpu().contiguous().numpy()
    result = result.reshape(*outer, channels, *result.shape[2:])
    back: Array = result.transpose(np.argsort(order))
    return back


def _interpolated(fitted: Fit, tile: Tile, values: Array) -> Array:
    """Return the bicubic values of a tile's core."""
    halo = [INTERPOLATION_HALO if factor > 1 else 0 for factor in fitted.factors]
    whole = Window.whole(tile.window.shape)
    core = tile.core.relative_to(tile.window)
    near = core.padded(halo).intersection(whole)
    piece = torch.from_numpy(np.ascontiguousarray(values[(slice(None), *near.slices)]))[None]
    with torch.inference_mode():
        enlarged = Interpolation("bicubic", fitted.factors)(piece)[0].numpy()
    inner = core.relative_to(near).upscaled(fitted.factors)
    result: Array = enlarged[(slice(None), *inner.slices)]
    return result
