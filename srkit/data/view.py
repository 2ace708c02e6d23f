"""How a network sees an item: which grid axes are its own, in which order, and which channels enter it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from srkit.channels import ChannelChoice, assigned
from srkit.errors import InputError
from srkit.grid import Role, Scale, Window
from srkit.image import Array, Block, Channel, Source


@dataclass(frozen=True, slots=True)
class View:
    """The axes and channels of an item that a network works on.

    Parameters
    ----------
    axes
        Grid axis of each network axis.
    rest
        Grid axes that the network does not see; it works on one sample of each at a time.
    channels
        Indices of the image channels; alpha and categories never reach a network.
    scale
        Factor per network axis.
    """

    axes: tuple[int, ...]
    rest: tuple[int, ...]
    channels: tuple[int, ...]
    scale: tuple[int, ...]

    @classmethod
    def of(cls, source: Source, roles: Sequence[Role], scale: Scale, inputs: Sequence[Channel] = ()) -> View:
        """Return the view along `roles`, of the channels that match `inputs`, in their order; of all, where empty.

        Raises InputError where `source` does not allow it, ModelError where its channels do not match.
        """
        missing = [role for role in roles if role not in source.roles]
        if missing:
            raise InputError(f"has no {missing[0]} axis, which the network works along")
        axes = tuple(source.roles[role] for role in roles)
        factors = tuple(scale.of(role) for role in roles)
        for axis, factor in zip(axes, factors, strict=True):
            if factor > 1 and axis in source.fixed_axes:
                raise InputError(f"may not be scaled along axis {axis}: {source.fixed_axes[axis]}")
            if source.grid.shape[axis] < factor:
                raise InputError(f"has {source.grid.shape[axis]} samples along axis {axis}, too few for scale {factor}")
        channels = tuple(i for i, channel in enumerate(source.channels) if channel.role == "image")
        if not channels:
            raise InputError("has no image channel")
        if inputs:
            channels = assigned(inputs, source.channels, ChannelChoice(), "to be trained")
        rest = tuple(axis for axis in range(source.grid.ndim) if axis not in axes)
        return cls(axes, rest, channels, factors)

    def size(self, sizes: Sequence[int], ndim: int) -> tuple[int, ...]:
        """Return `sizes` per network axis in grid axis order, 1 for the other axes."""
        result = [1] * ndim
        for axis, size in zip(self.axes, sizes, strict=True):
            result[axis] = size
        return tuple(result)

    def grid_scale(self, ndim: int) -> tuple[int, ...]:
        """Return the factor per grid axis."""
        return self.size(self.scale, ndim)

    def pick(self, block: Block) -> Block:
        """Return the image channels of `block`, with their validity; samples that are no numbers are invalid."""
        values = block.values[list(self.channels)] if len(self.channels) < len(block.values) else block.values
        valid = block.valid
        if valid is not None and valid.shape[0] > 1:
            valid = valid[list(self.channels)]
        finite = np.isfinite(values)
        if not finite.all():
            valid = finite if valid is None else finite & valid
        return Block(values, None if valid is None or valid.all() else valid)

    def to_network(self, array: Array) -> Array:
        """Return ``(C, *grid)`` as ``(C, *network axes)``; the other axes have one sample and are dropped."""
        order = (0, *(axis + 1 for axis in self.axes), *(axis + 1 for axis in self.rest))
        moved = array.transpose(order)
        return moved.reshape(moved.shape[: 1 + len(self.axes)])


class ProxySource:
    """A source that hands everything on to another one; subclasses replace single answers."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def read(self, window: Window, frame: int = 0) -> Block:
        """Return the samples of `window`."""
        return self._source.read(window, frame)

    def close(self) -> None:
        """Close the source behind."""
        self._source.close()


class ImageChannels(ProxySource):
    """A source with some of its channels, in an order of its own: what normalisers and networks get to see."""

    def __init__(self, source: Source, chosen: Sequence[int]) -> None:
        super().__init__(source)
        self._chosen = list(chosen)
        self.channels = tuple(source.channels[i] for i in chosen)
        self.encoding = source.encoding.of_channels(chosen)

    def read(self, window: Window, frame: int = 0) -> Block:
        """Return the chosen channels of `window`."""
        block = self._source.read(window, frame)
        valid = block.valid
        if valid is not None and valid.shape[0] > 1:
            valid = valid[self._chosen]
        return Block(block.values[self._chosen], valid)


def image_channels(source: Source) -> Source:
    """Return `source` itself where all its channels are image channels, else a view of those that are."""
    return chosen_channels(source, [i for i, channel in enumerate(source.channels) if channel.role == "image"])


def chosen_channels(source: Source, chosen: Sequence[int]) -> Source:
    """Return a view of the `chosen` channels, in that order; `source` itself where these are all, in its own order."""
    if list(chosen) == list(range(len(source.channels))):
        return source
    return cast(Source, ImageChannels(source, chosen))
