"""Items as JSON, for what a run keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from srkit.domain import Item

LEFT_OUT = ("group", "mosaic", "other_suffixes", "doubts")
"""What a group derives from may stand inside a medical file; the others matter to outputs alone."""


def item_to_json(item: Item) -> dict[str, Any]:
    """Return an item as JSON, its paths absolute."""
    content = {name: value for name, value in asdict(item).items() if name not in LEFT_OUT}
    return {**content, "paths": [str(path.absolute()) for path in item.paths]}


def item_from_json(content: Mapping[str, Any]) -> Item:
    """Return the item of `item_to_json`. Raises KeyError or TypeError where the content is damaged."""
    return Item(**{**content, "paths": tuple(Path(path) for path in content["paths"])})
