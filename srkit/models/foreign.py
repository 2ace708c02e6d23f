"""Public weights as models: RRDBNet as a network of srkit's own, others as the package spandrel knows them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from srkit import plugins as verbs
from srkit.errors import InputError, MissingRequirementError, ModelError, OutputError
from srkit.grid import Scale
from srkit.models.file import save_model
from srkit.models.info import ModelInfo
from srkit.models.recognition import recognised
from srkit.models.rrdbnet import as_rrdb, rrdb_parameters
from srkit.networks.generator import Generator
from srkit.plugins import Plugins

WRAPPERS = ("params_ema", "params-ema", "params", "model_state_dict", "state_dict", "model", "net")
"""Keys under which files hold their tensors; the running mean is what is meant to be used."""
NOT_IN_PARAMETERS = ("ndim", "channels", "scale")


def import_model(
    path: Path, out: Path, plugins: Plugins, *, domain: str, perceptual: bool = True, overwrite: bool = False
) -> ModelInfo:
    """Write the weights of `path` (``.pth`` or ``.safetensors``) to `out` as a model of `domain`; return what it says.

    No code of the file runs. What its LR was made by is not known, and is left open. Domains whose normaliser takes
    its numbers from training data are refused: such a file says nothing of them.

    Raises ModelError where the file is of no network that is known, MissingRequirementError where only spandrel could
    know it and is not there, OutputError where `out` is there and not to be replaced, or cannot be written.
    """
    if out.exists() and not overwrite:
        raise OutputError(f"{out} is there already; give --overwrite to replace it, or another name")
    normalizer = _normalizer(plugins, domain)
    found = _found(read_tensors(path), path, plugins)
    generator = found.generator
    rows, columns = generator.scale
    info = ModelInfo(
        name=path.stem,
        domain=domain,
        network=found.network,
        parameters={key: value for key, value in found.parameters.items() if key not in NOT_IN_PARAMETERS},
        scale=Scale(rows, columns),
        roles=("row", "column"),
        channels=generator.channels,
        normalizer=normalizer,
        halo=generator.halo,
        perceptual=perceptual,
        card=f"# {path.stem}\n\nPublic weights of {found.what}, from {path.name}. What they were trained on is not "
        "known here.\nFor research. Detail that a network adds is plausible, not measured: never for diagnosis.",
    )
    save_model(out, generator, info)
    return info


@dataclass(frozen=True, eq=False, slots=True)
class _Found:
    """What a file is: a network by srkit's name and its parameters, with the weights, and in words."""

    network: str
    parameters: Mapping[str, Any]
    generator: Generator
    what: str


def _found(tensors: Mapping[str, Tensor], path: Path, plugins: Plugins) -> _Found:
    own = as_rrdb(tensors)
    if own is not None:
        return _Found("rrdb", rrdb_parameters(own), _as_own(own, path, plugins), "an RRDBNet")
    try:
        generator, parameters = recognised(tensors, path)
    except MissingRequirementError as error:
        raise MissingRequirementError(
            f"{path} is not of RRDBNet as ESRGAN and Real-ESRGAN x4 have it: {error}"
        ) from error
    return _Found("spandrel", parameters, generator, f"a network of the kind {parameters['architecture']}")


def _as_own(tensors: Mapping[str, Tensor], path: Path, plugins: Plugins) -> Generator:
    generator: Any = verbs.networks(plugins)["rrdb"].build(**rrdb_parameters(tensors))
    try:
        generator.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelError(f"{path} is no complete RRDBNet: {' '.join(str(error).split())}") from error
    found: Generator = generator
    return found


def read_tensors(path: Path) -> Mapping[str, Tensor]:
    """Return the tensors of a file by name. Raises ModelError where it holds none, or more than plain tensors."""
    try:
        found: Any = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; check the path") from error
    except (SafetensorError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise ModelError(f"{path} holds no plain tensors; give a .pth with a state dict, or .safetensors") from error
    for key in WRAPPERS:
        found = found[key] if isinstance(found, dict) and isinstance(found.get(key), dict) else found
    if not isinstance(found, dict) or not found or not all(isinstance(value, Tensor) for value in found.values()):
        raise ModelError(f"{path} holds no state dict; give a .pth or .safetensors file with one")
    return found


def _normalizer(plugins: Plugins, domain: str) -> Mapping[str, Any]:
    spec = verbs.domain_named(plugins, domain).training.get("normalizer", {"kind": "range"})
    try:
        return verbs.fit_normalizer(plugins, domain, spec, ())
    except InputError as error:
        raise ModelError(
            f"domain {domain!r} takes its range from training data, of which public weights say nothing; "
            "choose another domain (photo), or train"
        ) from error
