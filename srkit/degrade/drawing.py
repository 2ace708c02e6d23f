"""What is drawn anew for every sample: parameters that are ranges, and steps of which one is taken.

In a recipe a parameter of any step may be ``{from: 0.4, to: 0.6}`` (each number between is as likely as any other) or
``{any: [area, bicubic], weights: [1, 2]}``. ``{name: one_of, steps: [A, [B, C], []], weights: [3, 2, 1]}`` takes A, or
B and C, or nothing. Without a generator (the noise-free form) a range is its middle, and a choice is its heaviest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from srkit.domain import Degradation, Step
from srkit.errors import RecipeError, nearest_known

ONE_OF = "one_of"
Draw = Callable[[], float]
"""Returns the next random number, in [0, 1)."""


def settled(degradation: Degradation, generator: torch.Generator | None) -> Degradation:
    """Return the degradation with all that is to be drawn drawn; the same state of `generator` gives the same one."""
    if not any(is_open(step) for step in degradation.steps):
        return degradation
    draw = None if generator is None else _drawing(generator)
    return replace(degradation, steps=tuple(_settled_steps(degradation.steps, draw)))


def is_open(step: Step) -> bool:
    """Tell whether something of `step` is drawn anew for every sample."""
    return step.name == ONE_OF or any(_is_open_value(value) for value in step.parameters.values())


def corners(parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every combination of what bounds each parameter: the ends of ranges, all that may be chosen."""
    names = list(parameters)
    return [dict(zip(names, chosen, strict=True)) for chosen in itertools.product(*map(_ends, parameters.values()))]


def alternatives(step: Step) -> list[list[Step]]:
    """Return the lists of steps of which ``one_of`` takes one. Raises RecipeError where it is not written so."""
    known = ("steps", "weights")
    for key in step.parameters:
        if key not in known:
            raise RecipeError(f"degradation step {ONE_OF!r} has no parameter {key!r}{nearest_known(key, known)}")
    given = step.parameters.get("steps")
    if not isinstance(given, (list, tuple)) or not given:
        raise RecipeError(f"step {ONE_OF!r} needs steps, a list of steps or of lists of steps; it has {given!r}")
    _weights(step.parameters.get("weights"), len(given), f"step {ONE_OF!r}")
    return [[as_step(part) for part in (entry if isinstance(entry, (list, tuple)) else [entry])] for entry in given]


def as_step(entry: object) -> Step:
    """Return the step of a recipe's mapping; a step is one already. Raises RecipeError for one without a name."""
    if isinstance(entry, Step):
        return entry
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise RecipeError(f"degradation step {entry!r} is not a mapping with a name, such as {{name: bicubic}}")
    return Step(entry["name"], {key: value for key, value in entry.items() if key != "name"})


def changed(degradation: Degradation, change: Callable[[Step], list[Step]]) -> Degradation:
    """Return the degradation with each step replaced by what `change` returns, those inside ``one_of`` as well."""

    def within(step: Step) -> list[Step]:
        if step.name != ONE_OF:
            return change(step)
        lists = [[found for part in parts for found in within(part)] for parts in alternatives(step)]
        return [Step(ONE_OF, {**step.parameters, "steps": [[_as_entry(part) for part in parts] for parts in lists]})]

    return replace(degradation, steps=tuple(found for step in degradation.steps for found in within(step)))


def each(steps: Iterable[Step]) -> Iterator[Step]:
    """Yield the steps, those inside ``one_of`` in its place."""
    for step in steps:
        if step.name == ONE_OF:
            yield from each(part for parts in alternatives(step) for part in parts)
        else:
            yield step


def _as_entry(step: Step) -> Step | dict[str, Any]:
    """Return a step as a recipe lists it; one of a plugin's stays what it is."""
    return {"name": step.name, **step.parameters} if step.function is None else step


def _drawing(generator: torch.Generator) -> Draw:
    return lambda: float(torch.rand(1, generator=generator, dtype=torch.float64, device=generator.device))


def _settled_steps(steps: Sequence[Step], draw: Draw | None) -> Iterator[Step]:
    for step in steps:
        if step.name == ONE_OF:
            weights = _weights(step.parameters.get("weights"), len(step.parameters["steps"]), f"step {ONE_OF!r}")
            yield from _settled_steps(_chosen(alternatives(step), weights, draw), draw)
        elif is_open(step):
            drawn = {key: _settled_value(value, draw) for key, value in step.parameters.items()}
            yield replace(step, parameters=drawn)
        else:
            yield step


def _chosen(options: Sequence[Any], weights: Sequence[float], draw: Draw | None) -> Any:
    if draw is None:
        return options[weights.index(max(weights))]
    left = draw() * sum(weights)
    for option, weight in zip(options, weights, strict=True):
        left -= weight
        if left < 0:
            return option
    return options[-1]


def _is_open_value(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, (list, tuple)) and any(map(_is_open_value, value)))


def _settled_value(value: Any, draw: Draw | None) -> Any:
    if isinstance(value, (list, tuple)):
        return [_settled_value(entry, draw) for entry in value]
    if not isinstance(value, Mapping):
        return value
    if "any" in value:
        return _chosen(*_choice(value), draw)
    low, high = _range(value)
    return low + (high - low) * (0.5 if draw is None else draw())


def _ends(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        # each entry is bounded by itself: all lowest and all highest are enough
        ends = [_ends(entry) for entry in value]
        return [[end[0] for end in ends], [end[-1] for end in ends]] if _is_open_value(value) else [value]
    if not isinstance(value, Mapping):
        return [value]
    return list(_choice(value)[0]) if "any" in value else list(dict.fromkeys(_range(value)))


def _range(value: Mapping[str, Any]) -> tuple[float, float]:
    numbers = [value.get(key) for key in ("from", "to")]
    if set(value) != {"from", "to"} or not all(isinstance(n, (int, float)) and math.isfinite(n) for n in numbers):
        raise RecipeError(f"{dict(value)} is no range; write {{from: 0.4, to: 0.6}}, or {{any: [1, 2]}} for a choice")
    low, high = float(value["from"]), float(value["to"])
    if low > high:
        raise RecipeError(f"the range {dict(value)} ends below its beginning; write the lower number as `from`")
    return low, high


def _choice(value: Mapping[str, Any]) -> tuple[list[Any], list[float]]:
    options = value.get("any")
    if set(value) - {"any", "weights"} or not isinstance(options, (list, tuple)) or not options:
        raise RecipeError(f"{dict(value)} is no choice; write {{any: [1, 2]}}, with weights if need be")
    return list(options), _weights(value.get("weights"), len(options), f"choice {list(options)}")


def _weights(given: Any, count: int, what: str) -> list[float]:
    if given is None:
        return [1.0] * count
    numbers = list(given) if isinstance(given, (list, tuple)) else []
    if len(numbers) != count or not all(isinstance(n, (int, float)) and 0 <= n < math.inf for n in numbers):
        raise RecipeError(f"weights of {what} are {given!r}, and must be {count} numbers of at least 0")
    if not sum(numbers) > 0:
        raise RecipeError(f"weights of {what} are all 0; one of them must be above")
    return [float(n) for n in numbers]
