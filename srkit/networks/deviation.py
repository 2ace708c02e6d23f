"""How far a network in bfloat16 strays from itself in float32: measured once, when a model is made."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from srkit.networks.fast import accelerated
from srkit.networks.post_ops import fusing_works

LENGTH = {2: 48, 3: 16}  # LR samples per axis: enough for a 99.9th percentile
PERCENTILE = 0.999


def measure_deviation(network: nn.Module, dtype: torch.dtype = torch.bfloat16) -> dict[str, float]:
    """Return what `deviation_of` says of `network` as it is run in `dtype`."""
    ndim = int(getattr(network, "ndim", 2))
    return deviation_of(network, lambda reference: accelerated(reference, dtype, fused=fusing_works(ndim, dtype)))


def deviation_of(network: nn.Module, other: Callable[[nn.Module], nn.Module]) -> dict[str, float]:
    """Return ``rms`` and ``p999`` (99.9th percentile) of the deviation, in percent of the float32 output's range.

    That is, of the network that `other` makes of a float32 copy of `network`, on a fixed image of waves, edges and
    noise in -1..1, the network's range. `network` is left as it is. Empty where there is nothing to be said: it
    cannot run on such an image, or its output is constant or no number.
    """
    reference = copy.deepcopy(network).cpu().float().eval()
    ndim = int(getattr(reference, "ndim", 2))
    lr = _image(ndim, int(getattr(reference, "channels", 1)), int(getattr(reference, "multiple_of", 1)))
    try:
        with torch.inference_mode():
            wanted = reference(lr).double()
            found = other(reference)(lr).double()
    except (RuntimeError, IndexError):
        return {}
    spread, error = float(wanted.max() - wanted.min()), (found - wanted).abs().flatten()
    if not math.isfinite(spread) or spread <= 0 or not bool(torch.isfinite(error).all()):
        return {}
    worst = error.kthvalue(math.ceil(PERCENTILE * error.numel())).values
    percent = {"rms": float(error.square().mean().sqrt()), "p999": float(worst)}
    return {name: float(f"{100 * value / spread:.3g}") for name, value in percent.items()}


def _image(ndim: int, channels: int, multiple: int) -> Tensor:
    """Return ``(1, channels, *spatial)`` in -1..1, the same on every machine."""
    length = -(-LENGTH[ndim] // multiple) * multiple
    axes = torch.meshgrid(*[torch.linspace(0, 1, length)] * ndim, indexing="ij")
    distance = torch.stack([(axis - 0.5) ** 2 for axis in axes]).sum(0)
    waves = torch.sin(80 * distance) * 0.5
    edges = 0.4 * torch.sign(torch.sin(9 * axes[0] + 5 * axes[-1]))
    noise = torch.rand((channels, *waves.shape), generator=torch.Generator().manual_seed(1)) * 0.2 - 0.1
    return (waves + edges + noise)[None]
