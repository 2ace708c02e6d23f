"""What the package spandrel makes of a file's tensors, as a network that is rebuilt from plain values alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from srkit.errors import ModelError, RecipeError
from srkit.networks.footprint import traced_halo
from srkit.networks.foreign import PREFIX, ForeignNetwork, call_of, in_short, spandrel_library, unwarned

READING = ("item", "tolist", "numpy", "equal", "allclose", "__bool__", "__float__", "__index__", "__int__", "__array__")
"""What torch calls the ways from a tensor to plain numbers."""
SIDE = 32  # LR samples of the image that a rebuilt network is tried on, where it may be so small
CLOSE = 1e-4  # of the result's range: the same operations on the same numbers, in an order that torch may choose
PURPOSES = {"FaceSR": "enlarges faces alone", "Inpainting": "fills holes", "Restoration": "restores without enlarging"}


def recognised(tensors: Mapping[str, Tensor], path: Path) -> tuple[ForeignNetwork, dict[str, Any]]:
    """Return the network of a file with its weights, and the parameters that build it again.

    These are the names and shapes of its tensors, and the numbers of those few that spandrel reads. The network that
    they build must compute what spandrel's own does. How far it looks is stated only where it can be shown.

    Raises MissingRequirementError without spandrel, ModelError for a file that it does not know, for what enlarges no
    images, and for a network that is not the same again.
    """
    spandrel = spandrel_library()
    state = {name: _full(tensor) for name, tensor in spandrel.canonicalize_state_dict(dict(tensors)).items()}
    read: set[str] = set()
    descriptor = _descriptor(spandrel, {name: _Watched.of(state[name], name, read) for name in state}, path)
    _check_purpose(descriptor, path)
    image, judge = _tried(descriptor, path)
    parameters = {
        "architecture": str(descriptor.architecture.id),
        "tensors": {name: list(tensor.shape) for name, tensor in state.items()},
        "values": {name: state[name].tolist() for name in sorted(read)},
    }
    network = _rebuilt(descriptor, parameters)
    if network is None or not _is_close(network, image, judge):
        raise ModelError(
            f"{path} is of {descriptor.architecture.name}, which the names and shapes of its tensors do not settle: "
            "built from them, it computes something else than spandrel's; it cannot be imported"
        )
    halo = traced_halo(network)
    network.halo = halo
    return network, {**parameters, "halo": None if halo is None else list(halo)}


class _Watched(Tensor):
    """A tensor of a file that notes when numbers of it, or made of it, are read, rather than shapes."""

    names: frozenset[str]
    read: set[str]

    @classmethod
    def of(cls, tensor: Tensor, name: str, read: set[str]) -> _Watched:
        """Return `tensor`, which notes its `name` in `read`."""
        result = tensor.as_subclass(cls)
        result.names, result.read = frozenset([name]), read
        return result

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do `func`."""
        result = super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]  # torch's
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, cls) and hasattr(leaf, "read")]
        for source in given:
            if getattr(func, "__name__", "") in READING:
                source.read.update(source.names)
            for leaf in tree_leaves(result):
                if isinstance(leaf, cls):
                    leaf.names, leaf.read = source.names | getattr(leaf, "names", frozenset()), source.read
        return result


def _full(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _descriptor(spandrel: Any, state: Mapping[str, Tensor], path: Path) -> Any:
    try:
        with unwarned():
            descriptor = spandrel.MAIN_REGISTRY.load(dict(state))  # a copy: spandrel renames and drops entries
    except spandrel.UnsupportedModelError as error:
        raise ModelError(
            f"{path} is of no network that is known here: neither srkit nor spandrel {spandrel.__version__} "
            "recognises its tensors; other networks come from plugins, by srkit_networks"
        ) from error
    except Exception as error:  # each architecture reads tensors in its own way
        raise ModelError(f"{path} is recognised by spandrel, but cannot be built: {in_short(error)}") from error
    descriptor.model.eval().requires_grad_(False)
    return descriptor


def _check_purpose(descriptor: Any, path: Path) -> None:
    name = descriptor.architecture.name
    if descriptor.purpose != "SR" or descriptor.scale < 2:
        what = PURPOSES.get(descriptor.purpose, "does not enlarge")
        raise ModelError(f"{path} is of {name}, which {what}; srkit takes networks that enlarge any image")
    if descriptor.input_channels != descriptor.output_channels:
        raise ModelError(
            f"{path} is of {name}, which takes {descriptor.input_channels} channels and gives "
            f"{descriptor.output_channels}; srkit takes networks that keep the channels"
        )


def _tried(descriptor: Any, path: Path) -> tuple[Tensor, Tensor]:
    """Return an image, and what spandrel's network makes of it. Raises ModelError where that is nothing to rely on."""
    sizes, channels = descriptor.size_requirements, descriptor.input_channels
    sides = (SIDE, SIDE + 1)
    right, below = sizes.get_padding(sides[1], sides[0])
    random = torch.Generator().manual_seed(1)
    image = torch.rand(1, channels, sides[0] + below, sides[1] + right, generator=random)
    call, name = call_of(descriptor), descriptor.architecture.name
    try:
        with torch.inference_mode():
            judge, again = (call(descriptor.model, image.clone()) for _ in range(2))  # some write into their input
    except Exception as error:  # each architecture has its own
        raise ModelError(f"{path} is of {name}, which fails on a random image: {in_short(error)}") from error
    wanted = (1, channels, *(descriptor.scale * n for n in image.shape[2:]))
    if tuple(judge.shape) != wanted or not torch.isfinite(judge).all():
        raise ModelError(f"{path} is of {name}, which makes no image of {list(wanted)} numbers of {list(image.shape)}")
    if not _are_close(judge, again):
        raise ModelError(f"{path} is of {name}, which draws at random: its results differ from run to run")
    return image, judge


def _rebuilt(descriptor: Any, parameters: Mapping[str, Any]) -> ForeignNetwork | None:
    """Return the network built from `parameters` with the weights of `descriptor`; None where they do not fit."""
    try:
        network = ForeignNetwork(channels=descriptor.input_channels, scale=descriptor.scale, **parameters)
        network.load_state_dict({PREFIX + name: value for name, value in descriptor.model.state_dict().items()})
    except (RecipeError, RuntimeError):
        return None
    return network.eval().requires_grad_(False)


def _is_close(network: ForeignNetwork, image: Tensor, judge: Tensor) -> bool:
    with torch.inference_mode():
        found = (network(image * 2 - 1) + 1) / 2
    return _are_close(found, judge)


def _are_close(found: Tensor, judge: Tensor) -> bool:
    if found.shape != judge.shape:
        return False
    bound = CLOSE * max(1.0, float(judge.abs().max()))
    return float((found - judge).abs().max()) <= bound
