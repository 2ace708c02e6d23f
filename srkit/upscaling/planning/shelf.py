"""Which enlarger an item gets: the one that was named, else the model at hand that suits it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from srkit.channels import ChannelChoice, matched
from srkit.errors import ModelError
from srkit.grid import Role, Scale
from srkit.image import Channel, Source
from srkit.models.file import Model, ModelInfo
from srkit.models.shelf import find_model, list_models
from srkit.networks.interpolation import KINDS
from srkit.plugins import Plugins, domain_named
from srkit.upscaling.planning.enlarger import BASELINES, WIENER, Enlarger, model_named
from srkit.upscaling.planning.linear import wiener
from srkit.upscaling.planning.need import Need

DEFAULT_BASELINE_SCALE = Scale(2, 2)


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
        self._loaded: dict[tuple[str, tuple[Channel, ...], frozenset[Role], Scale | None], Enlarger] = {}

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
        if self._model in KINDS:
            return Enlarger.baseline(str(self._model), scale or DEFAULT_BASELINE_SCALE)
        if not channels:
            info = model_named(self._plugins, self._model)
            return Enlarger.baseline("nearest", scale or (info.scale if info else DEFAULT_BASELINE_SCALE))
        if self._model == WIENER:
            return wiener(self._plugins, domain, source, scale or DEFAULT_BASELINE_SCALE)
        if scale == Scale():
            return Enlarger.baseline("bicubic", scale)  # nothing to refine: what becomes coarser needs no network
        key = (domain, channels, frozenset(source.roles), scale)
        if key not in self._loaded:
            found = Enlarger.of_model(self._find(*key))
            self._loaded[key] = replace(found, choice=self._choice)
        return self._loaded[key]

    def _scale_for(self, domain: str, channels: int, need: Need) -> Scale | None:
        """Return which whole factor is the network's; None where the model's own error shall tell."""
        if not need.refines or (channels == 0 and self._model not in BASELINES):
            return Scale()
        if self._model in BASELINES:
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

    def _find(self, domain: str, channels: tuple[Channel, ...], roles: frozenset[Role], scale: Scale | None) -> Model:
        """Return the model for an item's channels, else one of one channel, which takes them one at a time."""
        name = self._model if isinstance(self._model, str) else None
        named = model_named(self._plugins, name)
        count = len(channels)
        if named is not None and named.channels < count and self._choice.extra != "refuse":
            count = named.channels

        def suits(info: ModelInfo) -> bool:
            return roles.issuperset(info.roles) and (info.channels == 1 or not info.inputs or _match(info, channels))

        return find_model(self._plugins, name=name, domain=domain, scale=scale, channels=count, suits=suits)


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
