"""Judges how far a finished output agrees with its input, by limits that are said along with the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from srkit.domain import Finding
from srkit.errors import ModelError, UsageError
from srkit.grid import Scale
from srkit.image import Provenance, Source
from srkit.networks.interpolation import KINDS
from srkit.upscaling.fidelity.agreement import AGREEMENT_CODE, ANGLE_WORTH_A_WARNING, BIAS_WORTH_A_WARNING, Agreement
from srkit.upscaling.fidelity.measurement import gathered, read_again
from srkit.upscaling.fidelity.observation import Observation, observed_by
from srkit.upscaling.planning.enlarger import model_named
from srkit.upscaling.session import Session

LIMIT = 0.2
Passed = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What an output's agreement is measured by.

    Parameters
    ----------
    model
        The file or the name of the model whose degradation it is, where the output does not say so itself.
    limit
        Relative error above which an output fails, whatever made it; None: 0.2, and interpolations do not fail.
    """

    model: str | Path | None = None
    limit: float | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and not self.limit > 0:
            raise UsageError(f"a limit of {self.limit:g} passes no output; give a share such as 0.2")

    def observation(
        self, session: Session, domain: str, source: Source, factors: tuple[int, ...], made: Provenance
    ) -> Observation:
        """Return how `source` is seen from an output of `made`.

        Raises ModelError where there is no such model, RecipeError or PluginError where its steps do not fit.
        """
        scale = Scale(**{role: factors[axis] for role, axis in source.roles.items()})
        declared, network = made.degradation, made.model_sha256 is not None
        if made.consistency:
            declared = tuple(made.consistency.get("degradation", declared))
        if self.model is not None:
            declared, network = _declared(session, str(self.model)), str(self.model) not in KINDS
        found = observed_by(session.plugins, domain, source, scale, declared, network=network)
        found.least_gain(sum(channel.role == "image" for channel in source.channels))  # fails where steps do not fit
        return found


def measured(source: Source, output: Source, observation: Observation) -> Agreement:
    """Return how far a finished `output` agrees with `source`; both have the same channels and frames."""
    images = [i for i, channel in enumerate(source.channels) if channel.role == "image"]
    axis = source.slab.axis
    return gathered(read_again(output, axis), source, observation, images, axis)


def judged(agreement: Agreement, limit: float | None, codes: Mapping[str, str]) -> tuple[list[Finding], Passed]:
    """Return what is wrong with an agreement, and which rules hold; `codes` are a domain's numbers of them.

    Interpolations are judged only by a limit that the user has set: they were taught no degradation.
    """
    if agreement.origin == "box mean" and limit is None:
        return [], ()
    most = LIMIT if limit is None else limit
    differs = f"degraded again, it differs from the input by {agreement.relative:.3g} of its spread"
    radiometric = codes.get("radiometric", AGREEMENT_CODE)
    if agreement.relative > most:
        wrong = [Finding("failure", f"{differs}, more than {most:g}", radiometric)]
        passed: list[tuple[str, str]] = []
    else:
        wrong, passed = [], [(radiometric, f"{differs}, at most {most:g}")]
    if agreement.spectral_angle_deg is not None:
        _judge_spectra(agreement, codes.get("spectral", "spectra"), wrong, passed)
    return wrong, tuple(passed)


def _judge_spectra(agreement: Agreement, code: str, wrong: list[Finding], passed: list[tuple[str, str]]) -> None:
    """Add what is to be said of spectra: they only warn."""
    bias = max((abs(channel.relative_bias or 0.0) for channel in agreement.channels), default=0.0)
    angle = agreement.spectral_angle_deg or 0.0
    said = f"spectra are off by {angle:.3g} degrees, channels by {bias:.2%}"
    limits = f"{ANGLE_WORTH_A_WARNING:g} degree and {BIAS_WORTH_A_WARNING:.0%}"
    if angle > ANGLE_WORTH_A_WARNING or bias > BIAS_WORTH_A_WARNING:
        wrong.append(Finding("warning", f"{said}, more than {limits}", code))
    else:
        passed.append((code, f"{said}, at most {limits}"))


def _declared(session: Session, model: str) -> tuple[Mapping[str, object], ...]:
    """Return the degradation that a model declares; none for an interpolation."""
    if model in KINDS:
        return ()
    info = model_named(session.plugins, model)
    if info is None:
        raise ModelError(f"{model}: is no model that can be read; see `srkit models list`")
    return info.degradation
