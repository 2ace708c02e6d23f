"""Data consistency: an output that, degraded as the model declares, is its input again; enforced by iteration.

``SR <- SR + U(LR - D(SR))`` (back-projection after Irani and Peleg 1991) with the weights of a Chebyshev
semi-iteration, for a number of rounds that follows from D alone: every round depends on a fixed neighbourhood, so
tiles and slabs change nothing. It converges where the gain of DU lies in (0, 1]; with bicubic U it does for all steps
of srkit. Detail that D nearly removes (the rim of a windowed k-space) returns slowly: noise is not amplified.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from srkit.grid import Window
from srkit.image import Array, Block, BoolArray, Encoding, Source
from srkit.upscaling.engine import read
from srkit.upscaling.observation import Observation
from srkit.upscaling.stream import Piece

MOST_ROUNDS = 10
REST = 1e-3


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
        self.grid = source.grid.upscaled(observation.factors)
        self._source, self._observation, self._images = source, observation, list(images)
        self._least_gain = observation.least_gain(len(images))
        self.rounds = rounds_for(self._least_gain)

    def needs(self, window: Window) -> Window:
        """Return the samples of the network's grid that those of `window` depend on."""
        seen, factors = self._observation, self._observation.factors
        return seen.around(window.downscaled(factors), seen.reach(self.rounds), self._source.grid).upscaled(factors)

    def apply(self, given: Piece, window: Window) -> Piece:
        """Return the samples of `window`, nearer to the input."""
        block = read(self._source, given.window.downscaled(self._observation.factors), given.frame)
        lr = Block(block.values[self._images], of_channels(block.valid, self._images))
        sr = Block(given.values[self._images], of_channels(given.valid, self._images))
        values = given.values.copy()
        schedule = weights(self._least_gain, self.rounds)
        values[self._images] = projected(self._observation, sr, lr, value_limits(self._source.encoding), schedule)
        return Piece(given.window, given.frame, values, given.valid).part(window)


def projected(
    observation: Observation,
    sr: Block,
    lr: Block,
    limits: tuple[float, float] | None,
    schedule: Sequence[tuple[float, float]],
) -> Array:
    """Return the values of `sr` after rounds of ``SR + U(LR - D(SR))`` with the weights of `schedule`.

    Each round's values are kept within `limits`. Invalid samples neither change nor have any influence.
    """
    values, step = sr.values, np.zeros_like(sr.values)
    for momentum, gain in schedule:
        seen, known = observation.degraded(values, sr.valid)
        known = both(known, lr.valid)
        difference = lr.values - seen
        if known is not None:
            difference = np.where(known, difference, difference.dtype.type(0))
        correction, _ = observation.interpolated(difference)
        step = step * values.dtype.type(momentum) + correction * values.dtype.type(gain)
        nearer = values + step if limits is None else np.clip(values + step, *limits)
        values = nearer if sr.valid is None else np.where(sr.valid, nearer, values)
    return values


def weights(least_gain: float, rounds: int) -> list[tuple[float, float]]:
    """Return the weights of the last step and of the correction in each round.

    They are those of the Chebyshev semi-iteration (Golub and Varga 1961; Saad 2003, algorithm 12.1) for gains between
    `least_gain` and 1, which leaves least of the worst detail, and a plain round at the end: it removes what DU
    leaves whole, such as a wrong brightness.
    """
    middle, half = (1 + least_gain) / 2, max((1 - least_gain) / 2, 1e-3)
    rho, found = half / middle, [(0.0, 1 / middle)]
    for _ in range(rounds - 2):
        previous, rho = rho, 1 / (2 * middle / half - rho)
        found.append((rho * previous, 2 * rho / half))
    return [*found[: rounds - 1], (0.0, 1.0)]


def rounds_for(least_gain: float) -> int:
    """Return the rounds after which a thousandth of the worst detail's difference is left, at most 10."""
    root = math.sqrt(least_gain)
    rate = (1 - root) / (1 + root)
    bounds = [(1 - least_gain) * 2 * rate**n / (1 + rate ** (2 * n)) for n in range(MOST_ROUNDS)]
    return next((n + 1 for n, bound in enumerate(bounds) if bound <= REST), MOST_ROUNDS)


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
