"""What a model is judged on and under: `items.csv` and `conditions.yaml` as values."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from srkit import degrade
from srkit.domain import Step
from srkit.models.file import ModelInfo

HERE = Path(__file__).resolve().parent
Steps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table of items: a `path` below the folder of data, whose `subject` counts once.

    `use` is ``validation`` (tuning of the linear rival), ``test``, ``elsewhere`` (out of the model's domain), ``real``
    (an input as it is, without a reference) or ``picture`` (one that may be shown).
    """

    set: str
    use: str
    path: str
    subject: str
    licence: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """How LR comes from HR; `own` says that it is what the model was trained to undo, up to noise."""

    title: str
    steps: Steps
    own: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a model is judged on.

    `linear` is what its linear rival may know of the degradation, `trained_on` the titles of those conditions that the
    model's training could have drawn.
    """

    linear: Steps
    conditions: tuple[Condition, ...]
    entries: tuple[Entry, ...]
    benchmarks: Mapping[str, str]
    trained_on: frozenset[str] = frozenset()

    def of_use(self, use: str) -> list[Entry]:
        """Return the entries of one use."""
        return [entry for entry in self.entries if entry.use == use]


def kind_of(info: ModelInfo) -> str:
    """Return which set of items and conditions is a model's: its domain, and along which axes it enlarges."""
    return f"{info.domain}-{'through-plane' if info.scale.slice > 1 else 'in-plane'}"


def plan_for(info: ModelInfo, folder: Path = HERE) -> Plan:
    """Return what a model is judged on.

    The noise-free form of what it declares comes first, then that with noise, then what it was not trained on. Raises
    KeyError for a kind of model that `conditions.yaml` does not know.
    """
    kind = kind_of(info)
    known = yaml.safe_load((folder / "conditions.yaml").read_text(encoding="utf-8"))[kind]
    recipe = degrade.parse(info.degradation)
    declared = [{"name": step.name, **step.parameters} for step in degrade.noise_free(recipe).steps]
    conditions = [Condition("noise-free", declared, own=True)]
    conditions += [Condition(title, _noisy(declared, at), own=True) for title, at in known.get("noise", {}).items()]
    conditions += [Condition(title, steps, own=False) for title, steps in known.get("foreign", {}).items()]
    with (folder / "items.csv").open(encoding="utf-8", newline="") as file:
        entries = tuple(entry for entry in (Entry(**row) for row in csv.DictReader(file)) if entry.set == kind)
    drawn = list(degrade.each(recipe.steps))
    trained_on = frozenset(one.title for one in conditions if all(_is_among(step, drawn) for step in one.steps))
    return Plan(declared, tuple(conditions), entries, known.get("benchmarks", {}), trained_on)


def _noisy(declared: Steps, at: Mapping[str, Mapping[str, Any]]) -> Steps:
    return [*([at["before"]] if "before" in at else []), *declared, *([at["after"]] if "after" in at else [])]


def _is_among(step: Mapping[str, Any], drawn: Iterable[Step]) -> bool:
    """Tell whether a step with fixed parameters is one that training could have drawn."""
    return any(
        step["name"] == other.name
        and step.keys() - {"name"} == other.parameters.keys()
        and all(_holds(other.parameters[key], step[key]) for key in other.parameters)
        for other in drawn
    )


def _holds(written: object, value: object) -> bool:
    """Tell whether a parameter of a recipe, a range, a choice or a value, can be `value`."""
    if isinstance(written, Mapping) and "any" in written:
        return value in written["any"]
    if isinstance(written, Mapping) and "from" in written and isinstance(value, int | float):
        return bool(written["from"] <= value <= written["to"])
    return written == value
