"""The versions that an output depends on beside its model: other ones may give other bytes."""

from __future__ import annotations

import platform
import re
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points

GROUP = "srkit.plugins"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@cache
def packages() -> dict[str, str]:
    """Return the versions of Python, and of what srkit and its installed plugins need, by name."""
    owners = [_found("srkit"), *(point.dist for point in entry_points(group=GROUP))]
    names = {name for owner in owners if owner is not None for name in (owner.name, *_needed(owner))}
    versions = {name: found.version for name in sorted(names) if (found := _found(name)) is not None}
    return {"python": platform.python_version(), **versions}


def _needed(owner: Distribution) -> list[str]:
    """Return the names of what a distribution always needs."""
    always = [text for text in owner.requires or () if "extra ==" not in text]
    return [match[0] for text in always if (match := _NAME.match(text))]


def _found(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None
