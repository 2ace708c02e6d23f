"""Frozen VGG networks that give features of images. Only layers; where weights come from is `weights`' business."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.errors import RecipeError, nearest_known

# ImageNet's mean and deviation, (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225) of 0..1, for numbers in -1..1
SHIFT = (-0.030, -0.088, -0.188)
SPREAD = (0.458, 0.448, 0.450)


def halve(x: Tensor) -> Tensor:
    """Halve by maximum, as VGG does."""
    return F.max_pool2d(x, 2)


def halve_shift_tolerant(x: Tensor) -> Tensor:
    """Maximum at stride 1, then a binomial 3×3 filter at stride 2 on reflected borders (Zhang 2019; ST-LPIPS)."""
    return blurred_down(F.max_pool2d(x, 2, stride=1))


def blurred_down(x: Tensor) -> Tensor:
    """Binomial 3×3 filter at stride 2 on reflected borders (Zhang 2019)."""
    x = F.pad(x, (2, 2, 2, 2), mode="reflect")
    line = 0.5 - torch.arange(-1, 2, dtype=x.dtype, device=x.device).abs() / 4  # made there: a copy would be waited for
    kernel = torch.outer(line, line).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(x, kernel, stride=2, groups=x.shape[1])


@dataclass(frozen=True, slots=True)
class Architecture:
    """A VGG: convolutions per block, and what stands between blocks.

    `smallest` is the smallest image side for one that ends in block 1, 2 and so on.
    """

    name: str
    convolutions: tuple[int, ...]
    between: Callable[[Tensor], Tensor]
    smallest: tuple[int, ...]
    widths: tuple[int, ...] = (64, 128, 256, 512, 512)

    @property
    def layers(self) -> list[str]:
        """Names of the activations, in order: ``relu1_1`` and so on."""
        return [f"relu{b}_{j}" for b, n in enumerate(self.convolutions, 1) for j in range(1, n + 1)]

    def check_layers(self, layers: Sequence[str]) -> None:
        """Raise RecipeError unless each of `layers` is an activation of this network."""
        for layer in layers:
            if layer not in self.layers:
                hint = nearest_known(str(layer), self.layers)
                raise RecipeError(f"{self.name} has no layer {layer!r} (relu1_1 to {self.layers[-1]}){hint}")


VGG19 = Architecture("vgg19", (2, 2, 4, 4, 4), halve, (1, 2, 4, 8, 16))
STVGG16 = Architecture("stvgg16", (2, 2, 3, 3, 3), halve_shift_tolerant, (1, 4, 6, 10, 18))


class VGGFeatures(nn.Module):
    """Activations of a frozen VGG, built as deep as the deepest layer asked for.

    Parameters
    ----------
    architecture
        Which VGG.
    layers
        Names of activations, such as ``relu5_4``.
    weights
        ``conv1_1.weight`` and so on; entries for deeper layers are ignored.

    Attributes
    ----------
    smallest
        Smallest height and width of an image that it can take.
    """

    def __init__(self, architecture: Architecture, layers: Sequence[str], weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        architecture.check_layers(layers)
        self.wanted = tuple(layers)
        names = architecture.layers[: max(architecture.layers.index(layer) for layer in layers) + 1]
        self._between = architecture.between
        self.smallest = architecture.smallest[_block(names[-1]) - 1]
        self.register_buffer("shift", torch.tensor(SHIFT).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor(SPREAD).reshape(1, 3, 1, 1), persistent=False)
        self.convolutions = nn.ModuleDict()
        width = 3
        for name in names:
            features = architecture.widths[_block(name) - 1]
            # without random weights: building a loss must not move the random state of a training run
            layer: nn.Conv2d = nn.utils.skip_init(  # type: ignore[no-untyped-call]  # torch has no types for it
                nn.Conv2d, width, features, 3, padding=1
            )
            key = name.replace("relu", "conv")
            layer.load_state_dict({part: weights[f"{key}.{part}"].float() for part in ("weight", "bias")})
            self.convolutions[name] = layer
            width = features
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the wanted activations of ``(N, 3, H, W)`` images in -1..1, red green blue, by layer name."""
        x = (images - self.get_buffer("shift")) / self.get_buffer("spread")
        found = {}
        for name, convolution in self.convolutions.items():
            if name.endswith("_1") and name != "relu1_1":
                x = self._between(x)
            x = F.relu(convolution(x))
            if name in self.wanted:
                found[name] = x
        return found


def _block(layer: str) -> int:
    return int(layer.removeprefix("relu").partition("_")[0])
