"""Whether a degradation does the same to every channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from srkit.domain import Degradation


def is_alike(degradation: Degradation) -> bool:
    """Tell whether the steps do the same to every channel: none is a plugin's, none has a number for each."""
    return all(step.function is None and _is_for_all(step.parameters) for step in degradation.steps)


def _is_for_all(parameters: Mapping[str, Any]) -> bool:
    lists = [value for key, value in parameters.items() if key != "axes" and isinstance(value, (list, tuple))]
    return not any(len(value) > 1 for value in lists)
