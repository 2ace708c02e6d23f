"""Networks of other people, as the package spandrel knows them, in the frame of a generator."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.errors import MissingRequirementError, RecipeError
from srkit.networks.dimension import Sizes
from srkit.networks.generator import Generator

PREFIX = "network."
"""What the names of the wrapped network's tensors begin with in a state dict of `ForeignNetwork`."""


def spandrel_library() -> Any:
    """Return the package spandrel. Raises MissingRequirementError where it is not there, or cannot be imported."""
    try:
        with unwarned():
            return import_module("spandrel")
    except ModuleNotFoundError as error:
        if error.name != "spandrel":
            raise MissingRequirementError(_broken(error)) from error
        raise MissingRequirementError(
            "networks other than srkit's own need the package spandrel, which is not installed; "
            "install it with `pip install 'srkit[spandrel]'`"
        ) from error
    except (ImportError, OSError, RuntimeError) as error:  # torchvision's compiled part of another build
        raise MissingRequirementError(_broken(error)) from error


@contextlib.contextmanager
def unwarned() -> Iterator[None]:
    """Keep to itself what torch tells authors of networks: nobody here can mend theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def in_short(error: Exception) -> str:
    """Return what an error of foreign code says, on one line of 200 characters at most."""
    return " ".join(f"{type(error).__name__} {error}".split())[:200]


def _broken(error: Exception) -> str:
    why = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return (
        f"the package spandrel is installed, but cannot be imported: {why}; it needs the torchvision that was built "
        f"for torch {torch.__version__}: install the two together, from one place"
    )


class ForeignNetwork(Generator):
    """A network of spandrel, which deduces its form from the names and shapes of tensors.

    Images of these networks lie in 0..1; what they ask of sizes is done inside: an image is continued by reflection
    below and to the right, and the result is cut.

    Parameters
    ----------
    ndim, channels, scale
        2, and what spandrel finds.
    architecture
        spandrel's id, such as ``SwinIR``.
    tensors
        Shapes by name, of the file that the network came in.
    values
        What is in those tensors whose numbers, not their shapes alone, say how the network is built.
    halo
        As `srkit.networks.footprint.traced_halo` found it; None for the whole image.
    """

    def __init__(  # noqa: PLR0913  what a model file says of the network, in plain values
        self,
        *,
        ndim: int = 2,
        channels: int = 3,
        scale: Sizes = 4,
        architecture: str = "",
        tensors: Mapping[str, Sequence[int]] | None = None,
        values: Mapping[str, Any] | None = None,
        halo: Sequence[int] | None = None,
    ) -> None:
        super().__init__(ndim=ndim, channels=channels, scale=scale)
        if not architecture or not tensors:
            raise RecipeError(
                "network 'spandrel' is built from a file: make a model of one with `srkit models import`, "
                "and train from that with --from"
            )
        found = _described(architecture, tensors, values or {})
        factors = (int(found.scale),) * 2
        if (ndim, channels, self.scale) != (2, found.input_channels, factors) or found.output_channels != channels:
            raise RecipeError(
                f"network 'spandrel' of this {architecture} is for images of {found.input_channels} channels at "
                f"x{found.scale}, and for nothing else"
            )
        self.network: nn.Module = found.model
        self.sizes = found.size_requirements
        self.multiple_of = int(self.sizes.multiple_of)
        self.halo = None if halo is None else tuple(int(number) for number in halo)
        self._call: Callable[[nn.Module, Tensor], Tensor] = call_of(found)

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        image = lr * 0.5 + 0.5
        if self.sizes.none:
            return self._call(self.network, image) * 2 - 1
        if torch.onnx.is_in_onnx_export():
            raise RuntimeError("images are continued to a size that it asks for, which a trace would fix")
        rows, columns = image.shape[-2:]
        right, below = self.sizes.get_padding(columns, rows)
        sr = self._call(self.network, _continued(image, below, right))
        return sr[..., : rows * self.scale[0], : columns * self.scale[1]] * 2 - 1


def call_of(descriptor: Any) -> Callable[[nn.Module, Tensor], Tensor]:
    """Return how spandrel runs a network: some give more than an image, or want one in another range.

    It is not part of spandrel's documented names; what is, clips results, and keeps no gradients.
    """
    call: Callable[[nn.Module, Tensor], Tensor] = descriptor._call_fn
    return call


def _continued(image: Tensor, below: int, right: int) -> Tensor:
    """Return the image continued by its reflection, which ends where the image does, and then by its last samples."""
    rows, columns = image.shape[-2:]
    mirrored = (0, min(right, columns - 1), 0, min(below, rows - 1))
    image = F.pad(image, mirrored, "reflect")
    return F.pad(image, (0, right - mirrored[1], 0, below - mirrored[3]), "replicate")


def _described(architecture: str, tensors: Mapping[str, Sequence[int]], values: Mapping[str, Any]) -> Any:
    """Return spandrel's descriptor of the network that such tensors belong to, with no weights."""
    registry = spandrel_library().MAIN_REGISTRY
    if architecture not in registry:
        raise RecipeError(f"spandrel as it is installed knows no architecture {architecture!r}; update it")
    try:
        blank = {name: torch.zeros(()).expand(list(shape)) for name, shape in tensors.items()}
        known = {name: torch.tensor(value, device="cpu") for name, value in values.items()}
        with unwarned():
            return registry[architecture].architecture.load({**blank, **known})
    except Exception as error:  # each architecture reads tensors in its own way
        if torch.get_default_device().type == "meta":  # its caller knows that not all can be built without memory
            raise NotImplementedError(f"spandrel does not build {architecture!r} on meta: {error}") from error
        raise RecipeError(f"spandrel cannot build {architecture!r} from such tensors: {in_short(error)}") from error
