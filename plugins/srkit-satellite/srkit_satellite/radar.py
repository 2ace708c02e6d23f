"""Radar images in decibels: what a coarser radar would have seen is a mean of power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from srkit import Degradation, Source, Step


def is_in_decibels(source: Source) -> bool:
    """Tell whether all image bands have the unit dB."""
    units = {channel.quantity.lower() for channel in source.channels if channel.role == "image"}
    return units == {"db"}


def on_power(
    degradation: Degradation | None, source: Source, spec: Sequence[Mapping[str, Any]] = ()
) -> Degradation | None:
    """Return a degradation that acts on power where the image is in decibels, else the same.

    None stands for the core's own steps of `spec`.
    """
    if not is_in_decibels(source):
        return degradation
    if degradation is None:
        steps = [{key: value for key, value in entry.items() if key != "name"} for entry in spec]
        degradation = Degradation(
            tuple(Step(str(entry.get("name")), found) for entry, found in zip(spec, steps, strict=True))
        )
    return replace(degradation, decibel=True)
