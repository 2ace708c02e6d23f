"""A running mean of the generator's weights: calmer than the last step's, and often better to look at."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn


class Average:
    """The exponential moving average of a network's weights, in float32; all else (batch-norm statistics) is copied.

    Parameters
    ----------
    network
        What is averaged; the mean starts as it is.
    decay
        Share of the past that stays at each update.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._source = network
        self._decay = decay
        self.network = deepcopy(network).requires_grad_(False)

    @torch.no_grad()
    def update(self) -> None:
        """Take the network's present weights into the mean."""
        for weight, latest in zip(self.network.parameters(), self._source.parameters(), strict=True):
            weight.lerp_(latest, 1 - self._decay)
        for statistic, now in zip(self.network.buffers(), self._source.buffers(), strict=True):
            statistic.copy_(now)
