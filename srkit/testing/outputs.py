"""An output made the plainest way: every sample repeated, written through the domain's own sink."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from srkit import __version__
from srkit import plugins as calls
from srkit.domain import Item
from srkit.grid import Scale, Window
from srkit.image import Array, Block, OutputPlan, Provenance, Sink, Source
from srkit.plugins import Plugins
from srkit.testing.examples import Example


def factors_for(source: Source, scale: Scale) -> tuple[int, ...]:
    """Return one factor per grid axis, 1 for axes that have no role or are fixed."""
    factors = [1] * source.grid.ndim
    for role, axis in source.roles.items():
        factors[axis] = 1 if axis in source.fixed_axes else scale.of(role)
    return tuple(factors)


def plan_for(source: Source, example: Example, plugins: Plugins) -> OutputPlan:
    """Return the plan of the example's upscaled output in its own format."""
    factors = factors_for(source, example.scale)
    by_role = {role: factors[axis] for role, axis in source.roles.items()}
    return OutputPlan(
        grid=source.grid.upscaled(factors),
        channels=source.channels,
        encoding=source.encoding,
        frames=source.frames,
        scale=factors,
        provenance=Provenance(__version__, "nearest", None, str(Scale(**by_role))),
        options=example.options_in(plugins)[example.domain],
    )


def target_for(item: Item, folder: Path) -> Path:
    """Return where the core would stage the output of `item`, in `folder`, which is made."""
    folder.mkdir(parents=True)
    return folder / (f"{item.stem}{item.suffix}" or "output")


def repeated(source: Source, window: Window, scale: Sequence[int], frame: int) -> Block:
    """Return the samples of an output `window`, every input sample repeated `scale` times per axis."""
    needed = window.downscaled(scale)
    block = source.read(needed, frame)
    inner = window.relative_to(needed.upscaled(scale)).slices
    valid = None if block.valid is None else _repeat(block.valid, scale)[:, *inner]
    return Block(_repeat(block.values, scale)[:, *inner], valid)


def _repeat(samples: Array, scale: Sequence[int]) -> Array:
    for axis, factor in enumerate(scale, start=1):
        samples = np.repeat(samples, factor, axis=axis)
    return samples


def write_repeated(sink: Sink, source: Source, plan: OutputPlan) -> None:
    """Write the whole output, slab by slab in file order, frames outermost."""
    with sink:
        for frame in range(plan.frames):
            for window in sink.slab.windows(plan.grid.shape):
                block = repeated(source, window, plan.factors, frame)
                sink.write(window, frame, plan.encoding.encode(block.values, block.valid), block.valid)


def make_output(plugins: Plugins, example: Example, item: Item, source: Source, folder: Path) -> Path:
    """Write the example's output below `folder` and return its target."""
    plan, target = plan_for(source, example, plugins), target_for(item, folder)
    write_repeated(calls.create_sink(plugins, example.domain, target, source, plan), source, plan)
    return target


def contents(root: Path) -> dict[str, bytes]:
    """Return the bytes of every file below `root` by relative path."""
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
