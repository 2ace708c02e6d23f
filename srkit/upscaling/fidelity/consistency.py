"""Data consistency: an output that, degraded as the model declares, is its input again; enforced by iteration.

``SR <- SR + U(LR - D(SR))`` (back-projection after Irani and Peleg 1991) with the weights of a Chebyshev
semi-iteration, for a number of rounds that follows from D alone: every round depends on a fixed neighbourhood, so
tiles and slabs change nothing. It converges where the gain of DU lies in (0, 1]; with bicubic U it does for all steps
of srkit. Where D nearly removes detail (the rim of a windowed k-space), that detail is left alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from srkit.errors import UsageError
from srkit.grid import Window
from srkit.image import Array, Block, BoolArray, Encoding, Source
from srkit.upscaling.enlarging.engine import read
from srkit.upscaling.enlarging.stream import Piece
from srkit.upscaling.fidelity.observation import Observation

MOST_ROUNDS = 10
REST = 1e-3
PERMITTED_GAIN = 0.08
"""Of the worst detail that DU must leave for it to be restored: noise is amplified by the inverse."""

DECIBELS = (
    "the numbers are decibels, which no sum of differences brings back to the input; convert them to power first, or "
    "leave --consistency out"
)


class Enforced:
    """A `Stage` after the network: makes its samples agree with the input.

    Parameters
    ----------
    source
        The input, read again run by run.
    images
        The channels to be treated; others pass through.

    Attributes
    ----------
    rounds
        How often the difference is carried back.
    """

    def __init__(self, source: Source, observation: Observation, images: Sequence[int]) -> None:
        if observation.degradation.decibel:
            raise UsageError(DECIBELS)
        self.grid = source.grid.upscaled(observation.factors)
        self._source, self._observation, self._images = source, observation, list(images)
        self._schedule = schedule_for(observation.least_gain(len(images)))
        self.rounds = len(self._schedule.weights)
        self.degradation = observation.steps

    def needs(self, window: Window) -> Window:
        """Return the samples of the network's grid that those of `window` depend on."""
        seen, factors = self._observation, self._observation.factors
        return seen.around(window.downscaled(factors), seen.reach(self._schedule.reach), self._source.grid).upscaled(
            factors
        )

    def apply(self, given: Piece, window: Window) -> Piece:
        """Return the samples of `window`, nearer to the input."""
        block = read(self._source, given.window.downscaled(self._observation.factors), given.frame)
        lr = Block(block.values[self._images], of_channels(block.valid, self._images))
        sr = Block(given.values[self._images], of_channels(given.valid, self._images))
        values = given.values.copy()
        limits = value_limits(self._source.encoding)
        values[self._images] = projected(self._observation, sr, lr, limits, self._schedule)
        return Piece(given.window, given.frame, values, given.valid).part(window)


def projected(
    observation: Observation,
    sr: Block,
    lr: Block,
    limits: tuple[float, float] | None,
    schedule: Schedule,
) -> Array:
    """Return the values of `sr` after the rounds of ``SR + U(LR - D(SR))`` of a schedule.

    Each round's values are kept within `limits`. Invalid samples neither change nor have any influence.
    """
    values, step = sr.values, np.zeros_like(sr.values)
    for momentum, gain in schedule.weights:
        seen, known = observation.degraded(values, sr.valid)
        known = both(known, lr.valid)
        difference = _where(known, lr.values - seen)
        correction, _ = observation.interpolated(difference)
        for _ in range(schedule.passes):
            again, _ = observation.degraded(correction, sr.valid)
            correction, _ = observation.interpolated(_where(known, again))
        step = step * values.dtype.type(momentum) + correction * values.dtype.type(gain)
        nearer = values + step if limits is None else np.clip(values + step, *limits)
        values = nearer if sr.valid is None else np.where(sr.valid, nearer, values)
    return values


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a difference is carried back.

    Parameters
    ----------
    weights
        Of the last step and of the correction, in each round.
    passes
        How often a difference goes through U and D before: each leaves less of what D weakens.
    """

    weights: tuple[tuple[float, float], ...]
    passes: int = 0

    @property
    def reach(self) -> int:
        """How many times D and U follow one another."""
        return len(self.weights) * (1 + self.passes)


def schedule_for(least_gain: float) -> Schedule:
    """Return the schedule for a D whose U returns `least_gain` of the worst detail.

    Where that is enough, the weights are those of the Chebyshev semi-iteration (Golub and Varga 1961; Saad 2003,
    algorithm 12.1) and a plain round at the end, which removes what DU leaves whole, such as a wrong brightness: as
    many rounds as leave a thousandth, 10 at most. Else detail that D removes would come back as amplified noise, and
    the schedule is Landweber's: corrections pass through DU once more, so that what is weakened is hardly touched.
    """
    if least_gain < PERMITTED_GAIN:
        return Schedule(((0.0, 1.0),) * MOST_ROUNDS, passes=1)
    root = math.sqrt(least_gain)
    rate = (1 - root) / (1 + root)
    bounds = [(1 - least_gain) * 2 * rate**n / (1 + rate ** (2 * n)) for n in range(MOST_ROUNDS)]
    rounds = next((n + 1 for n, bound in enumerate(bounds) if bound <= REST), MOST_ROUNDS)
    middle, half = (1 + least_gain) / 2, max((1 - least_gain) / 2, 1e-3)
    rho, found = half / middle, [(0.0, 1 / middle)]
    for _ in range(rounds - 2):
        previous, rho = rho, 1 / (2 * middle / half - rho)
        found.append((rho * previous, 2 * rho / half))
    return Schedule((*found[: rounds - 1], (0.0, 1.0)))


def _where(known: BoolArray | None, difference: Array) -> Array:
    return difference if known is None else np.where(known, difference, difference.dtype.type(0))


def value_limits(encoding: Encoding) -> tuple[float, float] | None:
    """Return the lowest and highest value that an integer type stores; None for floats, which hold any."""
    if encoding.dtype.kind == "f":
        return None
    ends = [limit * encoding.slope + encoding.intercept for limit in encoding.limits]
    return min(ends), max(ends)


def both(first: BoolArray | None, second: BoolArray | None) -> BoolArray | None:
    """Return where both are True; None stands for everywhere."""
    if first is None or second is None:
        return second if first is None else first
    return first & second


def of_channels(valid: BoolArray | None, channels: Sequence[int]) -> BoolArray | None:
    """Return the validity of some channels; one for all stays so."""
    return valid if valid is None or valid.shape[0] == 1 else valid[list(channels)]
