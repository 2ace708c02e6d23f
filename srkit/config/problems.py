"""Says what is wrong with a recipe: every unknown key at once, anything else one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from srkit.config.recipe import Recipe
from srkit.errors import nearest_known

MOST_LINES = 12
"""More unknown keys than a reader mends by a list: the file is hardly a recipe."""
Place = tuple[int | str, ...]


def problems_of(error: ValidationError) -> str:
    """Return one sentence, or a line for each of several unknown keys; other problems appear when those are mended."""
    problems = error.errors(include_url=False)
    unknown = [problem["loc"] for problem in problems if problem["type"] == "extra_forbidden"]
    if unknown:
        return _unknown(unknown)
    problem = problems[0]
    place = _dotted(problem["loc"])
    if problem["type"] == "missing":
        return f"{place!r} is missing; add it"
    text = problem["msg"].removeprefix("Value error, ")
    return f"{place} = {problem['input']!r}: {text}" if place else text


def _unknown(places: Iterable[Place]) -> str:
    """Return what to write in their stead: the nearest key of each, and known ones once a section for all others."""
    lines, strange = [], defaultdict[Place, list[str]](list)
    for place in places:
        hint = nearest_known(str(place[-1]), _known_keys(place[:-1]))
        if hint:
            lines.append(f"{_dotted(place)!r}{hint}")
        else:
            strange[place[:-1]].append(repr(_dotted(place)))
    lines += _without_hint(strange)
    if len(lines) == 1:
        several = any(len(names) > 1 for names in strange.values())
        return f"unknown {'keys' if several else 'key'} {lines[0]}"
    left = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return "\n  ".join(["unknown keys:", *lines[:MOST_LINES], *left])


def _without_hint(strange: Mapping[Place, list[str]]) -> list[str]:
    known = {section: ", ".join(sorted(_known_keys(section))) for section in strange}
    return [f"{', '.join(names)}; known are {known[section]}" for section, names in strange.items()]


def _dotted(place: Place) -> str:
    return ".".join(str(part) for part in place)


def _known_keys(place: Place) -> set[str]:
    model: type[BaseModel] = Recipe
    for part in place:
        if part in model.model_fields:
            model = _section_in(model.model_fields[str(part)].annotation) or model
    return set(model.model_fields)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_section_in, get_args(annotation)) if found), None)
