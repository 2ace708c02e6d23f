"""A model for other people: half the size, with the card that a person wrote, and nothing of where it was trained."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from srkit.errors import OutputError
from srkit.models.file import Model, load_model, save_model, stored_types
from srkit.models.info import ModelInfo, info_to_json
from srkit.networks.deviation import deviation_of, measure_deviation
from srkit.plugins import Plugins

LIMIT = 8_000_000
"""Bytes that a model in a plugin's wheel may have."""
STORED = "fp16 storage"
"""Key in `ModelInfo.precision` of how far weights that were stored as float16 make the network stray."""
ALWAYS = "diagnosis"
"""What no card may be silent about."""

_ROOT = r"(?:file:/{2})?(?:~|[A-Za-z]:)?[/\\]{1,2}"
_FOLDERS = re.compile(rf"(?<![\w:/\\.]){_ROOT}(?:[^\s/\\:\"']+[/\\])+")
_PATH = re.compile(rf"{_ROOT}[^\n]*[/\\]([^/\\\n]+)")  # all of a value, which may have blanks in it; a sentence not


def pack_model(
    model: Model, out: Path, *, name: str | None = None, card: str | None = None, overwrite: bool = False
) -> ModelInfo:
    """Write `model` to `out` with weights as float16, and return what the file says.

    `name` and `card` replace the model's own. How far float16 makes the network stray, and how far it then strays in
    bfloat16, is measured and stored. Of paths in the description the last part is left.

    Raises OutputError where `out` is there and not to be replaced, ModelError for weights beyond float16.
    """
    if out.exists() and not overwrite:
        raise OutputError(f"{out} is there already; give --overwrite to replace it, or another name")
    info, rounded = model.info, _rounded(model.generator)
    precision = {
        STORED: info.precision.get(STORED) or deviation_of(model.generator, _rounded),
        "bf16": measure_deviation(rounded),
    }
    packed = replace(
        info,
        name=name or info.name,
        card=_FOLDERS.sub("", info.card) if card is None else card,
        training=without_folders(info.training),
        precision={key: found for key, found in precision.items() if found},
    )
    save_model(out, rounded, packed, storage="float16")
    return packed


def shipping_problems(path: Path, plugins: Plugins) -> list[str]:
    """Return why the model at `path` should not be given away as it is; empty where nothing speaks against it.

    Raises ModelError for a file that cannot be used.
    """
    info = load_model(path, plugins).info
    said = json.loads(info_to_json(info))
    size = path.stat().st_size
    found = {
        f"has {size:,} bytes, more than {LIMIT:,}": size > LIMIT,
        f"is called {info.name!r}, its file {path.stem!r}": info.name != path.stem,
        "stores its weights as float32": "F32" in stored_types(path, least_axes=2),
        "does not say how far float16 makes it stray": STORED not in info.precision,
        f"has a card that does not speak of {ALWAYS}": ALWAYS not in info.card,
        "names a folder of the machine that it was made on": without_folders(said) != said,
    }
    return [problem for problem, holds in found.items() if holds]


def without_folders(value: Any) -> Any:
    """Return plain values with the folders gone from every path with a root: ``/home/ann/x.csv`` becomes ``x.csv``."""
    if isinstance(value, Mapping):
        return {key: without_folders(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(entry) for entry in value]
    if isinstance(value, str):
        path = _PATH.fullmatch(value)
        return path[1] if path else _FOLDERS.sub("", value)
    return value


def _rounded(network: nn.Module) -> nn.Module:
    """Return a copy whose weights float16 can hold; biases and statistics are left, as in storage."""
    result = copy.deepcopy(network)
    with torch.no_grad():
        for tensor in (*result.parameters(), *result.buffers()):
            if tensor.is_floating_point() and tensor.ndim > 1:
                tensor.copy_(tensor.half())
    return result
