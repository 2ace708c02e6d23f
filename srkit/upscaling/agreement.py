"""How far an output, degraded as the model declares, is its input again: the figures, gathered while it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from srkit.domain import Finding
from srkit.errors import OutputError
from srkit.grid import Window
from srkit.image import Array, BoolArray, Source
from srkit.upscaling.consistency import both, of_channels
from srkit.upscaling.engine import read
from srkit.upscaling.observation import Observation
from srkit.upscaling.stream import Piece, through

WORTH_A_WARNING = 0.05
ANGLE_WORTH_A_WARNING = 1.0
BIAS_WORTH_A_WARNING = 0.01


@dataclass(frozen=True, slots=True)
class ChannelAgreement:
    """What ``D(SR) - LR`` is in one channel, in the image's units.

    `relative` is the RMSE as a share of the input's standard deviation, `relative_bias` the bias as a share of its
    mean; None where that is 0. Figures of a channel without a valid sample are 0.
    """

    name: str
    bias: float
    rmse: float
    largest: float
    relative: float | None
    relative_bias: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far an output agrees with its input.

    Parameters
    ----------
    degradation, origin
        The steps of D, and who says so: ``model``, ``domain``, or ``box mean``.
    channels
        One entry per image channel.
    samples
        Valid LR samples of all channels that were compared.
    null_space_share
        ``|SR - U(D(SR))| / |SR|``: what of the output the input cannot confirm; None for an output of zeros.
    spectral_angle_deg
        Mean angle between the spectra of D(SR) and LR, where there are several channels.
    """

    degradation: tuple[Mapping[str, Any], ...]
    origin: str
    channels: tuple[ChannelAgreement, ...]
    samples: int
    null_space_share: float | None
    spectral_angle_deg: float | None = None

    @property
    def relative(self) -> float:
        """The largest relative error of any channel."""
        return max((channel.relative or 0.0 for channel in self.channels), default=0.0)

    def as_json(self) -> dict[str, Any]:
        """Return plain values, rounded to six digits, for provenance."""
        rounded: dict[str, Any] = _rounded(asdict(self))
        return rounded

    def sentence(self) -> str:
        """Return the figures that matter, in words."""
        steps = " and ".join(str(step["name"]) for step in self.degradation)
        angle = "" if self.spectral_angle_deg is None else f", spectra by {round(self.spectral_angle_deg, 4):g} degrees"
        share = "" if self.null_space_share is None else f"; {self.null_space_share:.1%} of it is beyond the input"
        who = "the mean over an input sample" if self.origin == "box mean" else f"{steps}, after the {self.origin}"
        return f"degraded again ({who}), it differs from the input by {self.relative:.2g} of its spread{angle}{share}"

    def findings(self) -> list[Finding]:
        """Return what is worth a warning. Interpolations claim nothing of how the input was made, and get none."""
        if self.origin == "box mean":
            return []
        found = []
        if self.relative > WORTH_A_WARNING:
            found.append(
                f"the output, degraded again, differs from the input by {self.relative:.2g} of its spread, more than "
                f"{WORTH_A_WARNING:g}; --consistency brings it as near as the degradation permits"
            )
        if self.spectral_angle_deg is not None and self.spectral_angle_deg > ANGLE_WORTH_A_WARNING:
            found.append(f"the output's spectra are off the input's by {self.spectral_angle_deg:.2g} degrees")
        shares = {channel.name: abs(channel.relative_bias or 0.0) for channel in self.channels}
        biased = [f"{name} by {share:.1%}" for name, share in shares.items() if share > BIAS_WORTH_A_WARNING]
        if biased and len(self.channels) > 1:
            found.append(f"the output is brighter or darker than the input: {', '.join(biased)}")
        return [Finding("warning", text) for text in found]

    def check(self, limit: float | None) -> None:
        """Raise OutputError where the relative error is above a `limit` that the user has set."""
        if limit is not None and self.relative > limit:
            raise OutputError(
                f"the output disagrees with the input by {self.relative:.2g} of its spread, more than the limit "
                f"{limit:g}; it was removed. Give --consistency, another model, or a higher --consistency-limit"
            )


