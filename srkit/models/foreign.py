"""Public weights of ESRGAN and Real-ESRGAN as models: the three ways in which their tensors are named."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from srkit import plugins as verbs
from srkit.errors import InputError, ModelError, OutputError
from srkit.grid import Scale
from srkit.models.file import save_model
from srkit.models.info import ModelInfo
from srkit.plugins import Plugins

WRAPPERS = ("params_ema", "params", "state_dict")
"""Keys under which files hold their tensors; the running mean is what is meant to be used."""
PUBLIC_RANGE = (0.0, 1.0)

# RRDBNet as BasicSR names it, which is our way too; as ESRGAN's repository did before; and as its first files did.
_BEFORE = (
    (r"RRDB_trunk\.(\d+)\.RDB(\d)\.(conv\d)", r"body.\1.rdb\2.\3"),
    (r"trunk_conv", r"conv_body"),
    (r"upconv(\d)", r"conv_up\1"),
    (r"HRconv", r"conv_hr"),
)
_FIRST = (
    (r"model\.0", r"conv_first"),
    (r"model\.1\.sub\.(\d+)\.RDB(\d)\.(conv\d)\.0", r"body.\1.rdb\2.\3"),
    (r"model\.1\.sub\.\d+", r"conv_body"),
)


def import_model(
    path: Path, out: Path, plugins: Plugins, *, domain: str, perceptual: bool = True, overwrite: bool = False
) -> ModelInfo:
    """Write the weights of `path` (``.pth`` or ``.safetensors``) to `out` as a model of `domain`; return what it says.

    No code of the file runs. What its LR was made by is not known, and is left open. Domains whose normaliser takes
    its numbers from training data are refused: such a file says nothing of them.

    Raises ModelError where the file is none of an RRDBNet, OutputError where `out` is there and not to be replaced,
    or cannot be written.
    """
    if out.exists() and not overwrite:
        raise OutputError(f"{out} is there already; give --overwrite to replace it, or another name")
    tensors = as_rrdb(read_tensors(path), path)
    parameters = rrdb_parameters(tensors, path)
    info = _described(path, parameters, domain, _normalizer(plugins, domain), perceptual=perceptual)
    generator = verbs.networks(plugins)["rrdb"].build(**parameters)
    try:
        generator.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelError(f"{path} is no complete RRDBNet: {' '.join(str(error).split())}") from error
    info = replace(info, halo=getattr(generator, "halo", None))
    save_model(out, generator, info)
    return info


def _described(
    path: Path, parameters: Mapping[str, Any], domain: str, normalizer: Mapping[str, Any], *, perceptual: bool
) -> ModelInfo:
    return ModelInfo(
        name=path.stem,
        domain=domain,
        network="rrdb",
        parameters={key: parameters[key] for key in ("features", "blocks", "growth", "input_range")},
        scale=Scale(parameters["scale"], parameters["scale"]),
        roles=("row", "column"),
        channels=parameters["channels"],
        normalizer=normalizer,
        perceptual=perceptual,
        card=f"# {path.stem}\n\nPublic weights of an RRDBNet, from {path.name}. What they were trained on is not known "
        "here.\nFor research. Detail that a network adds is plausible, not measured: never for diagnosis.",
    )


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


def as_rrdb(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return the tensors under the names of `srkit.networks.rrdb`. Raises ModelError where they are of another one."""
    rules = (*_BEFORE, *_FIRST, *_after_the_trunk(tensors))
    result = {_renamed(name, rules): tensor for name, tensor in tensors.items()}
    if "conv_first.weight" not in result or "body.0.rdb1.conv1.weight" not in result or len(result) != len(tensors):
        raise ModelError(
            f"{path} is not of a network that is known here (known: RRDBNet of ESRGAN and Real-ESRGAN); other networks "
            "come from plugins, by srkit_networks"
        )
    return result


def _after_the_trunk(tensors: Mapping[str, Tensor]) -> list[tuple[str, str]]:
    """Return rules for ESRGAN's first files, where convolutions are numbered: enlarging ones, one at HR, the last."""
    places = sorted({int(found[1]) for name in tensors if (found := re.match(r"model\.(\d+)\.weight$", name))})
    after = [place for place in places if place > 1]
    names = [*(f"conv_up{i}" for i in range(1, len(after) - 1)), "conv_hr", "conv_last"]
    return [(rf"model\.{place}", name) for place, name in zip(after, names[-len(after) :], strict=False)]


def _renamed(name: str, rules: Sequence[tuple[str, str]]) -> str:
    layer, dot, kind = name.rpartition(".")
    for pattern, new in rules:
        if re.fullmatch(pattern, layer):
            return re.sub(pattern, new, layer) + dot + kind
    return name


def rrdb_parameters(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Any]:
    """Return the parameters of an RRDBNet, read off its tensors. Raises ModelError for a variant that is not ours."""
    first, last = tensors["conv_first.weight"], tensors.get("conv_last.weight")
    channels = None if last is None else last.shape[0]
    if first.ndim != 4 or channels != first.shape[1]:
        raise ModelError(
            f"{path} takes {first.shape[1]} channels and gives {channels}: an RRDBNet that folds pixels into channels, "
            "as Real-ESRGAN's x2 and x1 do, is not known here; take one for x4"
        )
    count = {name.split(".")[1] for name in tensors if name.startswith("body.")}
    steps = {name for name in tensors if re.fullmatch(r"conv_up\d\.weight", name)}
    return {
        "ndim": 2,
        "channels": channels,
        "scale": 2 ** len(steps),
        "features": first.shape[0],
        "blocks": len(count),
        "growth": tensors["body.0.rdb1.conv1.weight"].shape[0],
        "input_range": list(PUBLIC_RANGE),
    }


def _normalizer(plugins: Plugins, domain: str) -> Mapping[str, Any]:
    spec = verbs.domain_named(plugins, domain).training.get("normalizer", {"kind": "range"})
    try:
        return verbs.fit_normalizer(plugins, domain, spec, ())
    except InputError as error:
        raise ModelError(
            f"domain {domain!r} takes its range from training data, of which public weights say nothing; "
            "choose another domain (photo), or train"
        ) from error
