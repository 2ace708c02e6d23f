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
from srkit.plugins import Plugins, domain_named
from srkit.upscaling.planning.need import Need

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
    strength
        The generator's share, 0 to 1, in a mixture with bicubic interpolation.
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
        self._loaded: dict[tuple[str, tuple[Channel, ...], Scale | None], Enlarger] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave loaded models behind: another process loads its own."""
        return {**vars(self), "_loaded": {}}

    def choose(self, domain: str, source: Source, shape: tuple[int, ...] | None = None) -> Enlarger:
        """Return the enlarger for an item. Raises ModelError where none fits.

        With the `shape` of the output, that is one which comes near to it. An item without image channels (labels, a
        mask) needs no network: it is repeated.
        """
        channels = tuple(channel for channel in source.channels if channel.role == "image")
        scale = self._scale if shape is None else self._scale_for(domain, len(channels), Need.of(source, shape))
        if isinstance(self._model, Enlarger):
            return _with_scale(self._model, scale)
        kind = next((kind for kind in KINDS if kind == self._model), None)
        if kind is not None:
            return Enlarger.baseline(kind, scale or DEFAULT_BASELINE_SCALE)
        if not channels:
            info = model_named(self._plugins, self._model)
            return Enlarger.baseline("nearest", scale or (info.scale if info else DEFAULT_BASELINE_SCALE))
        if scale == Scale():
            return Enlarger.baseline("bicubic", scale)  # nothing to refine: what becomes coarser needs no network
        key = (domain, channels, scale)
        if key not in self._loaded:
            found = Enlarger.of_model(self._find(domain, channels, scale))
            self._loaded[key] = replace(found, choice=self._choice)
        return self._loaded[key]

    def _scale_for(self, domain: str, channels: int, need: Need) -> Scale | None:
        """Return which whole factor is the network's; None where the model's own error shall tell."""
        if not need.refines or (channels == 0 and self._model not in KINDS):
            return Scale()
        if self._model in KINDS:
            return need.nearest_whole()
        named = self._model if isinstance(self._model, Enlarger) else model_named(self._plugins, self._model)
        if named is None and self._model is not None:
            return None
        scale = need.nearest([named.scale] if named else self._scales_at_hand(domain, channels))
        if scale is None:
            which = (
                f"model {named.name!r} enlarges by {named.scale}" if named else f"no model at hand for {domain} fits"
            )
            raise ModelError(
                f"{which}, but the image is to have {need}; name a model for the axes that become finer, "
                "or interpolate with --model bspline"
            )
        return scale

    def _scales_at_hand(self, domain: str, channels: int) -> list[Scale]:
        fidelity_first = domain_named(self._plugins, domain).fidelity_first
        infos = [entry.info for entry in list_models(self._plugins) if entry.info is not None]
        return [
            info.scale
            for info in infos
            if info.domain == domain and info.channels in (1, channels) and not (fidelity_first and info.perceptual)
        ]

    def _find(self, domain: str, channels: tuple[Channel, ...], scale: Scale | None) -> Model:
        """Return the model for an item's channels, else one of one channel, which takes them one at a time."""
        name = self._model if isinstance(self._model, str) else None
        named = model_named(self._plugins, name)
        count = len(channels)
        if named is not None and named.channels < count and self._choice.extra != "refuse":
            count = named.channels

        def suits(info: ModelInfo) -> bool:
            return info.channels == 1 or not info.inputs or _match(info, channels)

        try:
            return find_model(self._plugins, name=name, domain=domain, scale=scale, channels=count, suits=suits)
        except ModelError:
            if count == 1:
                raise
            try:
                return find_model(self._plugins, name=name, domain=domain, scale=scale, channels=1)
            except ModelError:
                pass
            raise


def _with_scale(enlarger: Enlarger, scale: Scale | None) -> Enlarger:
    if scale is not None and enlarger.scale != scale:
        raise ModelError(
            f"model {enlarger.name!r} enlarges by {enlarger.scale}, not by {scale} as asked; "
            "name another model, or leave the scale out"
        )
    return enlarger


def _match(info: ModelInfo, channels: tuple[Channel, ...]) -> bool:
    try:
        matched(info.inputs, channels, info.name)
    except ModelError:
        return False
    return True
