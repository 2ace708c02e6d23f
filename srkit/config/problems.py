"""Says in one sentence what is wrong with a recipe."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from srkit.config.recipe import Recipe
from srkit.errors import nearest_known


def first_problem(error: ValidationError) -> str:
    """Return one sentence on the first problem; further ones appear when it is mended."""
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        key = str(problem["loc"][-1])
        known = sorted(_known_keys(problem["loc"][:-1]))
        return f"unknown key {place!r}" + (nearest_known(key, known) or f"; known are {', '.join(known)}")
    if problem["type"] == "missing":
        return f"{place!r} is missing; add it"
    text = problem["msg"].removeprefix("Value error, ")
    return f"{place} = {problem['input']!r}: {text}" if place else text


def _known_keys(place: tuple[int | str, ...]) -> set[str]:
    model: type[BaseModel] = Recipe
    for part in place:
        if part in model.model_fields:
            model = _section_in(model.model_fields[str(part)].annotation) or model
    return set(model.model_fields)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_section_in, get_args(annotation)) if found), None)
