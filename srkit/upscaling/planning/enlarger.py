"""What enlarges: a trained model, or an interpolation that runs the same path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from srkit.channels import ChannelChoice
from srkit.errors import ModelError
from srkit.grid import Role, Scale
from srkit.image import Channel
from srkit.models.file import Model, ModelInfo, read_info
from srkit.models.info import Seen
from srkit.models.shelf import list_models
from srkit.networks.interpolation import KINDS, Interpolation
from srkit.networks.wiener import Wiener
from srkit.plugins import Plugins

WIENER = "wiener"
BASELINES = (*KINDS, WIENER)
"""What enlarges without having been trained."""


@dataclass(frozen=True, eq=False, slots=True)
class Enlarger:
    """A network and what must be known to use it on an item.

    Parameters
    ----------
    name, sha256
        For messages and provenance.
    scale
        Factor per role.
    generator
        Maps ``(N, C, *spatial)`` in network range; None for a baseline, which is built to an item's axes.
    roles
        What the generator's axes are, in its order.
    channels
        Of the generator. A generator of one channel treats each channel of an item alone.
    inputs
        What these channels are, in the generator's order; an item's are matched to them. Empty where it is not known.
    choice
        How an item's channels are taken for them.
    seen
        What training saw.
    normalizer
        Spec; None for baselines, which see values as they are.
    deviation
        Of the generator in bfloat16, as `measure_deviation` returns it; empty where it is not known.
    strength
        The generator's share, 0 to 1, in a mixture with bicubic interpolation.
    parameters
        Of the network that is built for a baseline, beside axes, factors and degradation.
    """

    name: str
    scale: Scale
    generator: nn.Module | None = None
    roles: tuple[Role, ...] = ()
    channels: int = 1
    inputs: tuple[Channel, ...] = ()
    choice: ChannelChoice = field(default_factory=ChannelChoice)
    seen: Seen = field(default_factory=Seen)
    normalizer: Mapping[str, Any] | None = None
    sha256: str | None = None
    degradation: tuple[Mapping[str, Any], ...] = field(default=())
    perceptual: bool = False
    deviation: Mapping[str, Any] = field(default_factory=dict)
    strength: float = 1.0
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def baseline(cls, name: str, scale: Scale) -> Enlarger:
        """Return one of `BASELINES` as an enlarger; ``wiener`` still has to be made for an item."""
        return cls(name, scale)

    @classmethod
    def of_model(cls, model: Model) -> Enlarger:
        """Return a loaded model as an enlarger."""
        info = model.info
        return cls(
            name=info.name,
            scale=info.scale,
            generator=model.generator,
            roles=info.roles,
            channels=info.channels,
            inputs=info.inputs,
            seen=info.seen,
            normalizer=info.normalizer,
            sha256=model.sha256,
            degradation=info.degradation,
            perceptual=info.perceptual,
            deviation=info.precision.get("bf16", {}),
        )

    def generator_for(self, factors: tuple[int, ...]) -> nn.Module:
        """Return the generator; a baseline's acts on all grid axes with `factors`."""
        if self.generator is not None:
            return self.generator
        if self.name == WIENER:
            return Wiener(
                degradation=self.degradation,
                ndim=len(factors),
                channels=self.channels,
                scale=factors,
                roles=self.roles,
                **self.parameters,
            ).eval()
        kind = next(kind for kind in KINDS if kind == self.name)
        return Interpolation(kind, factors)


def model_named(plugins: Plugins, model: str | Enlarger | None) -> ModelInfo | None:
    """Return what the model that a user named says about itself; None where no such model can be read."""
    if model is None or isinstance(model, Enlarger) or model in BASELINES:
        return None
    try:
        if Path(model).is_file():
            return read_info(Path(model))
    except ModelError:
        return None
    infos = [entry.info for entry in list_models(plugins) if entry.info is not None]
    return next((info for info in infos if info.name == model), None)