class Seen:
    """A `Stage` on the input's grid: what D sees of an output, and how much it does not.

    For every image channel it makes, in this order: D(SR), the mean of ``(SR - U(D(SR)))^2`` over the output samples
    of an input sample, and the mean of their ``SR^2``; the last two are 0 where U(D(SR)) is not known.
    """

    def __init__(self, source: Source, observation: Observation, images: Sequence[int]) -> None:
        self.grid = source.grid
        self._observation, self._images = observation, list(images)

    def needs(self, window: Window) -> Window:
        """Return the output samples that those of `window` depend on."""
        seen = self._observation
        return seen.around(window, seen.reach(1), self.grid).upscaled(seen.factors)

    def apply(self, given: Piece, window: Window) -> Piece:
        """Return the figures of the input's samples in `window`."""
        sr, valid = given.values[self._images], of_channels(given.valid, self._images)
        seen, known = self._observation.degraded(sr, valid)
        back, confirmed = self._observation.interpolated(seen, known)
        inside = both(confirmed, valid)
        if inside is not None:  # what lies outside may be any number
            sr, back = (np.where(inside, x, x.dtype.type(0)) for x in (sr, back))
        energies = [self._block_means(x * x, inside) for x in (sr - back, sr)]
        values = np.concatenate([seen, *energies])
        known = None if known is None else np.concatenate([known] * 3)
        lr = given.window.downscaled(self._observation.factors)
        return Piece(lr, given.frame, values, known).part(window)

    def _block_means(self, values: Array, inside: BoolArray | None) -> Array:
        values = values if inside is None else np.where(inside, values, values.dtype.type(0))
        for axis, factor in enumerate(self._observation.factors, start=1):
            shape = (*values.shape[:axis], values.shape[axis] // factor, factor, *values.shape[axis + 1 :])
            values = values.reshape(shape).mean(axis=axis + 1)
        return values


class Tally:
    """Gathers what a `Seen` stage makes, run by run; runs cover the input once, in any order."""

    def __init__(self, source: Source, observation: Observation, images: Sequence[int]) -> None:
        self._source, self._observation, self._images = source, observation, list(images)
        count = len(self._images)
        self._samples = np.zeros(count)
        self._sums, self._squares, self._largest = np.zeros(count), np.zeros(count), np.zeros(count)
        self._means, self._spreads = np.zeros(count), np.zeros(count)  # of the input: mean, sum of squares about it
        self._energies = np.zeros(2)
        self._angles, self._spectra = 0.0, 0

    def add(self, seen: Piece) -> None:
        """Compare a run with the input."""
        count = len(self._images)
        block = read(self._source, seen.window, seen.frame)
        lr = block.values[self._images].astype(np.float64).reshape(count, -1)
        sr = seen.values[:count].astype(np.float64).reshape(count, -1)
        valid = both(of_channels(block.valid, self._images), None if seen.valid is None else seen.valid[:count])
        known = np.ones((1, *seen.window.shape), np.bool_) if valid is None else valid
        known = np.broadcast_to(known, (count, *seen.window.shape)).reshape(count, -1)
        for channel in range(count):
            self._add_channel(channel, sr[channel][known[channel]], lr[channel][known[channel]])
        energies = seen.values[count:].astype(np.float64).reshape(2, -1)
        self._energies += energies.sum(axis=1)
        if count > 1:
            everywhere = known.all(axis=0)
            self._add_angles(sr[:, everywhere], lr[:, everywhere])

    def _add_channel(self, channel: int, sr: Array, lr: Array) -> None:
        number = len(lr)
        if not number:
            return
        difference = sr - lr
        self._sums[channel] += difference.sum()
        self._squares[channel] += (difference**2).sum()
        self._largest[channel] = max(self._largest[channel], np.abs(difference).max())
        mean, before = lr.mean(), self._samples[channel]
        shift = mean - self._means[channel]  # Chan, Golub and LeVeque 1983: no cancellation far from 0
        self._spreads[channel] += ((lr - mean) ** 2).sum() + shift**2 * before * number / (before + number)
        self._means[channel] += shift * number / (before + number)
        self._samples[channel] += number

    def _add_angles(self, sr: Array, lr: Array) -> None:
        lengths = np.linalg.norm(sr, axis=0) * np.linalg.norm(lr, axis=0)
        some = lengths > 0  # a spectrum of zeros has no direction
        cosine = (sr * lr).sum(axis=0)[some] / lengths[some]
        self._angles += float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).sum())
        self._spectra += int(some.sum())

    def agreement(self) -> Agreement:
        """Return the figures of all runs so far."""
        unseen, all_of_it = self._energies
        return Agreement(
            degradation=self._observation.steps,
            origin=self._observation.origin,
            channels=tuple(self._channel(i, self._source.channels[c].name) for i, c in enumerate(self._images)),
            samples=int(self._samples.sum()),
            null_space_share=float(np.sqrt(unseen / all_of_it)) if all_of_it > 0 else None,
            spectral_angle_deg=self._angles / self._spectra if self._spectra else None,
        )

    def _channel(self, index: int, name: str) -> ChannelAgreement:
        number = max(self._samples[index], 1)
        bias, rmse = float(self._sums[index] / number), float(np.sqrt(self._squares[index] / number))
        spread, mean = float(np.sqrt(self._spreads[index] / number)), float(self._means[index])
        return ChannelAgreement(
            name=name,
            bias=bias,
            rmse=rmse,
            largest=float(self._largest[index]),
            relative=rmse / spread if spread > 0 else None,
            relative_bias=bias / mean if mean else None,
        )


def gathered(
    pieces: Iterable[Piece], source: Source, observation: Observation, images: Sequence[int], axis: int
) -> Agreement:
    """Return how far an output agrees with `source`; its `pieces` come ascending along `axis`, and are all taken."""
    pieces, tally = iter(pieces), Tally(source, observation, images)
    below = source.grid.upscaled(observation.factors)
    for run in through(pieces, below, [Seen(source, observation, images)], axis):
        tally.add(run)
    for _ in pieces:
        pass  # what no sample of the input is seen from
    return tally.agreement()


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _rounded(entry) for key, entry in value.items()}
    return [_rounded(entry) for entry in value] if isinstance(value, (list, tuple)) else value
