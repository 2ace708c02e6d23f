"""LR that was measured, not made: where it lies on HR's grid, and how it is read for a window of HR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from srkit import plugins as verbs
from srkit.data.kept_items import item_from_json, item_to_json
from srkit.data.registration import Fit
from srkit.data.view import ProxySource, View, chosen_channels
from srkit.domain import Item, Options
from srkit.errors import InputError
from srkit.grid import Window
from srkit.image import Array, Block, Channel, Source
from srkit.plugins import Plugins


@dataclass(frozen=True, slots=True)
class Counterpart:
    """The measured LR of an HR item, and how both fit; plain values that JSON can hold.

    Parameters
    ----------
    offset
        Index of the HR sample, per grid axis, at which LR's first sample begins.
    displacement
        LR samples by which LR's content lay further than the files say, per network axis; corrected in `offset`.
    residual
        What is left of it.
    correlation
        Pearson's, of LR and of HR degraded to it; of the channel that agrees least.
    fit
        Gain and offset per channel that bring HR to LR's radiometry.
    mean
        Whether LR is the mean of its item's channels.
    places
        Index of LR's channel for each image channel of HR.
    """

    lr: Item
    offset: tuple[int, ...]
    displacement: tuple[float, ...]
    residual: tuple[float, ...]
    correlation: float
    fit: tuple[Fit, ...]
    mean: bool
    places: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "lr": item_to_json(self.lr)}


def counterpart_from_json(content: Mapping[str, Any]) -> Counterpart:
    """Return the counterpart of `Counterpart.to_json`."""
    lr = item_from_json(content["lr"])
    tuples = {key: tuple(content[key]) for key in ("offset", "displacement", "residual", "places")}
    fit = tuple((float(gain), float(offset)) for gain, offset in content["fit"])
    return Counterpart(lr, correlation=content["correlation"], fit=fit, mean=content["mean"], **tuples)


class MeanChannel(ProxySource):
    """A source whose only channel is the mean of the image channels of another: about what a pan band sees."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._chosen = [i for i, channel in enumerate(source.channels) if channel.role == "image"]
        self.channels = (Channel("mean", quantity=source.channels[self._chosen[0]].quantity),)

    def read(self, window: Window, frame: int = 0) -> Block:
        """Return the mean; valid where all channels are."""
        block = self._source.read(window, frame)
        valid = block.valid
        if valid is not None and valid.shape[0] > 1:
            valid = np.logical_and.reduce(valid[self._chosen], axis=0, keepdims=True)
        return Block(block.values[self._chosen].mean(axis=0, keepdims=True), valid)


def open_lr(plugins: Plugins, item: Item, options: Options, *, mean: bool) -> Source:
    """Open an LR item, as the mean of its channels where that is wanted. Raises InputError if it is broken."""
    source = verbs.open_source(plugins, item, options)
    return cast(Source, MeanChannel(source)) if mean else source


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredLr:
    """The open LR of an item: `source` has HR's channels in the network's order."""

    source: Source
    offset: tuple[int, ...]
    factors: tuple[int, ...]
    fit: tuple[Fit, ...]

    def snapped(self, region: Window) -> Window:
        """Return the largest part of an HR `region` that whole LR samples cover. Raises InputError if there is none."""
        moved = region.shifted([-n for n in self.offset])
        inner = Window(
            tuple(-(-a // s) for a, s in zip(moved.start, self.factors, strict=True)),
            tuple(b // s for b, s in zip(moved.stop, self.factors, strict=True)),
        ).intersection(Window.whole(self.source.grid.shape))
        if not inner.size:
            raise InputError("its LR covers nothing of this part")
        return inner.upscaled(self.factors).shifted(self.offset)

    def read(self, window: Window, frame: int) -> Block:
        """Return LR of a `snapped` HR window."""
        return self.source.read(window.shifted([-n for n in self.offset]).downscaled(self.factors), frame)

    def fitted(self, hr: Array) -> Array:
        """Return ``(C, *spatial)`` HR in LR's radiometry."""
        if all(line == (1.0, 0.0) for line in self.fit):
            return hr
        line = np.array(self.fit, dtype=hr.dtype).reshape(-1, 2, *([1] * (hr.ndim - 1)))
        result: Array = hr * line[:, 0] + line[:, 1]
        return result


def every_channel(lr: Source, view: View) -> View:
    """Return the view of all channels of LR along the axes that `view` has of HR."""
    return View(view.axes, view.rest, tuple(range(len(lr.channels))), view.scale)


def measured_lr(source: Source, counterpart: Counterpart, view: View, images: Sequence[int]) -> MeasuredLr:
    """Return the open LR for a `view` of HR, whose image channels are `images`."""
    ranks = [list(images).index(channel) for channel in view.channels]
    return MeasuredLr(
        chosen_channels(source, [counterpart.places[rank] for rank in ranks]),
        counterpart.offset,
        view.grid_scale(source.grid.ndim),
        tuple(counterpart.fit[rank] for rank in ranks),
    )
