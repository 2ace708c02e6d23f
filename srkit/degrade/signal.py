"""Noise by its signal-to-noise ratio: what is signal differs from item to item, and is measured once for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from srkit.degrade.drawing import changed
from srkit.degrade.step import number_parameter, numbers_parameter
from srkit.domain import Degradation, Step
from srkit.errors import RecipeError


def with_signal(degradation: Degradation, measure: Callable[[], Sequence[float]]) -> Degradation:
    """Return the degradation with the item's mean signal told to each step that has an ``snr``.

    `measure` returns it, one number per channel in stored units; it is called once, if a step wants it.
    """
    measured: list[float] = []

    def told(step: Step) -> list[Step]:
        if "snr" not in step.parameters or step.parameters.get("signal") is not None:
            return [step]
        if not measured:
            measured.extend(measure())
        return [Step(step.name, {**step.parameters, "signal": list(measured)})]

    return changed(degradation, told)


def one_of_both(step: Any, absolute: str, name: str) -> bool:
    """Tell whether a noise step is given by `absolute` and not by its snr.

    Raises RecipeError where it is given by both or by neither, or by an snr that is none.
    """
    if (getattr(step, absolute) is None) == (step.snr is None):
        raise RecipeError(f"step {name!r} wants either {absolute} or snr; give one of them")
    if step.snr is not None:
        number_parameter(step.snr, f"snr of step {name!r}")
    return step.snr is None


def signal_of(step: Any, name: str) -> tuple[float, ...]:
    """Return the signal per channel. Raises RecipeError where nobody has told it."""
    if step.signal is None:
        raise RecipeError(f"step {name!r} does not know the signal that snr refers to; give it a signal as well")
    return numbers_parameter(step.signal, f"signal of step {name!r}")
