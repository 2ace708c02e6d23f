"""What a network costs: bytes per input sample, measured on a small tile."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from srkit.errors import ModelError
from srkit.networks.fast import can_be_rewritten
from srkit.upscaling.planning.plan import Fit
from srkit.upscaling.planning.tiles import round_up
from srkit.upscaling.routing.tail import is_two_part

CONCURRENT_MAPS = 2  # a layer's input and output, and a skip connection's worth beside them
OUTPUT_COPIES = 5  # float32 arrays of the result between the network and the stored type
EDGE = 16

Key = tuple[str, tuple[int, ...], int, bool]
_KNOWN: WeakKeyDictionary[nn.Module, dict[Key, int]] = WeakKeyDictionary()


def bytes_per_sample(fitted: Fit, device: str, precision: str) -> int:
    """Return the bytes that an input sample costs at the network's widest point, and as a result."""
    return _stored(_measured(fitted, device, fitted.generator), precision) + _result(fitted)


def bytes_per_trunk_sample(fitted: Fit, device: str, precision: str) -> int:
    """Return the bytes that an input sample costs while the tail runs on windows: features, and the result."""
    trunk = fitted.generator.trunk
    return (_stored(_measured(fitted, device, trunk), precision) if callable(trunk) else 0) + _result(fitted)


def _stored(size: int, precision: str) -> int:
    """Return what features measured in float32 take."""
    return size // 2 if precision == "bf16" else size


def _result(fitted: Fit) -> int:
    return 4 * OUTPUT_COPIES * math.prod(fitted.factors) * len(fitted.image_channels)


def runs_in_two_parts(generator: nn.Module) -> bool:
    """Tell whether the trunk can run on more than the tail."""
    return can_be_rewritten(generator) or is_two_part(generator)


def _measured(fitted: Fit, device: str, part: Callable[[Tensor], Tensor]) -> int:
    """Return the bytes per sample that `part` of the generator takes; measured once, whatever weights it has later."""
    edge = tuple(round_up(EDGE, fitted.multiple[a]) for a in fitted.network_axes)
    channels = 1 if fitted.one_by_one else len(fitted.image_channels)
    fitted.generator.eval().to(device)
    known = _KNOWN.setdefault(fitted.generator, {})
    key = (device, edge, channels, part is fitted.generator)
    if key not in known:
        known[key] = _widest(fitted.generator, part, torch.zeros(1, channels, *edge, device=device))
    batch = len(fitted.image_channels) if fitted.one_by_one else 1
    return max(1, CONCURRENT_MAPS * max(1, batch) * known[key] // math.prod(edge))


def _widest(generator: nn.Module, part: Callable[[Tensor], Tensor], lr: Tensor) -> int:
    """Return the bytes of the largest inputs and output of any layer that `lr` goes through."""
    widest = 0

    def watch(_module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal widest
        tensors = [t for t in (*inputs, output) if isinstance(t, Tensor)]
        widest = max(widest, sum(t.numel() * t.element_size() for t in tensors))

    leaves = [m for m in generator.modules() if not any(True for _ in m.children())]
    hooks = [leaf.register_forward_hook(watch) for leaf in leaves]
    try:
        with torch.inference_mode():
            part(lr)
    except RuntimeError as error:
        size = list(lr.shape[2:])
        raise ModelError(f"the network does not run on an image of {size} samples: {error}") from error
    finally:
        for hook in hooks:
            hook.remove()
    return widest
