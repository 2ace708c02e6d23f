"""How far an output, degraded as the model declares, is its input again: the figures, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from srkit.domain import Finding
from srkit.errors import OutputError

WORTH_A_WARNING = 0.05
ANGLE_WORTH_A_WARNING = 1.0
BIAS_WORTH_A_WARNING = 0.01
WORTH_A_WORD = 5e-5  # share of samples, which is told in hundredths of a per cent
AGREEMENT_CODE = "agreement"
UNEVEN = "the output is not compared with the input: part of its scale is resampling, which no degradation undoes"
CUT = "the window is not compared with the input: the model's degradation needs whole axes"
UNFIT = "the output is not compared with the input, as the model's degradation does not fit the image"


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
    ratios
        By how much ratios of two channels (NDVI) are others in D(SR) than in LR, in the mean.
    departing_share
        Share of the input's samples at which the output departs from bicubic interpolation by more than the range
        of the samples that it interpolates: detail that nothing in the input hints at.
    """

    degradation: tuple[Mapping[str, Any], ...]
    origin: str
    channels: tuple[ChannelAgreement, ...]
    samples: int
    null_space_share: float | None
    spectral_angle_deg: float | None = None
    ratios: Mapping[str, float] = field(default_factory=dict)
    departing_share: float | None = None

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
        steps = " and ".join(name for step in self.degradation for name in _names(step))
        angle = "" if self.spectral_angle_deg is None else f", spectra by {round(self.spectral_angle_deg, 4):g} degrees"
        angle += "".join(f", {name} by {shift:.2g}" for name, shift in self.ratios.items())
        share = "" if self.null_space_share is None else f"; {self.null_space_share:.1%} of it is beyond the input"
        who = "the mean over an input sample" if self.origin == "box mean" else f"{steps}, after the {self.origin}"
        alarmed = (self.departing_share or 0.0) >= WORTH_A_WORD
        alarm = "" if not alarmed else f"; at {self.departing_share:.2%} of it nothing hints at its detail"
        differs = f"it differs from the input by {self.relative:.2g} of its spread"
        return f"degraded again ({who}), {differs}{angle}{share}{alarm}"

    def findings(self) -> list[Finding]:
        """Return what is worth a warning. Interpolations claim nothing of how the input was made, and get none."""
        if self.origin == "box mean":
            return []
        found = []
        if self.relative > WORTH_A_WARNING:
            found.append(
                f"the output, degraded again, differs from the input by {self.relative:.2g} of its spread, more than "
                f"{WORTH_A_WARNING:g}; --consistency, where it was not given, brings it as near as the degradation "
                "permits"
            )
        if self.spectral_angle_deg is not None and self.spectral_angle_deg > ANGLE_WORTH_A_WARNING:
            found.append(f"the output's spectra are off the input's by {self.spectral_angle_deg:.2g} degrees")
        shares = {channel.name: abs(channel.relative_bias or 0.0) for channel in self.channels}
        biased = [f"{name} by {share:.1%}" for name, share in shares.items() if share > BIAS_WORTH_A_WARNING]
        if biased and len(self.channels) > 1:
            found.append(f"the output is brighter or darker than the input: {', '.join(biased)}")
        found += [
            f"the output's {name} is off the input's by {shift:.2g} in the mean"
            for name, shift in self.ratios.items()
            if abs(shift) > BIAS_WORTH_A_WARNING
        ]
        return [Finding("warning", text) for text in found]

    def check(self, limit: float | None) -> None:
        """Raise OutputError where the relative error is above a `limit` that the user has set."""
        if limit is not None and self.relative > limit:
            raise OutputError(
                f"the output disagrees with the input by {self.relative:.2g} of its spread, more than the limit "
                f"{limit:g}; it was removed. Give --consistency, another model, or a higher --consistency-limit"
            )


def _names(step: Mapping[str, Any]) -> list[str]:
    """Return the names of a step, or of those that count where one of several is drawn: the heaviest, if any."""
    if step["name"] != "one_of":
        return [str(step["name"])]
    options = [entry if isinstance(entry, (list, tuple)) else [entry] for entry in step["steps"]]
    weights = list(step.get("weights") or [1] * len(options))
    return [name for inner in options[weights.index(max(weights))] for name in _names(inner)]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _rounded(entry) for key, entry in value.items()}
    return [_rounded(entry) for entry in value] if isinstance(value, (list, tuple)) else value
