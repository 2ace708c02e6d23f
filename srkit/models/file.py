"""The model file: weights and all that is needed to use them, in one ``.safetensors`` without a line of code in it.

The tensors are the generator's state dict. The header's only metadata key, ``srkit``, holds one JSON object, the
`ModelInfo`; one key, sorted JSON and sorted tensors make the same model the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from srkit import plugins as verbs
from srkit.errors import ModelError, RecipeError, nearest_known
from srkit.files import write_whole
from srkit.models.info import ModelInfo, info_from_json, info_to_json
from srkit.plugins import Plugins

__all__ = ["Model", "ModelInfo", "load_model", "read_info", "save_model"]

KEY = "srkit"
HEADER_LIMIT = 100_000_000  # bytes; safetensors' own limit
Storage = Literal["float32", "float16"]


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """A loaded model: what it is, its generator (evaluation mode, float32, CPU), the hash and path of its file."""

    info: ModelInfo
    generator: nn.Module
    sha256: str
    path: Path


def save_model(path: Path, generator: nn.Module, info: ModelInfo, *, storage: Storage = "float32") -> str:
    """Write `generator` and `info` to `path`, whole or not at all, and return the file's SHA-256.

    `storage` float16 halves the file; biases and statistics stay float32. The same input gives the same bytes.
    Raises ModelError if generator and info contradict each other, or a weight is no number or too large for float16;
    OutputError where the file cannot be written.
    """
    path = Path(path)
    _check_generator(generator, info, f"model {info.name!r}")
    tensors = {name: _stored(tensor, name, storage) for name, tensor in sorted(generator.state_dict().items())}
    data = tensors_to_bytes(tensors, metadata={KEY: info_to_json(info)})
    write_whole(path, data)
    return hashlib.sha256(data).hexdigest()


def read_info(path: Path) -> ModelInfo:
    """Return what the header of a model file says, without reading weights.

    Raises ModelError if it is no model file of srkit.
    """
    return info_from_json(_header(Path(path)).get("__metadata__", {}).get(KEY), path)


def stored_types(path: Path, *, least_axes: int = 0) -> frozenset[str]:
    """Return the types of the tensors in a model file as safetensors names them (``F16``, ``F32``).

    Of those with at least `least_axes` axes. Raises ModelError if it is no model file.
    """
    tensors = {name: entry for name, entry in _header(Path(path)).items() if name != "__metadata__"}
    return frozenset(entry["dtype"] for entry in tensors.values() if len(entry["shape"]) >= least_axes)


def load_model(path: Path, plugins: Plugins) -> Model:
    """Return the model at `path`. No code of the file runs: its network must be one that is installed.

    Raises ModelError with the cause for anything that is not right: no such file, foreign or damaged content,
    unknown network, weights that do not fit it, claims about the network that it does not keep.
    """
    path = Path(path)
    info = read_info(path)  # a foreign file is refused before all of it is read
    header = _header(path)
    build = _builder(info, plugins, path)
    _check_shapes(build, header, path)
    data = path.read_bytes()
    generator = build()
    _load_weights(generator, data, path)
    _check_generator(generator, info, f"model file {path}")
    return Model(info, generator.eval().requires_grad_(False), hashlib.sha256(data).hexdigest(), path)


def _header(path: Path) -> dict[str, Any]:
    """Return the header of a safetensors file: tensor name to dtype, shape and place, and the metadata."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if not 2 <= size <= min(HEADER_LIMIT, path.stat().st_size - 8):
                raise ModelError(f"{path} is not a model file; models are .safetensors files written by srkit")
            header = json.loads(file.read(size))
    except OSError as error:
        raise ModelError(f"model file {path} cannot be read: {error.strerror}; check the path") from error
    except ValueError as error:
        raise ModelError(f"{path} is not a model file; models are .safetensors files written by srkit") from error
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        raise ModelError(f"model file {path} has a damaged header; copy or download it again")
    return header


class _Builder:
    """Builds the network of a model file, on any device, with its failures in words."""

    def __init__(self, build: Any, parameters: Mapping[str, Any], path: Path, network: str) -> None:
        self._build, self._parameters, self._path, self._network = build, parameters, path, network

    def __call__(self) -> nn.Module:
        try:
            network = self._build(**self._parameters)
        except (RecipeError, TypeError, ValueError) as error:
            raise ModelError(
                f"model file {self._path}: network {self._network!r} refuses the parameters in it: {error}"
            ) from error
        if not isinstance(network, nn.Module):
            raise ModelError(f"model file {self._path}: network {self._network!r} is not a torch module")
        return network


def _builder(info: ModelInfo, plugins: Plugins, path: Path) -> _Builder:
    known = {name: factory for name, factory in verbs.networks(plugins).items() if factory.kind == "generator"}
    if info.network not in known:
        raise ModelError(
            f"model file {path} needs the network {info.network!r} (installed: {', '.join(sorted(known))})"
            f"{nearest_known(info.network, known)}; install the plugin that brings it"
        )
    own = {"ndim": len(info.roles), "channels": info.channels, "scale": list(info.network_scale)}
    return _Builder(known[info.network].build, {**info.parameters, **own}, path, info.network)


def _check_shapes(build: _Builder, header: Mapping[str, Any], path: Path) -> None:
    """Compare the file's tensors with the network's, built without memory: a wrong file allocates nothing."""
    try:
        with torch.device("meta"):
            wanted = {name: list(tensor.shape) for name, tensor in build().state_dict().items()}
    except (NotImplementedError, RuntimeError) as error:
        if "meta" in str(error):
            return  # a network that computes while it is built; loading its weights finds the same faults, later
        raise ModelError(f"model file {path} claims a network that cannot be built: {error}") from error
    found = {name: entry.get("shape") for name, entry in header.items() if name != "__metadata__"}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise ModelError(
                f"model file {path}: tensor {name!r} is {found.get(name, 'missing')}, "
                f"its network wants {wanted.get(name, 'none')}; the file is damaged or from another version"
            )


def _load_weights(generator: nn.Module, data: bytes, path: Path) -> None:
    try:
        tensors = tensors_from_bytes(data)
        generator.load_state_dict(tensors)
    except (SafetensorError, RuntimeError) as error:
        raise ModelError(f"model file {path} is damaged: {' '.join(str(error).split())}") from error
    for name, tensor in generator.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"model file {path}: tensor {name!r} holds values that are no numbers; train it again")
    generator.float()


def _check_generator(generator: nn.Module, info: ModelInfo, what: str) -> None:
    claims = {
        "ndim": len(info.roles),
        "scale": info.network_scale,
        "channels": info.channels,
        "halo": info.halo,
    }
    for key, claim in claims.items():
        fact = getattr(generator, key, None)
        if (tuple(fact) if isinstance(fact, (tuple, list)) else fact) != claim:
            raise ModelError(f"{what} claims {key} {claim}, its network {info.network!r} has {fact}")


def _stored(tensor: Tensor, name: str, storage: Storage) -> Tensor:
    tensor = tensor.detach().cpu().contiguous().clone()
    if not tensor.is_floating_point():
        return tensor
    small = storage == "float16" and tensor.ndim > 1
    result = tensor.to(torch.float16 if small else torch.float32)
    if not torch.isfinite(result).all():
        raise ModelError(f"weight {name!r} is no number, or too large for {storage}; it is not saved")
    return result
