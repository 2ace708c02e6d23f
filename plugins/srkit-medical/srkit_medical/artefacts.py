"""What goes wrong in an MR scanner, as steps of a degradation, by name in a recipe.

``{name: bias_field, strength: 0.3}``, ``{name: spikes}``, ``{name: ghosting}``, ``{name: motion}``, by themselves or
among the steps of a ``one_of``. Each acts on whole planes, anew for every sample, and is left out where a degradation
is asked for its noise-free form. Bias field and spikes are MONAI's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from srkit.domain import Degradation, Step
from srkit.errors import RecipeError, nearest_known
from srkit.image import Array, Source

ONE_OF = "one_of"


def names_artefacts(spec: Sequence[Any]) -> bool:
    """Tell whether a recipe's list has a step of ours, be it one of which one is taken."""
    return any(_names(entry) for entry in spec)


def _names(entry: Any) -> bool:
    if isinstance(entry, list | tuple):
        return names_artefacts(entry)
    return isinstance(entry, Mapping) and (entry.get("name") in ARTEFACTS or names_artefacts(_alternatives(entry)))


def with_artefacts(spec: Sequence[Mapping[str, Any]], source: Source) -> Degradation:
    """Return the steps of a recipe's list; those that are not ours are the core's to build and to check.

    Raises RecipeError for a parameter that a step of ours does not have, or that is no number.
    """
    return Degradation(tuple(_step(entry, source) for entry in spec))


def _step(entry: Mapping[str, Any], source: Source) -> Step:
    name, given = entry["name"], {key: value for key, value in entry.items() if key != "name"}
    if name in ARTEFACTS:
        return _artefact(name, given, source)
    if names_artefacts(_alternatives(entry)):
        given["steps"] = [_inner(option, source) for option in _alternatives(entry)]
    return Step(name, given)


def _alternatives(entry: Mapping[str, Any]) -> Sequence[Any]:
    """Return the entries of which ``one_of`` takes one; none of other steps, or where it is not written as a list."""
    steps = entry.get("steps") if entry.get("name") == ONE_OF else None
    return steps if isinstance(steps, list | tuple) else ()


def _inner(option: Any, source: Source) -> Any:
    """Return an alternative with steps of ours as steps, and all else as it is."""
    if isinstance(option, list | tuple):
        return [_inner(entry, source) for entry in option]
    return _step(option, source) if _names(option) else option


def _artefact(name: str, given: Mapping[str, Any], source: Source) -> Step:
    function, known = ARTEFACTS[name]
    for key, value in given.items():
        if key != known:
            raise RecipeError(f"degradation step {name!r} has no parameter {key!r}{nearest_known(key, [known])}")
        if not all(_is_amount(bound) for bound in _bounds(value)):
            raise RecipeError(f"{key} of step {name!r} is {value!r}, and must be a number of at least 0, or a range")
    margin = tuple(0 if a == source.roles.get("slice") else None for a in range(source.grid.ndim))
    return Step(name, given, partial(function, axis=1 + source.roles["row"]), margin, random=True)


def _bounds(value: Any) -> Sequence[Any]:
    """Return the ends of a range, or what may be chosen; else the value alone."""
    if not isinstance(value, Mapping):
        return [value]
    chosen = value.get("any", [value.get("from"), value.get("to")])
    return chosen if isinstance(chosen, list | tuple) else [chosen]


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6


def _bias_field(values: Array, rng: np.random.Generator, *, strength: float = 0.3, axis: int) -> Array:
    """Multiply by the exponential of a random polynomial of third degree (Sudre et al. 2017)."""
    from monai.transforms import RandBiasField

    return _drawn(RandBiasField(coeff_range=(-strength, strength), prob=1.0), values, rng)


def _spikes(values: Array, rng: np.random.Generator, *, strength: float = 1.0, axis: int) -> Array:
    """Add a bright point to k-space: a herringbone over the image. `strength` is in logarithms of magnitude."""
    from monai.transforms import RandKSpaceSpikeNoise

    peak = float(np.log(np.abs(np.fft.fftn(values[0])).max() + 1e-10))
    level = peak - 3 + strength
    return _drawn(RandKSpaceSpikeNoise(prob=1.0, intensity_range=(level - 1, level), channel_wise=False), values, rng)


def _drawn(transform: Any, values: Array, rng: np.random.Generator) -> Array:
    transform.set_random_state(seed=int(rng.integers(2**31)))
    return np.asarray(transform(values.astype(np.float32)), dtype=values.dtype)


def _ghosting(values: Array, rng: np.random.Generator, *, strength: float = 0.3, axis: int) -> Array:
    """Weaken every other line of k-space by up to `strength`: a ghost half a field of view away."""
    lines = np.fft.fft(values, axis=axis)
    weak = np.arange(values.shape[axis]) % 2 == 1
    share = rng.uniform(0, min(1.0, strength))
    shape = [1] * values.ndim
    shape[axis] = -1
    return np.asarray(np.fft.ifft(lines * np.where(weak, 1 - share, 1).reshape(shape), axis=axis).real, values.dtype)


def _motion(values: Array, rng: np.random.Generator, *, shift: float = 2.0, axis: int) -> Array:
    """Let the subject move once, up to `shift` samples, while lines of k-space are taken in order."""
    length = values.shape[axis]
    k = np.fft.fftfreq(length)
    order = np.argsort(np.argsort(k))  # when each line is taken
    when = rng.integers(length // 8, max(length // 2, length // 8 + 1))
    moved = order < when if rng.random() < 0.5 else order >= length - when  # the centre is taken at rest
    way = rng.uniform(-1, 1) * shift
    phase = np.where(moved, np.exp(-2j * np.pi * k * way), 1)
    shape = [1] * values.ndim
    shape[axis] = -1
    return np.asarray(np.fft.ifft(np.fft.fft(values, axis=axis) * phase.reshape(shape), axis=axis).real, values.dtype)


ARTEFACTS: Mapping[str, tuple[Callable[..., Array], str]] = {
    "bias_field": (_bias_field, "strength"),
    "spikes": (_spikes, "strength"),
    "ghosting": (_ghosting, "strength"),
    "motion": (_motion, "shift"),
}
"""Functions by name, and the parameter of each."""
