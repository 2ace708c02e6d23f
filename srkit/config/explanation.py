"""Prints a recipe with the origin of each of its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from srkit.config.layers import Given
from srkit.config.loading import OriginalRecipe

NOBODY = "default"
_COLUMN = 48


def explained(original: OriginalRecipe) -> str:
    """Return the whole recipe as YAML that reads back to an equal one; a comment on each line names its origin."""
    content = original.recipe.model_dump(mode="json")
    lines = _lines(content, original.layers, "")
    return "".join(f"{text:<{_COLUMN}}  # {origin}\n" if origin else f"{text}\n" for text, origin in lines)


def _lines(content: Mapping[str, Any], marks: Any, indent: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of a mapping, each with its origin ("" for lines that only open a section)."""
    for key, value in content.items():
        mark = marks.get(key) if isinstance(marks, Mapping) else marks
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}:", ""
            yield from _lines(value, mark, f"{indent}  ")
        elif isinstance(value, list) and value and all(isinstance(entry, Mapping) and entry for entry in value):
            yield f"{indent}{key}:", ""
            yield from _items(value, mark, indent)
        else:
            yield f"{indent}{key}: {_flow(value)}", _origin(mark)


def _items(entries: list[Mapping[str, Any]], marks: Any, indent: str) -> Iterator[tuple[str, str]]:
    for index, entry in enumerate(entries):
        mark = marks[index] if isinstance(marks, list) else marks
        dash = f"{indent}  - "
        for text, origin in _lines(entry, mark, f"{indent}    "):
            yield dash + text[len(dash) :] if dash else text, origin
            dash = ""


def _flow(value: Any) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1_000_000)
        .removesuffix("...\n")
        .strip()
    )


def _origin(mark: Any) -> str:
    """Return who gave a value: the marks of a list name one each."""
    if isinstance(mark, Given):
        return mark.origin
    if isinstance(mark, list | Mapping):
        entries = mark.values() if isinstance(mark, Mapping) else mark
        return next((origin for entry in entries if (origin := _origin(entry)) != NOBODY), NOBODY)
    return NOBODY
