"""The linear reconstruction as a rival: on whole arrays, and with what it expects tuned on items of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from srkit import plugins as verbs
from srkit.data.filling import fill_invalid
from srkit.domain import Item
from srkit.errors import InputError, UsageError
from srkit.evaluation.metrics import psnr
from srkit.evaluation.reference import Reference, make_reference
from srkit.grid import Scale, Window
from srkit.image import Array
from srkit.plugins import Plugins
from srkit.upscaling.planning.enlarger import Enlarger
from srkit.upscaling.planning.linear import Prior, wiener

NOISES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
EXPONENTS = (1.5, 2.0, 2.5, 3.0)
Steps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Linear:
    """What the linear reconstruction knows: a degradation (None: that of the table), and what to expect of images."""

    degradation: Steps | None = None
    prior: Prior = field(default_factory=Prior)


def reconstructed(linear: nn.Module, lr: Array) -> Array:
    """Return what a linear network makes of ``(C, *spatial)``; one of a single channel takes each channel alone."""
    values = torch.from_numpy(np.ascontiguousarray(lr, dtype=np.float32))
    each = int(getattr(linear, "channels", 1)) == 1
    with torch.inference_mode():
        found = linear(values[:, None] if each else values[None])
    result: Array = (found[:, 0] if each else found[0]).numpy()
    return result


def tuned_prior(
    paths: Sequence[Path],
    *,
    domain: str,
    scale: Scale,
    degradation: Steps | None,
    linear: Steps | None,
    plugins: Plugins,
) -> Prior:
    """Return the prior under which items of `domain` at `paths` come back best: the highest mean PSNR.

    Items are degraded by `degradation`; the reconstruction is for `linear`, the same where that is None. First the
    noise is sought, then the exponent at that noise. Items that cannot be used are passed over; raises UsageError where
    none can.
    """
    pairs = [pair for path in paths for pair in _pairs(path, domain, scale, degradation, plugins)]
    built: dict[str, nn.Module] = {}  # items of one kind share a network
    attempts = [
        _attempt(pair, _rival(pair, domain, scale, linear or pair.drawn or degradation, plugins), built)
        for pair in pairs
    ]
    if not attempts:
        raise UsageError("nothing to tune the linear reconstruction on; name items that can be degraded")

    def figure(prior: Prior) -> float:
        return float(np.mean([attempt(prior) for attempt in attempts]))

    best = max((Prior(noise=noise) for noise in NOISES), key=figure)
    return max((replace(best, exponent=exponent) for exponent in EXPONENTS), key=figure)


def _pairs(path: Path, domain: str, scale: Scale, degradation: Steps | None, plugins: Plugins) -> Iterator[Reference]:
    """Yield HR and LR of each item that can be degraded."""
    options = verbs.default_options(plugins)
    for item in verbs.discover(plugins, path, options, domain=domain):
        if isinstance(item, Item) and item.domain == domain:
            try:
                with closing(verbs.open_source(plugins, item.alone(), options[domain])) as source:
                    yield make_reference(plugins, source, domain=domain, scale=scale, degradation=degradation)
            except InputError:
                continue


def _rival(
    pair: Reference, domain: str, scale: Scale, steps: Steps | None, plugins: Plugins
) -> Callable[[Prior], Enlarger]:
    return lambda prior: wiener(plugins, domain, pair.lr, scale, steps, prior)


def _attempt(
    pair: Reference, rival: Callable[[Prior], Enlarger], built: dict[str, nn.Module]
) -> Callable[[Prior], float]:
    block = pair.lr.read(Window.whole(pair.lr.grid.shape), 0)
    lr = block.values if block.valid is None else fill_invalid(block.values, block.valid)

    def tried(prior: Prior) -> float:
        enlarger = rival(prior)
        factors = enlarger.scale.per_axis(pair.lr.roles, pair.lr.grid.ndim)
        key = repr((enlarger.degradation, enlarger.channels, enlarger.roles, factors, prior))
        if key not in built:
            built[key] = enlarger.generator_for(factors)
        return psnr(reconstructed(built[key], lr), pair.hr, data_range=pair.data_range, valid=pair.valid)

    return tried
