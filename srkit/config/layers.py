"""Lays recipes over one another: what a later one says replaces what an earlier one said, key by key.

Every value keeps the name of the layer that it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from srkit.errors import RecipeError


@dataclass(frozen=True, slots=True)
class Given:
    """A plain value of a recipe, and who said it; equal to another by the value alone."""

    value: Any
    origin: str = field(compare=False)


def marked(content: Any, origin: str) -> Any:
    """Return mappings and lists of `content` as they are, with every plain value in them as `Given`."""
    if isinstance(content, Mapping):
        return {key: marked(value, origin) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [marked(value, origin) for value in content]
    return Given(content, origin)


def plain(content: Any) -> Any:
    """Return marked `content` without its marks."""
    if isinstance(content, Mapping):
        return {key: plain(value) for key, value in content.items()}
    if isinstance(content, list):
        return [plain(value) for value in content]
    return content.value


def merged(base: Mapping[str, Any], over: Mapping[str, Any], top: bool = True) -> dict[str, Any]:
    """Return `over` laid on `base`, mapping by mapping; both are marked.

    A section of another `name` or `kind` replaces the old one: its parameters would mean nothing to the new one.
    """
    if not top and any(key in over and key in base and over[key] != base[key] for key in ("name", "kind")):
        return dict(over)
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merged(old, value, top=False)
        elif isinstance(old, Sequence) and isinstance(value, Mapping) and value and all(_is_index(k) for k in value):
            value = _merged_items(old, value)
        result[key] = value
    return result


def _is_index(key: Any) -> bool:
    return isinstance(key, int) or (isinstance(key, str) and key.isdigit())


def _merged_items(old: Sequence[Any], over: Mapping[Any, Any]) -> list[Any]:
    """Return a list with some entries changed: ``phases.0.steps=2``."""
    result = list(old)
    for key, value in over.items():
        index = int(key)
        if index >= len(result):
            raise RecipeError(f"there is no entry {index} to override; the list has {len(result)}")
        both = isinstance(result[index], Mapping) and isinstance(value, Mapping)
        result[index] = merged(result[index], value, top=True) if both else value
    return result


def read_layer(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file, marked with its path. Raises RecipeError where it holds no mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as a recipe ({type(error).__name__}); give a YAML file") from error
    content = _parse(text, str(path))
    if not isinstance(content, dict):
        raise RecipeError(f"{path}: holds no mapping of keys; see configs/ for recipes to start from")
    return dict(marked(content, str(path)))


def override_layer(text: str) -> dict[str, Any]:
    """Return ``"a.b=c"`` as ``{"a": {"b": c}}``, marked. Raises RecipeError for text of another form."""
    key, equals, value = text.partition("=")
    if not equals or not all(key.split(".")):
        raise RecipeError(f"override {text!r} is not of the form section.key=value")
    result: Any = _parse(value, f"override {text!r}")
    for part in reversed(key.split(".")):
        result = {part: result}
    return dict(marked(result, f"--set {key}"))


class _Loader(yaml.SafeLoader):
    """Safe YAML with the floats of YAML 1.2 (``1e-4`` is text in 1.1), that refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)$"),
    list("-+.0123456789"),
)


def _parse(text: str, where: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # a subclass of SafeLoader
    except yaml.YAMLError as error:
        raise RecipeError(f"{where}: is no YAML: {' '.join(str(error).split())}") from error
