"""Perceptual losses: the distance of SR and HR in the features of a frozen network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.errors import RecipeError, nearest_known
from srkit.grid import Role
from srkit.losses.planes import AXES, Bands, planes, rgb
from srkit.losses.stlpips import STLPIPS, stlpips
from srkit.losses.vgg import STVGG16, VGG19, Architecture, VGGFeatures
from srkit.losses.weights import stvgg16_weights, vgg19_weights

PAPER_FACTOR = 1 / 12.75  # Ledig et al. 2017, section 3.2: VGG features times this are of the size of the MSE's
STVGG16_FACTOR = 1.0  # bicubic against HR photographs: relu3_3 then gives 0.2 to 3 times the MSE (measured)
Layers = str | Sequence[str] | Mapping[str, float]
Criterion = Literal["mse", "l1"]


class LossOnPlanes(nn.Module):
    """What a frozen network of RGB images says of the difference of SR and HR.

    SR and HR are in network range, -1..1, ``(N, C, H, W)`` or ``(N, C, D, H, W)``. `planes` says how other channel
    counts and volumes reach the network; the planes of each orientation count alike.

    Parameters
    ----------
    features
        The frozen network.
    normals
        Axes of a volume whose perpendicular planes are compared.
    bands
        ``auto``, or ``each`` for one grey image per channel even where there are three.
    """

    def __init__(self, features: VGGFeatures, *, normals: Sequence[Role] = AXES, bands: Bands = "auto") -> None:
        super().__init__()
        self.features = features
        self.normals = tuple(_known("normal", axis, AXES) for axis in normals)
        self.bands: Bands = _known("bands", bands, ("auto", "each"))

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the loss, a scalar. Raises RecipeError if the planes are too small for the network."""
        pairs = zip(planes(sr, self.normals), planes(hr, self.normals), strict=True)
        terms = [self._checked(rgb(a, self.bands), rgb(b, self.bands)) for a, b in pairs]
        return torch.stack(terms).mean()

    def _checked(self, sr: Tensor, hr: Tensor) -> Tensor:
        if min(sr.shape[2:]) < self.features.smallest:
            raise RecipeError(
                f"planes of {tuple(sr.shape[2:])} samples are too small for the perceptual loss, which needs "
                f"{self.features.smallest} per axis at layer {self.features.wanted[-1]}; take larger patches, a "
                "shallower layer, or for volumes fewer normals"
            )
        return self.difference(sr, hr)

    def difference(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the loss, a scalar, of planes ``(N, 3, H, W)`` in -1..1."""
        raise NotImplementedError


class PerceptualLoss(LossOnPlanes):
    """Mean squared (or absolute) difference of scaled features, summed over layers.

    Parameters
    ----------
    features
        The frozen network.
    layers
        Weight per layer.
    factor
        What features are multiplied with before they are compared.
    criterion
        ``mse`` or ``l1``.
    choices
        Those of `LossOnPlanes`.
    """

    def __init__(
        self,
        features: VGGFeatures,
        layers: Mapping[str, float],
        *,
        factor: float = PAPER_FACTOR,
        criterion: Criterion = "mse",
        **choices: Any,
    ) -> None:
        super().__init__(features, **choices)
        self.layers = dict(layers)
        self.factor = factor
        self.compare = {"mse": F.mse_loss, "l1": F.l1_loss}[_known("criterion", criterion, ("mse", "l1"))]

    def difference(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the loss, a scalar, of planes ``(N, 3, H, W)`` in -1..1."""
        with torch.no_grad():
            wanted = self.features(hr)
        terms = [
            weight * self.compare(found.float() * self.factor, wanted[layer].float() * self.factor)
            for (layer, found), weight in zip(self.features(sr).items(), self._weights(), strict=True)
        ]
        return torch.stack(terms).sum()

    def _weights(self) -> list[float]:
        """Return the layers' weights in the order in which features come."""
        return [self.layers[name] for name in self.features.convolutions if name in self.layers]


def vgg19_loss(
    *, layers: Layers = "relu5_4", weights: str | Path | None = None, download: bool = False, **choices: Any
) -> PerceptualLoss:
    """Return the loss of SRGAN: VGG19's phi 5,4, after the activation, features divided by 12.75.

    `layers` is a name, several, or weights by name; `weights` a file, and `choices` are those of `PerceptualLoss`.
    Raises MissingRequirementError where the weights are not to be had.
    """
    chosen = _layer_weights(layers)
    state = vgg19_weights(Path(weights) if weights else None, list(chosen), download=download)
    return _loss(VGG19, chosen, state, choices)


def stvgg16_loss(*, layers: Layers = "relu3_3", weights: str | Path | None = None, **choices: Any) -> PerceptualLoss:
    """Return the loss on the shift-tolerant VGG16 of ST-LPIPS (Ghildyal and Liu 2022): 3.5 MB of weights, offline.

    `layers` is a name (``relu2_2`` is cheaper), several, or weights by name; `weights` a file, and `choices` are
    those of `PerceptualLoss`. Raises MissingRequirementError where the weights are not to be had.
    """
    chosen = _layer_weights(layers)
    state = stvgg16_weights(Path(weights) if weights else None, list(chosen))
    return _loss(STVGG16, chosen, state, {"factor": STVGG16_FACTOR, **choices})


class STLPIPSLoss(LossOnPlanes):
    """The distance of ST-LPIPS's VGG16 (Ghildyal and Liu 2022), whose activations are compared by direction.

    Unlike `PerceptualLoss` it doesn't mind how bright or contrasty a place is, only what it looks like.
    """

    def __init__(self, distance: STLPIPS, **choices: Any) -> None:
        super().__init__(distance.features, **choices)
        self.distance = distance

    def difference(self, sr: Tensor, hr: Tensor) -> Tensor:
        """Return the loss, a scalar, of planes ``(N, 3, H, W)`` in -1..1."""
        found: Tensor = self.distance(sr, hr).mean()
        return found


def stlpips_loss(*, weights: str | Path | None = None, **choices: Any) -> STLPIPSLoss:
    """Return the distance of ST-LPIPS's VGG16 up to block 3 as a loss; the figure `st_lpips` is AlexNet's.

    `weights` is a file as of `stvgg16_loss`, `choices` are ``normals`` and ``bands``. Raises MissingRequirementError
    where the weights are not to be had.
    """
    for key in choices:
        _known("parameter", key, ("normals", "bands"))
    return STLPIPSLoss(stlpips(weights), **choices)


def _loss(
    architecture: Architecture, layers: Mapping[str, float], state: Mapping[str, Tensor], choices: Mapping[str, Any]
) -> PerceptualLoss:
    known = ("factor", "criterion", "normals", "bands")
    for key in choices:
        _known("parameter", key, known)
    return PerceptualLoss(VGGFeatures(architecture, list(layers), state), layers, **choices)


def _layer_weights(layers: Layers) -> dict[str, float]:
    if isinstance(layers, str):
        return {layers: 1.0}
    if isinstance(layers, Mapping):
        return {name: float(weight) for name, weight in layers.items()}
    if not layers:
        raise RecipeError("a perceptual loss needs at least one layer, such as relu5_4")
    return dict.fromkeys(layers, 1.0)


def _known(what: str, value: Any, known: Sequence[Any]) -> Any:
    if value not in known:
        raise RecipeError(
            f"perceptual loss: no {what} {value!r} (known: {', '.join(known)}){nearest_known(str(value), known)}"
        )
    return value
