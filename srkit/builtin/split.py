"""Parts items into training, validation and test sets so that no group is in two of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence

from srkit.domain import Item, Part
from srkit.errors import RecipeError


def split_by_group(items: Sequence[Item], fractions: Mapping[str, float], seed: int) -> dict[str, list[Part]]:
    """Return the parts of `items` per name in `fractions`.

    Groups are put in the order of a hash of `seed` and their name, and dealt out so that each split has its share
    of groups, rounded, and at least one while there are enough. An item without a group is one by its path, counted
    from the folder that all items share, so that moving the data changes nothing.
    Raises RecipeError for fractions that are no shares.
    """
    if not fractions or any(f < 0 for f in fractions.values()) or sum(fractions.values()) <= 0:
        raise RecipeError(f"split fractions {dict(fractions)} must be shares of at least 0 with a sum above 0")
    groups = _groups(items)
    order = sorted(groups, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    result: dict[str, list[Part]] = {}
    first = 0
    for split, count in _counts(len(order), fractions).items():
        chosen = set(order[first : first + count])
        members = {id(item) for name in chosen for item in groups[name]}
        result[split] = [Part(item) for item in items if id(item) in members]
        first += count
    return result


def _groups(items: Sequence[Item]) -> dict[str, list[Item]]:
    root = os.path.commonpath([item.path.absolute().parent for item in items]) if items else ""
    groups: dict[str, list[Item]] = {}
    for item in items:
        name = f"group:{item.group}" if item.group else f"path:{os.path.relpath(item.path.absolute(), root)}"
        groups.setdefault(name, []).append(item)
    return groups


def _counts(total: int, fractions: Mapping[str, float]) -> dict[str, int]:
    """Return how many of `total` groups each split gets: largest remainder, then nobody goes without if avoidable."""
    share = {name: total * f / sum(fractions.values()) for name, f in fractions.items()}
    counts = {name: int(exact) for name, exact in share.items()}
    by_remainder = sorted(share, key=lambda name: counts[name] - share[name])
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    for name in fractions:
        richest = max(counts, key=lambda n: counts[n])
        if counts[name] == 0 and fractions[name] > 0 and counts[richest] > 1:
            counts[richest] -= 1
            counts[name] += 1
    return counts
