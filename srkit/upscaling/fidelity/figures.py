"""The figures of agreement, each gathered part by part: errors of channels, energies, angles, ratios, departures.

Arrays are ``(C, *spatial)``; `known` is True where a sample counts, ``(C, *spatial)`` or ``(1, *spatial)``, None for
everywhere. What lies elsewhere may be any number and enters no arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from srkit.image import Array, BoolArray

LEAST_EXPONENT, MOST_EXPONENT = -200, 200


def only(values: Array, known: BoolArray | None) -> Array:
    """Return the values where they are known, and 0 elsewhere."""
    return values if known is None else np.where(known, values, values.dtype.type(0))


def _counts(known: BoolArray | None, shape: tuple[int, ...]) -> Array:
    """Return how many samples of each channel are known."""
    if known is None:
        return np.full(shape[0], np.prod(shape[1:]), np.float64)
    counts: Array = np.broadcast_to(known, shape).reshape(shape[0], -1).sum(axis=1, dtype=np.float64)
    return counts


class Errors:
    """Of ``D(SR) - LR`` per channel; and mean and spread of LR, which they are compared with."""

    def __init__(self, channels: int) -> None:
        self.samples, self.largest = np.zeros(channels), np.zeros(channels)
        self._sums, self._squares = np.zeros(channels), np.zeros(channels)
        self.means, self._about = np.zeros(channels), np.zeros(channels)

    def add(self, seen: Array, lr: Array, known: BoolArray | None) -> None:
        """Add a part; arrays are float64."""
        number = _counts(known, lr.shape)
        difference = only(seen, known) - (lr := only(lr, known))
        flat = difference.reshape(len(lr), -1)
        self._sums += flat.sum(axis=1)
        self._squares += np.einsum("ij,ij->i", flat, flat)
        self.largest = np.maximum(self.largest, np.abs(flat).max(axis=1, initial=0))
        mean = np.divide(lr.reshape(len(lr), -1).sum(axis=1), number, out=np.zeros(len(lr)), where=number > 0)
        centred = only(lr - mean.reshape(-1, *[1] * (lr.ndim - 1)), known).reshape(len(lr), -1)
        shift = np.where(number > 0, mean - self.means, 0)  # Chan, Golub and LeVeque 1983: no cancellation far from 0
        both = np.maximum(self.samples + number, 1)
        self._about += np.einsum("ij,ij->i", centred, centred) + shift**2 * self.samples * number / both
        self.means += shift * number / both
        self.samples += number

    @property
    def bias(self) -> Array:
        """Mean of the differences; 0 for a channel without samples."""
        return self._sums / np.maximum(self.samples, 1)

    @property
    def rmse(self) -> Array:
        """Root of the mean of their squares."""
        result: Array = np.sqrt(self._squares / np.maximum(self.samples, 1))
        return result

    @property
    def spreads(self) -> Array:
        """Standard deviation of LR."""
        result: Array = np.sqrt(self._about / np.maximum(self.samples, 1))
        return result


class Energies:
    """Of an output, and of the part of it that its input cannot confirm."""

    def __init__(self) -> None:
        self._unseen, self._all = 0.0, 0.0

    def add(self, sr: Array, back: Array, inside: BoolArray | None) -> None:
        """Add a part of SR and of U(D(SR))."""
        sr = np.ascontiguousarray(only(sr, inside))
        rest = sr - only(back, inside)
        self._unseen += float(np.vdot(rest, rest))
        self._all += float(np.vdot(sr, sr))

    @property
    def share(self) -> float | None:
        """``|SR - U(D(SR))| / |SR|``; None for an output of zeros."""
        return float(np.sqrt(self._unseen / self._all)) if self._all > 0 else None


class Angles:
    """Between the spectra of D(SR) and LR, where all channels are known."""

    def __init__(self) -> None:
        self._sum, self._spectra = 0.0, 0

    def add(self, seen: Array, lr: Array, known: BoolArray | None) -> None:
        """Add a part; arrays are float64."""
        if len(lr) < 2:
            return
        if known is not None:
            seen, lr = (x[:, known.all(axis=0)] for x in (seen, lr))
        lengths, product = (np.einsum("i...,i...->...", a, b) for a, b in ((lr, lr), (seen, lr)))
        lengths = np.sqrt(lengths * np.einsum("i...,i...->...", seen, seen))
        cosine = product[lengths > 0] / lengths[lengths > 0]  # a spectrum of zeros has no direction
        self._sum += float(np.arccos(np.clip(cosine, -1, 1)).sum())
        self._spectra += cosine.size

    @property
    def mean(self) -> float | None:
        """In degrees; None where there is no spectrum."""
        return float(np.degrees(self._sum / self._spectra)) if self._spectra else None


class RatioShift:
    """By how much the normalised difference ``(a - b) / (a + b)`` of two channels is another in D(SR) than in LR."""

    def __init__(self, first: int, second: int) -> None:
        self._pair, self._sum, self._samples = [first, second], 0.0, 0

    def add(self, seen: Array, lr: Array, known: BoolArray | None) -> None:
        """Add a part; samples whose sum is not positive have no ratio."""
        (a, b), (c, d) = only(seen, known)[self._pair], only(lr, known)[self._pair]
        some = (a + b > 0) & (c + d > 0)
        a, b, c, d = (x[some] for x in (a, b, c, d))
        self._sum += float(((a - b) / (a + b) - (c - d) / (c + d)).sum())
        self._samples += a.size

    @property
    def mean(self) -> float | None:
        """None where no sample has a ratio."""
        return self._sum / self._samples if self._samples else None


class Departures:
    """Input samples at which an output departs from interpolation by more than the input differs thereabouts.

    Kept as a histogram of exponents: how large a departure must be to count is known only at the end.
    """

    def __init__(self, channels: int) -> None:
        self._counts = np.zeros((channels, MOST_EXPONENT - LEAST_EXPONENT + 1), np.int64)
        self._samples = np.zeros(channels)

    def add(self, excess: Array, known: BoolArray | None) -> None:
        """Add a part: at every input sample the largest departure around it, less the contrast there."""
        self._samples += _counts(known, excess.shape)
        for channel, values in enumerate(only(excess, known)):
            exponents = np.frexp(values[values > 0])[1].clip(LEAST_EXPONENT, MOST_EXPONENT) - LEAST_EXPONENT
            self._counts[channel] += np.bincount(exponents, minlength=self._counts.shape[1])

    def share(self, least: Sequence[float]) -> float | None:
        """Return the share of samples whose excess is above `least` per channel, rounded up to a power of two."""
        total = self._samples.sum()
        first = [0 if limit <= 0 else int(np.frexp(limit)[1]) + 1 - LEAST_EXPONENT for limit in least]
        above = sum(int(counts[start:].sum()) for counts, start in zip(self._counts, first, strict=True))
        return above / float(total) if total else None
