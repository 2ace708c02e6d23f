"""`wiener`: the best linear reconstruction for the degradation of an item's domain, in an interpolation's place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from srkit.degrade import each
from srkit.degrade.alike import is_alike
from srkit.errors import ModelError
from srkit.grid import Scale
from srkit.image import Source
from srkit.networks.wiener import EXPONENT, NOISE
from srkit.plugins import Plugins, degradation
from srkit.upscaling.planning.enlarger import WIENER, Enlarger


@dataclass(frozen=True, slots=True)
class Prior:
    """What the linear reconstruction expects of an image.

    `noise` is the power of its noise over its own at one cycle per LR sample, `exponent` the power of the frequency
    with which its spectral power falls. The default is near the best for images with little noise.
    """

    noise: float = NOISE
    exponent: float = EXPONENT


def wiener(
    plugins: Plugins,
    domain: str,
    source: Source,
    scale: Scale,
    declared: Sequence[Mapping[str, Any]] | None = None,
    prior: Prior = Prior(),
) -> Enlarger:
    """Return the linear reconstruction of what became `source` by a degradation: `declared`, or the domain's own.

    Raises ModelError for a source with axes that are nothing of a picture, and for degradations that srkit cannot
    probe.
    """
    by_axis = {axis: role for role, axis in source.roles.items()}
    if len(by_axis) != source.grid.ndim:
        raise ModelError("wiener knows rows, columns and slices alone, and the image has an axis of another kind")
    spec = [dict(step) for step in declared] if declared else None
    steps = degradation(plugins, domain, spec, source, scale)
    for step in each(steps.steps):
        if step.function is not None:
            raise ModelError(f"wiener cannot look into the degradation step {step.name!r} of a plugin")
    images = sum(channel.role == "image" for channel in source.channels)
    return Enlarger(
        WIENER,
        scale,
        roles=tuple(by_axis[axis] for axis in range(source.grid.ndim)),
        channels=1 if is_alike(steps) else images,
        degradation=tuple({"name": step.name, **step.parameters} for step in steps.steps),
        parameters=asdict(prior),
    )
