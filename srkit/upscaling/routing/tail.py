"""A network in two parts: all features at once, of which small windows are enlarged one after the other.

A network that enlarges late has nearly all of its reach at LR size, where an image is small. Cut into small tiles, it
would compute each tile's wide surroundings again; in one piece, its enlarged features would not fit into memory. So
the trunk runs on a large tile and the tail, which looks only a few pixels far, on small windows of the features.
"""

from __future__ import annotations

import itertools
from typing import Any, Protocol, TypeGuard

import torch
from torch import Tensor, nn

from srkit.grid import Window
from srkit.upscaling.planning.plan import INTERPOLATION_HALO
from srkit.upscaling.planning.tiles import AxisPlan, AxisTile, shortest

LENGTH = {2: 136, 3: 40}  # LR samples per axis of a window of features, their halo included


class TwoPart(Protocol):
    """A network whose `forward` is ``finished(lr, tail(trunk(lr)))``; `tail` looks `tail_halo` LR pixels far."""

    scale: tuple[int, ...]
    channels: int
    tail_halo: tuple[int, ...]

    def trunk(self, lr: Tensor) -> Tensor:
        """Return the features at LR size."""
        ...

    def tail(self, features: Tensor) -> Tensor:
        """Return the enlarged features' channels."""
        ...

    def finished(self, lr: Tensor, sr: Tensor) -> Tensor:
        """Return SR of what `tail` gave."""
        ...


def is_two_part(network: Any) -> TypeGuard[TwoPart]:
    """Tell whether `network` can be run in two parts."""
    return all(hasattr(network, name) for name in ("trunk", "tail", "finished", "tail_halo"))


class WindowedTail(nn.Module):
    """A two-part network, its tail run on windows of at most `length` LR samples per axis: the same values.

    `network.finished` looks no farther than bicubic interpolation does.
    """

    def __init__(self, network: TwoPart, length: int) -> None:
        super().__init__()
        self.network, self.length = network, length

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        return self.of_core(lr, Window.whole(tuple(lr.shape[2:])))

    def of_core(self, lr: Tensor, core: Window) -> Tensor:
        """Return SR of the LR samples in `core` alone, all axes the network's: nothing else is enlarged."""
        network = self.network
        near = core.padded([INTERPOLATION_HALO] * len(core.start)).intersection(Window.whole(tuple(lr.shape[2:])))
        sr = network.finished(lr[_spatial(near)], self._enlarged(network.trunk(lr), near))
        return sr[_spatial(core.relative_to(near).upscaled(network.scale))]

    def _enlarged(self, features: Tensor, wanted: Window) -> Tensor:
        """Return what the tail makes of `wanted`, window by window."""
        network, scale = self.network, self.network.scale
        plans = [
            self._plan(wanted.start[axis], wanted.stop[axis], length, halo).tiles()
            for axis, (length, halo) in enumerate(zip(features.shape[2:], network.tail_halo, strict=True))
        ]
        size = wanted.upscaled(scale).shape
        sr = torch.empty((len(features), network.channels, *size), dtype=torch.float32, device=features.device)
        for tiles in itertools.product(*plans):
            starts = zip(tiles, wanted.start, strict=True)
            window = tuple(slice(t.start + first, t.stop + first) for t, first in starts)
            part = network.tail(features[(slice(None), slice(None), *window)])
            sr[(slice(None), slice(None), *_cores(tiles, scale, inner=False))] = part[
                (slice(None), slice(None), *_cores(tiles, scale, inner=True))
            ]
        return sr

    def _plan(self, start: int, stop: int, length: int, halo: int) -> AxisPlan:
        """Return how an axis from `start` to `stop` is cut, counted from `start`; beyond both lie features, too."""
        extent = (-min(start, halo), stop - start + min(length - stop, halo))
        return shortest(AxisPlan(stop - start, extent, self.length, halo))


def enlarged_core(generator: nn.Module, lr: Tensor, core: Window) -> Tensor:
    """Return SR of the LR samples in `core`, whose axes are the network's; `lr` is what that takes."""
    if isinstance(generator, WindowedTail):
        return generator.of_core(lr, core)
    sr: Tensor = generator(lr)
    factors = [n // m for n, m in zip(sr.shape[2:], lr.shape[2:], strict=True)]
    return sr[_spatial(core.upscaled(factors))]


def _spatial(window: Window) -> tuple[slice, ...]:
    return (slice(None), slice(None), *window.slices)


def _cores(tiles: tuple[AxisTile, ...], scale: tuple[int, ...], *, inner: bool) -> tuple[slice, ...]:
    starts = [t.start if inner else 0 for t in tiles]
    return tuple(
        slice((t.core[0] - start) * s, (t.core[1] - start) * s)
        for t, start, s in zip(tiles, starts, scale, strict=True)
    )
