"""What enlarges: a trained model, or an interpolation that runs the same path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from srkit.channels import ChannelChoice, matched
from srkit.errors import ModelError
from srkit.grid import Role, Scale
from srkit.image import Channel, Source
from srkit.models.file import Model, ModelInfo, read_info
from srkit.models.info import Seen
from srkit.models.shelf import find_model, list_models
from srkit.networks.interpolation import KINDS, Interpolation, Kind
from srkit.plugins import Plugins

DEFAULT_BASELINE_SCALE = Scale(2, 2)


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

    @classmethod
    def baseline(cls, kind: Kind, scale: Scale) -> Enlarger:
        """Return an interpolation as an enlarger."""
        return cls(kind, scale)

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
        kind = next(kind for kind in KINDS if kind == self.name)
        return Interpolation(kind, factors)


def model_named(plugins: Plugins, model: str | Enlarger | None) -> ModelInfo | None:
    """Return what the model that a user named says about itself; None where no such model can be read."""
    if model is None or isinstance(model, Enlarger) or model in KINDS:
        return None
    try:
        if Path(model).is_file():
            return read_info(Path(model))
    except ModelError:
        return None
    infos = [entry.info for entry in list_models(plugins) if entry.info is not None]
    return next((info for info in infos if info.name == model), None)


class EnlargerShelf:
    """Finds the enlarger of an item, and loads each model once.

    Parameters
    ----------
    model
        The name of a baseline, the path or name of a model, a ready enlarger, or None: the best model at hand.
    scale
        What is asked for; None: the model's own, 2 for baselines.
    choice
        How an item's channels are taken for a model's.
    """

    def __init__(
        self,
        plugins: Plugins,
        model: str | Enlarger | None,
        scale: Scale | None,
        choice: ChannelChoice = ChannelChoice(),  # noqa: B008  a frozen value
    ) -> None:
        self._plugins, self._model, self._scale, self._choice = plugins, model, scale, choice
        self._loaded: dict[tuple[str, tuple[Channel, ...]], Enlarger] = {}

    def choose(self, domain: str, source: Source) -> Enlarger:
        """Return the enlarger for an item. Raises ModelError where none fits.

        An item without image channels (labels, a mask) needs no network: it is repeated.
        """
        if isinstance(self._model, Enlarger):
            return self._with_scale(self._model)
        kind = next((kind for kind in KINDS if kind == self._model), None)
        if kind is not None:
            return Enlarger.baseline(kind, self._scale or DEFAULT_BASELINE_SCALE)
        channels = tuple(channel for channel in source.channels if channel.role == "image")
        if not channels:
            info = model_named(self._plugins, self._model)
            return Enlarger.baseline("nearest", self._scale or (info.scale if info else DEFAULT_BASELINE_SCALE))
        key = (domain, channels)
        if key not in self._loaded:
            found = Enlarger.of_model(self._find(domain, channels))
            self._loaded[key] = replace(found, choice=self._choice)
        return self._loaded[key]

    def _with_scale(self, enlarger: Enlarger) -> Enlarger:
        if self._scale is not None and enlarger.scale != self._scale:
            raise ModelError(
                f"model {enlarger.name!r} enlarges by {enlarger.scale}, not by {self._scale} as asked; "
                "name another model, or leave the scale out"
            )
        return enlarger

    def _find(self, domain: str, channels: tuple[Channel, ...]) -> Model:
        """Return the model for an item's channels, else one of one channel, which takes them one at a time."""
        name = self._model if isinstance(self._model, str) else None
        named = model_named(self._plugins, name)
        count = len(channels)
        if named is not None and named.channels < count and self._choice.extra != "refuse":
            count = named.channels

        def suits(info: ModelInfo) -> bool:
            return info.channels == 1 or not info.inputs or _match(info, channels)

        try:
            return find_model(self._plugins, name=name, domain=domain, scale=self._scale, channels=count, suits=suits)
        except ModelError:
            if count == 1:
                raise
            try:
                return find_model(self._plugins, name=name, domain=domain, scale=self._scale, channels=1)
            except ModelError:
                pass
            raise


def _match(info: ModelInfo, channels: tuple[Channel, ...]) -> bool:
    try:
        matched(info.inputs, channels, info.name)
    except ModelError:
        return False
    return True
