"""Figures on one line of JSON, with the digits of numbers that mean something."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """Write plain values to `path`, six digits of each number, and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_shortened(content), allow_nan=False) + "\n", encoding="utf-8")
    return path


def _shortened(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shortened(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_shortened(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
