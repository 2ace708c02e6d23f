"""Asks plugins for samples, and writes the low-resolution form of an item by its own domain's physics."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import torch

import srkit
from srkit import degrade
from srkit import plugins as verbs
from srkit.data.view import View
from srkit.domain import Item
from srkit.errors import InputError, MissingRequirementError
from srkit.grid import Role, Scale, Window
from srkit.image import Array, OutputPlan, Provenance, Source
from srkit.plugins import Plugins
from srkit.samples import Sample, SampleMaker

GROUP = "srkit.samples"


def installed_makers() -> list[SampleMaker]:
    """Return the makers that installed plugins export."""
    points = sorted(entry_points(group=GROUP), key=lambda p: p.name)
    return [make for point in points for make in point.load().values()]


def collect_samples(folder: Path, makers: Iterable[SampleMaker] | None = None) -> list[Sample]:
    """Return the samples of `makers`, by default the installed ones; what must be written for them goes into `folder`.

    Raises MissingRequirementError where a package is not there, or nobody offers any sample.
    """
    chosen = installed_makers() if makers is None else makers
    samples = [sample for make in chosen for sample in make(folder)]
    if not samples:
        raise MissingRequirementError("no installed plugin offers samples; install srkit-medical or srkit-satellite")
    return samples


def item_at(plugins: Plugins, path: Path, domain: str) -> Item:
    """Return the first item of `domain` at `path`. Raises InputError where there is none."""
    found = verbs.discover(plugins, path, verbs.default_options(plugins), domain=domain)
    for entry in found:
        if isinstance(entry, Item):
            return entry
    raise InputError(f"{path}: holds no item of domain {domain!r}; make the samples again")


def open_at(plugins: Plugins, path: Path, domain: str) -> Source:
    """Open the first item of `domain` at `path`."""
    return verbs.open_source(plugins, item_at(plugins, path, domain), verbs.default_options(plugins)[domain])


def write_degraded(plugins: Plugins, sample: Sample, target: Path, scale: Scale) -> Path:
    """Write what a coarser instrument would have made of `sample`, by its domain's degradation, and return `target`.

    The item's sizes are multiples of `scale`. It goes through the domain's own sink, so any format will do.
    """
    source = open_at(plugins, sample.path, sample.domain)
    try:
        values, factors = _degraded(plugins, source, sample.domain, scale)
        grid = source.grid.resampled(tuple(n // f for n, f in zip(source.grid.shape, factors, strict=True)))
        plan = OutputPlan(
            grid=grid,
            channels=source.channels,
            encoding=source.encoding,
            frames=1,
            scale=(1,) * source.grid.ndim,
            provenance=Provenance(srkit.__version__, "degraded for comparison", None, f"1/{scale}"),
            options=verbs.default_options(plugins)[sample.domain],
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        stored = source.encoding.encode(values)
        with verbs.create_sink(plugins, sample.domain, target, source, plan) as sink:
            for window in sink.slab.windows(grid.shape):
                sink.write(window, 0, stored[(slice(None), *window.slices)], None)
    finally:
        source.close()
    return target


def _degraded(plugins: Plugins, source: Source, domain: str, scale: Scale) -> tuple[Array, tuple[int, ...]]:
    """Return LR values ``(C, *grid)`` and the factor per grid axis."""
    roles: tuple[Role, ...] = ("slice", "row", "column") if "slice" in source.roles else ("row", "column")
    view = View.of(source, roles, scale)
    steps = verbs.degradation(plugins, domain, None, source, scale)
    order = (0, *(axis + 1 for axis in view.axes))
    hr = source.read(Window.whole(source.grid.shape)).values.transpose(order)
    with torch.inference_mode():
        lr = degrade.apply(
            torch.from_numpy(np.array(hr)).unsqueeze(0), steps, view.scale, None, roles=roles, grid_axes=view.axes
        )
    return lr[0].numpy().transpose(np.argsort(order)), view.grid_scale(source.grid.ndim)
