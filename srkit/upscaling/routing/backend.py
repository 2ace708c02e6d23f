"""How a network's layers are computed, and the network that computes them so."""

from __future__ import annotations

from typing import Literal, cast
from weakref import WeakKeyDictionary

import torch
from torch import nn

from srkit.errors import UsageError
from srkit.networks.fast import accelerated, can_be_rewritten
from srkit.networks.post_ops import fusing_works
from srkit.upscaling.routing.precision import DTYPES, Precision
from srkit.upscaling.routing.tail import WindowedTail, is_two_part

Backend = Literal["plain", "rewritten", "fused"]
BACKENDS = ("plain", "rewritten", "fused")
_made: WeakKeyDictionary[nn.Module, dict[tuple[str, str], nn.Module]] = WeakKeyDictionary()


def choose_backend(wish: str | None, device: str, precision: Precision, generator: nn.Module) -> tuple[Backend, str]:
    """Return the backend and why. Raises UsageError for one that is not known, or not there.

    ``plain`` is the network as it was trained, ``rewritten`` its faster equal, ``fused`` that with activations and
    sums inside of its convolutions.
    """
    if wish not in (None, *BACKENDS):
        raise UsageError(f"no backend {wish!r} (known: {', '.join(BACKENDS)})")
    fusing = torch.device(device).type == "cpu" and fusing_works(int(getattr(generator, "ndim", 2)), DTYPES[precision])
    if wish == "fused" and not fusing:
        raise UsageError("backend 'fused' is not there: this torch or this device has no fused convolutions; leave out")
    if wish is not None:
        return cast(Backend, wish), f"backend {wish} was asked for"
    if not can_be_rewritten(generator):
        return "rewritten", "of this network only the norms can be folded"
    if fusing:
        return "fused", "fused convolutions are there, and agree with plain ones"
    return "rewritten", "there are no fused convolutions here"


def network_for(
    generator: nn.Module, *, device: str, precision: str, backend: str, tail: int, channels_last: bool
) -> nn.Module:
    """Return the network that computes `generator` as told; made once for a loaded model, whose weights are fixed."""
    generator.eval().to(device)
    if backend == "plain" and precision == "fp32":
        if channels_last:
            _to_channels_last(generator)
        network = generator
    else:
        network = _made_once(generator, precision, backend)
        if channels_last and network is generator:
            _to_channels_last(generator)
    return WindowedTail(network, tail) if tail and is_two_part(network) else network


def _made_once(generator: nn.Module, precision: str, backend: str) -> nn.Module:
    key = (precision, backend)
    fixed = not any(parameter.requires_grad for parameter in generator.parameters())
    known = _made.get(generator, {}).get(key)
    if fixed and known is not None:
        return known
    made = accelerated(generator, DTYPES[precision], fused=backend == "fused")
    if fixed and made is not generator:
        _made.setdefault(generator, {})[key] = made
    return made


def _to_channels_last(generator: nn.Module) -> None:
    """Lay out every parameter by its own rank: a network may hold 2-D and 3-D layers."""
    for parameter in generator.parameters():
        if parameter.ndim in (4, 5):
            layout = torch.channels_last if parameter.ndim == 4 else torch.channels_last_3d
            parameter.data = parameter.data.contiguous(memory_format=layout)
