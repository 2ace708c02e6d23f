"""Public networks for photographs, from ncnn's files to model files, for the domain of any model of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ncnn_file import Layer, read_layers
from torch import Tensor

from srkit import plugins as verbs
from srkit.errors import InputError, ModelError
from srkit.models.file import ModelInfo, save_model
from srkit.plugins import Plugins

BLOCK = ["Convolution", "Swish"] * 2 + ["Convolution", "Sigmoid", "BinaryOp", "BinaryOp", "BinaryOp"]
DENSE = ["Convolution", "Concat"] * 4 + ["Convolution", "Eltwise"]


@dataclass(frozen=True, slots=True)
class Network:
    """A network of `public_networks`, by its name there: its factor, parameters, and tensors by their names."""

    name: str
    scale: int
    parameters: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


def convert(param: Path, out: Path, info: ModelInfo, plugins: Plugins) -> None:
    """Write the network of ncnn's `param` to `out` as a model that is what `info` says, but for network and halo.

    `plugins` have the networks of `public_networks`. Raises InputError where the file is of no network that is known,
    ModelError where it has another scale than `info`.
    """
    network = _read(param)
    if set(info.network_scale) != {network.scale}:
        raise ModelError(f"{param} enlarges by {network.scale}, model {info.name!r} does not")
    generator = verbs.networks(plugins)[network.name].build(
        channels=info.channels, scale=network.scale, **network.parameters
    )
    try:
        generator.load_state_dict(network.tensors)
    except RuntimeError as error:
        raise InputError(f"{param} does not fit {network.name!r}: {' '.join(str(error).split())}") from error
    made = {"network": network.name, "parameters": network.parameters, "halo": getattr(generator, "halo", None)}
    save_model(out, generator, replace(info, **made))


def _read(param: Path) -> Network:
    layers = [layer for layer in read_layers(param) if layer.kind != "Split"]
    kinds = [layer.kind for layer in layers]
    for fits, made in KNOWN:
        if fits(kinds):
            return made(layers)
    raise InputError(f"{param} is of a network that is not known here (known: SPAN, RRDBNet)")


def _is_span(kinds: Sequence[str]) -> bool:
    before = ["Input", "MemoryData", "BinaryOp", "BinaryOp", "Convolution"]
    after = ["Convolution", "Concat", "Convolution", "Convolution", "PixelShuffle"]
    return kinds == [*before, *BLOCK * kinds.count("Sigmoid"), *after]


def _span(layers: Sequence[Layer]) -> Network:
    found = [layer for layer in layers if layer.kind == "Convolution"]
    blocks, scale = (len(found) - 4) // 3, int(layers[-1].numbers[0])
    inner = [f"blocks.{i}.convolutions.{k}" for i in range(blocks) for k in range(3)]
    tensors = _named(["head", *inner, "after", "join", "last"], found)
    mean = [float(value) for value in layers[1].weights[0]]
    return Network(
        "public-span", scale, {"features": len(tensors["head.bias"]), "blocks": blocks, "mean": mean}, tensors
    )


def _is_rrdb(kinds: Sequence[str]) -> bool:
    blocks, steps = kinds.count("Concat") // 12, kinds.count("Interp")
    body = ([*DENSE] * 3 + ["Eltwise"]) * blocks
    after = ["Convolution", "BinaryOp", *["Interp", "Convolution"] * steps, "Convolution", "Convolution"]
    return kinds == ["Input", "Convolution", *body, *after]


def _rrdb(layers: Sequence[Layer]) -> Network:
    kinds = [layer.kind for layer in layers]
    blocks, steps = kinds.count("Concat") // 12, kinds.count("Interp")
    inner = [f"body.{i}.rdb{k}.conv{n}" for i in range(blocks) for k in (1, 2, 3) for n in range(1, 6)]
    enlarging = [f"conv_up{i}" for i in range(1, steps + 1)]
    names = ["conv_first", *inner, "conv_body", *enlarging, "conv_hr", "conv_last"]
    tensors = _named(names, [layer for layer in layers if layer.kind == "Convolution"])
    features, growth = len(tensors["conv_first.bias"]), len(tensors["body.0.rdb1.conv1.bias"])
    return Network("public-rrdb", 2**steps, {"features": features, "blocks": blocks, "growth": growth}, tensors)


KNOWN: Sequence[tuple[Callable[[Sequence[str]], bool], Callable[[Sequence[Layer]], Network]]] = (
    (_is_span, _span),
    (_is_rrdb, _rrdb),
)


def _named(names: Sequence[str], layers: Sequence[Layer]) -> dict[str, Tensor]:
    return {
        f"{name}.{part}": torch.from_numpy(np.array(numbers, np.float32))
        for name, layer in zip(names, layers, strict=True)
        for part, numbers in zip(("weight", "bias"), layer.weights, strict=True)
    }
