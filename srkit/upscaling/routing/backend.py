"""How a network's layers are computed, and the network that computes them so."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from typing import Any, Literal, cast
from weakref import WeakKeyDictionary

import torch
from torch import nn

from srkit.errors import UsageError, nearest_known
from srkit.image import Encoding
from srkit.networks.deviation import deviation_of
from srkit.networks.fast import accelerated, can_be_rewritten
from srkit.networks.post_ops import fusing_works
from srkit.upscaling.routing.precision import DTYPES, Precision, choose_precision
from srkit.upscaling.routing.runtimes import RUNTIMES, Runtime, RuntimeNetwork, is_runtime, require
from srkit.upscaling.routing.tail import WindowedTail, is_two_part
from srkit.upscaling.routing.trial import speeds

Backend = Literal["plain", "rewritten", "fused", "onnxruntime", "openvino"]
BACKENDS = ("plain", "rewritten", "fused", *RUNTIMES)
LEAST_GAIN = 0.95  # below, a way is slower than another beyond what a trial can tell
_HARMLESS = {"rms": 0.0, "p999": 0.0}
_made: WeakKeyDictionary[nn.Module, dict[tuple[str, str], nn.Module]] = WeakKeyDictionary()
_strays: WeakKeyDictionary[nn.Module, Mapping[str, Any]] = WeakKeyDictionary()


def check_backend(wish: str | None) -> None:
    """Raise UsageError for a backend that is not known."""
    if wish is not None and wish not in ("auto", *BACKENDS):
        known = ", ".join(("auto", *BACKENDS))
        raise UsageError(f"no backend {wish!r} (known: {known}){nearest_known(wish, BACKENDS)}")


def choose_backend(wish: str | None, device: str, precision: Precision, generator: nn.Module) -> tuple[Backend, str]:
    """Return the backend and why. Raises UsageError for one that is not known, or not there.

    ``plain`` is the network as it was trained, ``rewritten`` its faster equal, ``fused`` that with activations and
    sums inside of its convolutions; other runtimes compute what is rewritten. None and ``auto`` leave it to srkit.
    """
    check_backend(wish)
    if is_runtime(wish):
        return _runtime(wish, device)
    fusing = torch.device(device).type == "cpu" and fusing_works(int(getattr(generator, "ndim", 2)), DTYPES[precision])
    if wish == "fused" and not fusing:
        raise UsageError("backend 'fused' is not there: this torch or this device has no fused convolutions; leave out")
    if wish not in (None, "auto"):
        return cast(Backend, wish), f"backend {wish} was asked for"
    if not can_be_rewritten(generator):
        return "rewritten", "of this network only the norms can be folded"
    if not fusing:
        return "rewritten", "there are no fused convolutions here"
    gain = _gain(f"{precision} fused", f"{precision} rewritten")
    if gain is not None and gain < LEAST_GAIN:
        return "rewritten", f"fused convolutions are there, but only {gain:.2g} times as fast as plain ones"
    return "fused", f"fused convolutions are there, and agree with plain ones{_times(gain)}"


def _gain(way: str, other: str) -> float | None:
    """Return how many times as fast as another way a way was, None where it was not tried."""
    tried = speeds()
    return tried[way] / tried[other] if way in tried and other in tried else None


def _times(gain: float | None) -> str:
    return "" if gain is None else f" ({gain:.2g} times as fast when tried here)"


def _runtime(wish: Runtime, device: str) -> tuple[Backend, str]:
    if torch.device(device).type != "cpu":
        raise UsageError(f"backend {wish!r} runs on the CPU, not on {device!r}; leave one of them out")
    require(wish)
    return wish, f"backend {wish} was asked for, and is there in version {version(wish)}"


def precision_for(
    wish: str | None, backend: str | None, device: str, encoding: Encoding, deviation: Mapping[str, Any] | None
) -> tuple[Precision, str]:
    """Return the precision that a backend runs in, as wished, and why; `deviation` is what the model says of bfloat16.

    Raises UsageError where the backend has no such precision.
    """
    precision, why = choose_precision(wish, device, encoding, deviation)
    if backend == "onnxruntime":
        if wish == "bf16":
            raise UsageError("backend 'onnxruntime' has no bf16 here; leave out --precision bf16, or the backend")
        return "fp32", "backend onnxruntime computes in fp32"
    by_trial = torch.device(device).type == "cpu" and not is_runtime(backend) and wish != "bf16"
    return _if_it_pays(why) if by_trial and precision == "bf16" else (precision, why)


def _if_it_pays(why: str) -> tuple[Precision, str]:
    """Return bfloat16, unless it was no faster than float32, each in its better way."""
    gains = [_gain(f"bf16 {way}", f"fp32 {way}") for way in ("fused", "rewritten")]
    gain = next((gain for gain in gains if gain is not None), None)
    if gain is not None and gain <= 1:
        return "fp32", f"bf16 is only {gain:.2g} times as fast here as fp32"
    return "bf16", f"{why}{_times(gain)}"


def strays(generator: nn.Module, backend: str | None, wish: str | None, encoding: Encoding) -> Mapping[str, Any] | None:
    """Return how far bfloat16 of a backend strays that rounds in its own way; None where the model's word holds.

    It is measured where it decides something, once for a loaded model.
    """
    if backend != "openvino" or wish == "bf16" or choose_precision(wish, "cpu", encoding, _HARMLESS)[0] == "fp32":
        return None
    known = _strays.get(generator)
    if known is None:
        require("openvino")
        known = deviation_of(generator, partial(RuntimeNetwork, runtime="openvino", precision="bf16"))
        _strays[generator] = known
    return known


def network_for(
    generator: nn.Module, *, device: str, precision: str, backend: str, tail: int, channels_last: bool
) -> nn.Module:
    """Return the network that computes `generator` as told; made once for a loaded model, whose weights are fixed."""
    generator.eval().to(device)
    if is_runtime(backend):
        return _made_once(generator, precision, backend)
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
    if is_runtime(backend):
        made: nn.Module = RuntimeNetwork(generator, backend, precision)
    else:
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
