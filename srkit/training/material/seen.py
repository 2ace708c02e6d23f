"""What a run sees of its data, so that its model can tell images of another kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from srkit.data.loader import BatchMaker
from srkit.data.opening import OpenItems
from srkit.errors import InputError
from srkit.models.info import Seen

BATCHES = 4
PERCENTILES = (1, 99)


def measured(seen: Seen, items: OpenItems, maker: BatchMaker) -> Seen:
    """Return `seen` with the values of the first batches' LR, in network range.

    Where each item is normalised by its own range, neither that range nor what is measured matters, and both are left
    out.
    """
    if _by_item(items):
        return replace(seen, quantities=())
    values = np.concatenate([maker.make(step).lr.numpy().ravel() for step in range(BATCHES)])
    low, high = np.percentile(values, PERCENTILES)
    return replace(seen, values=(float(low), float(high)))


def _by_item(items: OpenItems) -> bool:
    for index in range(len(items)):
        try:
            with items.borrowed(index) as item:
                return bool(getattr(item.normalizer, "by_item", False))
        except InputError:
            continue
    return False
