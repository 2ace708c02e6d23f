"""A collapse, noticed: a network that answers every image with one flat value."""

from __future__ import annotations

import torch
from torch import Tensor

FLAT = 1e-3  # of the spread of HR; a fresh network of random weights has far more
PATIENCE = 200


class Flatness:
    """Counts, on the device, for how many steps in a row SR has been one flat value while HR was not.

    From `patience` on that is a collapse, after which it counts anew.
    """

    def __init__(self, patience: int = PATIENCE) -> None:
        self.patience = patience
        self._flat_for: Tensor | None = None

    @torch.no_grad()
    def look(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Look at a step's images; return the count, a scalar on their device."""
        before = torch.zeros((), device=sr.device) if self._flat_for is None else self._flat_for
        count = torch.where(sr.std() < FLAT * hr.std(), before + 1, 0)
        self._flat_for = torch.where(count < self.patience, count, 0)
        return count
