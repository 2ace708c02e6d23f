"""Batch normalisation folded into the convolution before it: the same function in evaluation, one pass less."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def folded(network: nn.Module) -> nn.Module:
    """Return a copy of `network` in evaluation mode in which no batch norm follows a convolution of a Sequential.

    Rounding apart, its output is that of `network` in evaluation mode; `network` itself is left as it is.
    """
    result = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(result.modules()):
        if isinstance(module, nn.Sequential):
            _fold(module)
    return result


def has_batch_norm(network: nn.Module) -> bool:
    """Tell whether there is anything that `folded` could change."""
    return any(isinstance(module, _NORMS) for module in network.modules())


def _fold(chain: nn.Sequential) -> None:
    for position in range(len(chain) - 1):
        first, second = chain[position], chain[position + 1]
        if isinstance(first, _CONVOLUTIONS) and isinstance(second, _NORMS) and second.track_running_stats:
            chain[position] = fuse_conv_bn_eval(first, second)
            chain[position + 1] = nn.Identity()
