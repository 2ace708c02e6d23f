"""Real inputs, of which nobody knows a truth: whether outputs contradict them, and how sharp they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srkit import plugins as verbs
from srkit.domain import Item, Options
from srkit.errors import InputError
from srkit.evaluation.cutoff import cutoff
from srkit.evaluation.linear import Linear
from srkit.grid import Window
from srkit.image import Array, Block, BoolArray, Source
from srkit.models.file import load_model
from srkit.models.shelf import model_path
from srkit.plugins import Plugins
from srkit.upscaling.enlarging.engine import enlarge, enlarge_whole
from srkit.upscaling.fidelity.observation import Observation, observed_by
from srkit.upscaling.planning.enlarger import WIENER, Enlarger
from srkit.upscaling.planning.linear import wiener

BESIDE = ("nearest", "bicubic", "lanczos", "bspline", WIENER)
YARDSTICK = "bspline"


@dataclass(frozen=True, slots=True)
class InputFigures:
    """What an output of `model` is to its input.

    `difference` is the RMS of the output degraded again less its input, in shares of the input's standard deviation;
    `sharpness` the mean absolute difference of neighbours along enlarged axes, in shares of cubic B-spline
    interpolation's; `cutoff` the frequency up to which its detail reaches, in the input's Nyquist frequencies.
    """

    item: str
    model: str
    difference: float
    sharpness: float
    cutoff: float


def examine(path: Path, model: str, *, linear: Linear, plugins: Plugins) -> list[InputFigures]:
    """Return the figures of `model` and of what interpolates, on the items at `path` enlarged as they are.

    The degradation is the model's own for all, noise-free; `linear` says what the linear reconstruction knows. Raises
    InputError where there is no item, and what enlarging raises.
    """
    loaded = load_model(model_path(plugins, model), plugins)
    enlarger, domain = Enlarger.of_model(loaded), loaded.info.domain
    options = verbs.default_options(plugins)
    found = verbs.discover(plugins, path, options, domain=domain)
    items = [item for item in found if isinstance(item, Item) and item.domain == domain]
    if not items:
        raise InputError(f"{path}: holds no item of {domain}; name an image")
    return [row for item in items for row in _of_item(plugins, item, options[item.domain], enlarger, linear)]


def _of_item(plugins: Plugins, item: Item, options: Options, enlarger: Enlarger, linear: Linear) -> list[InputFigures]:
    with closing(verbs.open_source(plugins, item, options)) as source:
        rivals = [*(_rival(plugins, item.domain, source, name, enlarger, linear) for name in BESIDE), enlarger]
        eye = observed_by(plugins, item.domain, source, enlarger.scale, enlarger.degradation, network=True)
        outputs = {rival.name: _enlarged(plugins, item.domain, source, rival, eye.factors) for rival in rivals}
        lr = _images(source.read(Window.whole(source.grid.shape), 0), source)
    steep = {name: _steepness(block, eye.factors) for name, block in outputs.items()}
    return [
        InputFigures(
            str(item.path),
            name,
            _difference(eye, block, lr),
            steep[name] / steep[YARDSTICK],
            cutoff(block.values, eye.factors, valid=block.valid),
        )
        for name, block in outputs.items()
    ]


def _rival(plugins: Plugins, domain: str, source: Source, name: str, enlarger: Enlarger, linear: Linear) -> Enlarger:
    if name != WIENER:
        return Enlarger.baseline(name, enlarger.scale)
    return wiener(plugins, domain, source, enlarger.scale, linear.degradation or enlarger.degradation, linear.prior)


def _enlarged(plugins: Plugins, domain: str, source: Source, rival: Enlarger, factors: Sequence[int]) -> Block:
    shape = tuple(n * s for n, s in zip(source.grid.shape, factors, strict=True))
    return _images(enlarge_whole(enlarge(plugins, source, rival, domain=domain), shape), source)


def _images(block: Block, source: Source) -> Block:
    chosen = [i for i, channel in enumerate(source.channels) if channel.role == "image"]
    valid = block.valid if block.valid is None or len(block.valid) == 1 else block.valid[chosen]
    return Block(block.values[chosen].astype(np.float64), valid)


def _difference(eye: Observation, output: Block, lr: Block) -> float:
    seen, known = eye.degraded(output.values, output.valid)
    counted = np.broadcast_to(_both(known, lr.valid), seen.shape)
    spread = float(lr.values[counted].std()) if counted.any() else 0.0
    return float(np.sqrt(((seen - lr.values)[counted] ** 2).mean())) / spread if spread > 0 else math.nan


def _both(a: BoolArray | None, b: BoolArray | None) -> BoolArray:
    found: BoolArray = np.asarray((True if a is None else a) & np.asarray(True if b is None else b))
    return found


def _steepness(block: Block, factors: Sequence[int]) -> float:
    """Return the mean absolute difference of valid neighbours along the axes of a factor above 1."""
    known = np.broadcast_to(True if block.valid is None else block.valid, block.values.shape)
    means = [_along(block.values, known, axis) for axis, factor in enumerate(factors, start=1) if factor > 1]
    return float(np.mean(means))


def _along(values: Array, known: Array, axis: int) -> float:
    first, second = (np.delete(known, index, axis) for index in (-1, 0))
    counted = first & second
    return float(np.abs(np.diff(values, axis=axis))[counted].mean()) if counted.any() else math.nan
