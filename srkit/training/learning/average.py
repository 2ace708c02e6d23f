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
        Share of the past that stays at an update, once a phase is some ``10 / (1 - decay)`` steps old. Before, it is
        ``(1 + step) / (10 + step)``: a long memory would hold on to weights that have learnt nothing.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._source = network
        self._decay = decay
        self.network = deepcopy(network).requires_grad_(False)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the network's present weights, those after step number `step` of a phase, into the mean."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for weight, latest in zip(self.network.parameters(), self._source.parameters(), strict=True):
            weight.lerp_(latest, 1 - decay)
        for statistic, now in zip(self.network.buffers(), self._source.buffers(), strict=True):
            statistic.copy_(now)
