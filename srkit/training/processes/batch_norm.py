"""Batch normalisation over the images of all processes.

`torch.nn.SyncBatchNorm` does that on GPUs only, and cannot be differentiated twice, as R1 asks of discriminators.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from srkit.training.processes.world import World, summed


class SharedBatchNorm(_BatchNorm):
    """Batch normalisation of ``(N, C, *spatial)`` by mean and variance of what all processes see.

    All see equally many samples. Parameters, buffers and evaluation are those of torch's batch normalisation.
    """

    def __init__(self, like: _BatchNorm, size: int) -> None:
        super().__init__(like.num_features, like.eps, like.momentum, like.affine, like.track_running_stats)
        self.load_state_dict(like.state_dict())
        self._size = size

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised input. Raises what torch's does where there is but one sample."""
        if not self.training:
            return super().forward(input)
        values = input.float()
        axes = [0, *range(2, values.ndim)]
        own_mean = values.mean(axes)
        mean = summed(own_mean) / self._size
        variance = summed(values.var(axes, correction=0) + (own_mean - mean).square()) / self._size
        with torch.no_grad():
            self._remember(mean, variance, self._size * values.numel() // self.num_features)
        factor = torch.rsqrt(variance + self.eps)
        factor = factor if self.weight is None else factor * self.weight
        shift = -mean * factor if self.bias is None else self.bias - mean * factor
        shape = (1, -1, *[1] * (values.ndim - 2))
        return torch.addcmul(shift.view(shape), values, factor.view(shape)).to(input.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, samples: int) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * samples / max(1, samples - 1), share)

    def _check_input_dim(self, input: Tensor) -> None:
        """Take any number of axes."""


def share_batch_norm(network: nn.Module, world: World) -> nn.Module:
    """Return `network` with its batch normalisation over all processes of `world`; as it is in a process alone."""
    if world.size == 1:
        return network
    if isinstance(network, _BatchNorm):
        return SharedBatchNorm(network, world.size)
    for name, child in network.named_children():
        setattr(network, name, share_batch_norm(child, world))
    return network
