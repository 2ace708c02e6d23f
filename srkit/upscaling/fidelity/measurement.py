"""Measures how far an output is its input again: from slabs on their way to a sink, or from a finished file.

Runs of the output pass once, and each is looked at in blocks of a size that the processor's cache holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from srkit.grid import Slab, Window
from srkit.image import Block, BoolArray, Source
from srkit.upscaling.enlarging.engine import read
from srkit.upscaling.enlarging.holding import held_by_sight, sample_bytes
from srkit.upscaling.enlarging.stream import THIN_SAMPLES, Piece, seen_from, sight_cut
from srkit.upscaling.fidelity.agreement import Agreement, ChannelAgreement
from srkit.upscaling.fidelity.consistency import both, of_channels
from srkit.upscaling.fidelity.contrast import contrast, least_departure, peaks
from srkit.upscaling.fidelity.figures import Angles, Departures, Energies, Errors, RatioShift
from srkit.upscaling.fidelity.observation import Observation
from srkit.upscaling.fidelity.ratios import ratios_of
from srkit.upscaling.routing.memory import Beside


def gathered(
    pieces: Iterable[Piece], source: Source, observation: Observation, images: Sequence[int], axis: int
) -> Agreement:
    """Return how far an output agrees with `source`; its `pieces` come ascending along `axis`, and are all taken."""
    pieces, measured = iter(pieces), Measurement(source, observation, images)
    below = source.grid.upscaled(observation.factors)
    for window, piece in seen_from(pieces, below, measured, axis, THIN_SAMPLES):
        measured.add(window, piece)
    for _ in pieces:
        pass  # what no sample of the input is seen from
    return measured.agreement()


def held_by_comparison(source: Source, observation: Observation, images: Sequence[int], axis: int) -> Beside:
    """Return what memory holds while `gathered` compares."""
    below, sight = source.grid.upscaled(observation.factors), Measurement(source, observation, images)
    cut = sight_cut(below, sight, axis, THIN_SAMPLES)
    return held_by_sight(below, sight, cut, sample_bytes(source, len(source.channels)))


def read_again(output: Source, axis: int) -> Iterator[Piece]:
    """Yield the whole of an output in thin pieces, ascending along `axis`."""
    shape = output.grid.shape
    across = math.prod(shape) // shape[axis]
    for frame in range(output.frames):
        for window in Slab(axis, max(1, THIN_SAMPLES // across)).windows(shape):
            block = read(output, window, frame)
            yield Piece(window, frame, block.values, block.valid)


def spreads(source: Source, images: Sequence[int]) -> list[float]:
    """Return the standard deviation of each of the channels `images`, over valid samples."""
    errors = Errors(len(images))
    for piece in read_again(source, source.slab.axis):
        values = piece.values[list(images)].astype(np.float64)
        errors.add(values, values, of_channels(piece.valid, images))
    return [float(spread) for spread in errors.spreads]


class Measurement:
    """A `Sight` of the output from the input's grid, and the figures of what was seen so far.

    Blocks cover the input's grid once, in any order.
    """

    def __init__(self, source: Source, observation: Observation, images: Sequence[int]) -> None:
        self.grid = source.grid
        self._source, self._observation, self._images = source, observation, list(images)
        channels = [source.channels[i] for i in self._images]
        self._errors, self._departures = Errors(len(channels)), Departures(len(channels))
        self._energies, self._angles = Energies(), Angles()
        self._ratios = {name: RatioShift(*pair) for name, pair in ratios_of(channels).items()}

    def needs(self, window: Window) -> Window:
        """Return the output samples that those of `window` depend on."""
        seen = self._observation
        return seen.around(window, seen.reach(1), self.grid).upscaled(seen.factors)

    def add(self, window: Window, piece: Piece) -> None:
        """Add the input samples of `window`; `piece` holds at least what they need."""
        seen, needed = self._observation, self.needs(window)
        given = piece.part(needed)
        valid = _unless_all(of_channels(given.valid, self._images))
        if valid is not None and not valid.any():
            return
        wide = needed.downscaled(seen.factors)
        degraded = Block(*seen.degraded(given.values[self._images], valid))
        near = window.padded(seen.halo).intersection(Window.whole(self.grid.shape))
        lr = self._read(near, piece.frame)
        sr = _part(Block(given.values[self._images], valid), needed, window.upscaled(seen.factors))
        self._compare(_part(degraded, wide, window), _part(lr, near, window))
        back = _part(self._up(_part(degraded, wide, near)), near.upscaled(seen.factors), window.upscaled(seen.factors))
        self._energies.add(sr.values, back.values, both(back.valid, sr.valid))
        self._depart(sr, lr, window, near)

    def _read(self, window: Window, frame: int) -> Block:
        block = read(self._source, window, frame)
        return Block(block.values[self._images], _unless_all(of_channels(block.valid, self._images)))

    def _up(self, block: Block) -> Block:
        return Block(*self._observation.interpolated(block.values, block.valid))

    def _compare(self, degraded: Block, lr: Block) -> None:
        """Add to the figures of the input's samples."""
        known = both(degraded.valid, lr.valid)
        found, wanted = (block.values.astype(np.float64) for block in (degraded, lr))
        self._errors.add(found, wanted, known)
        self._angles.add(found, wanted, known)
        for ratio in self._ratios.values():
            ratio.add(found, wanted, known)

    def _depart(self, sr: Block, lr: Block, window: Window, near: Window) -> None:
        """Add to the departures: the output's largest from interpolation, beyond the contrast around its sample."""
        factors = self._observation.factors
        interpolated = _part(self._up(lr), near.upscaled(factors), window.upscaled(factors))
        inside = both(interpolated.valid, sr.valid)
        departure = np.abs(
            np.subtract(sr.values, interpolated.values, out=np.zeros_like(sr.values), where=_all(inside))
        )
        around = _part(Block(contrast(lr.values, lr.valid, self._observation.halo), lr.valid), near, window)
        known = _finite(around)
        excess = np.subtract(
            peaks(departure, factors), around.values, out=np.zeros_like(around.values), where=_all(known)
        )
        self._departures.add(excess, known)

    def agreement(self) -> Agreement:
        """Return the figures of all blocks so far."""
        least = [least_departure(float(spread), self._source.encoding) for spread in self._errors.spreads]
        return Agreement(
            degradation=self._observation.steps,
            origin=self._observation.origin,
            channels=tuple(self._channel(i, self._source.channels[c].name) for i, c in enumerate(self._images)),
            samples=int(self._errors.samples.sum()),
            null_space_share=self._energies.share,
            spectral_angle_deg=self._angles.mean,
            ratios={name: ratio.mean for name, ratio in self._ratios.items() if ratio.mean is not None},
            departing_share=self._departures.share(least),
        )

    def _channel(self, index: int, name: str) -> ChannelAgreement:
        errors = self._errors
        bias, rmse = float(errors.bias[index]), float(errors.rmse[index])
        spread, mean = float(errors.spreads[index]), float(errors.means[index])
        return ChannelAgreement(
            name=name,
            bias=bias,
            rmse=rmse,
            largest=float(errors.largest[index]),
            relative=rmse / spread if spread > 0 else None,
            relative_bias=bias / mean if mean else None,
        )


def _unless_all(valid: BoolArray | None) -> BoolArray | None:
    return None if valid is None or valid.all() else valid


def _all(known: BoolArray | None) -> BoolArray | bool:
    return True if known is None else known


def _finite(around: Block) -> BoolArray | None:
    return around.valid if around.valid is None else around.valid & np.isfinite(around.values)


def _part(block: Block, window: Window, inner: Window) -> Block:
    """Return the samples of `inner` of a block of `window`, as views."""
    place = (slice(None), *inner.relative_to(window).slices)
    return Block(block.values[place], None if block.valid is None else block.valid[place])
