"""Fits a degradation to an item: how its samples are stored, and how strong its signal is."""

from __future__ import annotations

import math

import numpy as np

from srkit import degrade
from srkit import plugins as verbs
from srkit.domain import Degradation
from srkit.errors import InputError
from srkit.image import Block, Source
from srkit.plugins import Plugins

ENOUGH_SAMPLES = 1 << 24
"""Of one channel, for a mean."""


def fitted_degradation(plugins: Plugins, domain: str, degradation: Degradation, source: Source) -> Degradation:
    """Return the steps with all that only the item knows: its type for rounding, its signal for noise by SNR.

    `source` has the channels that are degraded. Raises InputError where a step does not suit the item.
    """
    stored = degrade.as_stored(degradation, source.encoding)
    return degrade.with_signal(stored, lambda: mean_signal(plugins, domain, source))


def mean_signal(plugins: Plugins, domain: str, source: Source) -> list[float]:
    """Return each channel's mean over the valid samples that show the subject, in stored units, of frame 0.

    The subject is what the domain calls foreground, all of the image otherwise. Of large items some
    slabs are seen, evenly spaced. Raises InputError where a channel has no signal above 0.
    """
    block = _seen(source)
    valid = np.isfinite(block.values) & (True if block.valid is None else block.valid)
    shown = verbs.foreground(plugins, domain, block.values, valid)
    counted = valid if shown is None else valid & shown
    means = [float(v[c].mean(dtype=np.float64)) if c.any() else 0.0 for v, c in zip(block.values, counted, strict=True)]
    for channel, mean in zip(source.channels, means, strict=True):
        if not mean > 0:
            raise InputError(f"has a mean of {mean:g} in {channel.name or 'its channel'}, to which no SNR can refer")
    return means


def _seen(source: Source) -> Block:
    shape = source.grid.shape
    step = -(-math.prod(shape) // ENOUGH_SAMPLES)
    slabs = [source.read(window, 0) for window in list(source.slab.windows(shape))[::step]]
    along = source.slab.axis + 1
    valid = [np.broadcast_to(True if slab.valid is None else slab.valid, slab.values.shape) for slab in slabs]
    return Block(np.concatenate([slab.values for slab in slabs], along), np.concatenate(valid, along))
