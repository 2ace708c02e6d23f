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

from srkit.upscaling.planning.tiles import AxisPlan, AxisTile

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
    """A two-part network, its tail run on windows of at most `length` LR samples per axis: the same values."""

    def __init__(self, network: TwoPart, length: int) -> None:
        super().__init__()
        self.network, self.length = network, length

    def forward(self, lr: Tensor) -> Tensor:
        """Return SR in network range."""
        network, scale = self.network, self.network.scale
        features = network.trunk(lr)
        shape = features.shape[2:]
        plans = [self._plan(n, halo).tiles() for n, halo in zip(shape, network.tail_halo, strict=True)]
        if all(len(tiles) == 1 for tiles in plans):
            return network.finished(lr, network.tail(features))
        size = [n * s for n, s in zip(shape, scale, strict=True)]
        sr = torch.empty((lr.shape[0], network.channels, *size), dtype=torch.float32, device=lr.device)
        for tiles in itertools.product(*plans):
            window = tuple(slice(t.start, t.stop) for t in tiles)
            part = network.tail(features[(slice(None), slice(None), *window)])
            sr[(slice(None), slice(None), *_cores(tiles, scale, inner=False))] = part[
                (slice(None), slice(None), *_cores(tiles, scale, inner=True))
            ]
        return network.finished(lr, sr)

    def _plan(self, length: int, halo: int) -> AxisPlan:
        return AxisPlan(length, (0, length), self.length, halo)


def _cores(tiles: tuple[AxisTile, ...], scale: tuple[int, ...], *, inner: bool) -> tuple[slice, ...]:
    starts = [t.start if inner else 0 for t in tiles]
    return tuple(
        slice((t.core[0] - start) * s, (t.core[1] - start) * s)
        for t, start, s in zip(tiles, starts, scale, strict=True)
    )
