"""What a call of `evaluate` asks for: its arguments by name, and as one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypedDict

from srkit.domain import Options
from srkit.errors import UsageError, nearest_known
from srkit.evaluation.linear import Linear
from srkit.grid import Scale
from srkit.plugins import Plugins
from srkit.upscaling.session import Session

ProgressCall = Callable[[int, int, str], None]
ALL = ("nearest", "bicubic", "bspline", "lanczos")
ScaleLike = Scale | str | int | Sequence[int]


class Asked(TypedDict, total=False):
    """The arguments of `evaluate` beside its path; all of them may be left out.

    Parameters
    ----------
    scale
        Factor, as `upscale` takes it; by default that of the first model, or 2.
    models
        Paths or names of models, or names of interpolations, or ``wiener``: the linear optimum for `degradation`.
        One of them need not be in a list.
    domain
        Which items; by default of any domain (of the model's, where one is named).
    degradation
        How LR comes from HR, as in a recipe; by default that of the first model that names one, else the domain's own.
    metrics
        Figures beside the usual ones, which take long or need something: ``cpsnr``; ``st_lpips``, ``lpips`` and
        ``lpips_vgg``, which need weights; ``unsupported`` and ``added``, of detail beyond the input, which are always
        told of a model for looks and its rivals; ``synthesis``, ``improvement``, ``omission`` and ``hallucination``,
        which place outputs between the input and HR.
    interpolations
        Which interpolations are measured beside the models; by default all.
    linear
        What ``wiener`` knows; by default `degradation`, and what suits images with little noise.
    options, plugins
        Options of domains, by the domain's name; and the plugins to use, by default the installed ones.
    progress
        Told (items done, items in all, item).
    """

    scale: ScaleLike | None
    models: str | Path | Sequence[str | Path]
    domain: str | None
    degradation: Sequence[Mapping[str, Any]] | None
    metrics: Sequence[str]
    interpolations: Sequence[str]
    linear: Linear
    options: Mapping[str, Options] | None
    plugins: Plugins | None
    progress: ProgressCall | None


def _silent(done: int, total: int, note: str) -> None:
    """Tell nothing."""


@dataclass(frozen=True, eq=False, slots=True)
class Request:
    """The arguments of a call, each in the one form that it has from then on."""

    session: Session
    scale: Scale | None = None
    models: tuple[str, ...] = ()
    domain: str | None = None
    degradation: Sequence[Mapping[str, Any]] | None = None
    metrics: Sequence[str] = ()
    interpolations: Sequence[str] = ALL
    linear: Linear = field(default_factory=Linear)
    progress: ProgressCall = _silent

    @classmethod
    def of_call(cls, asked: Mapping[str, Any]) -> Self:
        """Return what the arguments mean. Raises UsageError where they cannot be meant, TypeError for others."""
        known = list(Asked.__annotations__)
        for name in asked:
            if name not in known:
                raise TypeError(f"evaluate() takes no argument {name!r}{nearest_known(name, known)}")
        given = {name: FORMS.get(name, _as_it_is)(value) for name, value in asked.items() if value is not None}
        session = Session.of_call(given.pop("plugins", None), given.pop("options", None))
        return cls(session, **given)


def _scale(given: ScaleLike) -> Scale:
    return given if isinstance(given, Scale) else Scale.parse(given)


def _models(given: str | Path | Sequence[str | Path]) -> tuple[str, ...]:
    return (str(given),) if isinstance(given, str | Path) else tuple(str(model) for model in given)


def _interpolations(given: Sequence[str]) -> tuple[str, ...]:
    for name in given:
        if name not in ALL:
            raise UsageError(f"no interpolation {name!r} (known: {', '.join(ALL)}){nearest_known(name, ALL)}")
    return tuple(given)


def _as_it_is(given: Any) -> Any:
    return given


FORMS: Mapping[str, Callable[[Any], Any]] = {
    "scale": _scale,
    "models": _models,
    "interpolations": _interpolations,
}
