"""What a step will hold in memory, foreseen from steps on one image and on two.

On a CPU nothing tells that memory runs out: the kernel ends the process. So it must be known before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from srkit.training.learning.parts import Part
from srkit.training.learning.players import Player

AMID = 4
"""Tensors as large as the largest that is kept, which a backward pass has in hand beside those that are kept."""
MARGIN = 1.25
"""For what allocators and convolutions hold beside that; without it steps held 1.0 to 1.21 times as much."""
STATES = 3
"""What each weight has beside itself: a gradient and Adam's two moments, counted also where they are there already."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Bytes that a step holds beside the network and the batch: `fixed`, and `per_image` for each image of a part."""

    fixed: int
    per_image: int

    def fitting(self, images: int, parts: int, room: int) -> int:
        """Return into how many parts `images` must go, at least `parts`, for a step to hold `room` bytes at most.

        Doubled as often as needed; a part for each image at most, whether that fits or not.
        """
        while parts < images and self.of(-(-images // parts)) > room:
            parts = min(2 * parts, images)
        return parts

    def of(self, images: int) -> int:
        """Return the bytes of a step on a part of `images`."""
        return self.fixed + images * self.per_image


def foresee(player: Player, parts_of: Callable[[int], Iterable[Part]], step: int) -> Foreseen:
    """Return what learning holds for `player`: all that its backward passes need, and some room to compute.

    `parts_of` makes a batch of so many images, undivided. The player learns from one image and from two; its gradient
    is left empty.

    Measured at nine steps that held 110 to 830 MiB on a CPU, it is 1.03 to 1.25 times the peak: compact, srresnet and
    rrdb on planes in fp32, the first two in bf16, rrdb on volumes. Below 50 MiB the process's own work takes a share
    that is not counted.
    """
    one, two = (_held(player, parts_of(images), step, images) for images in (1, 2))
    per_image = max(0, two.kept - one.kept)
    weights = sum(p.numel() * p.element_size() for p in player.network.parameters())
    fixed = max(0, one.kept - per_image) + STATES * weights
    return Foreseen(int(MARGIN * fixed), int(MARGIN * (per_image + AMID * two.largest / 2)))


@dataclass(slots=True)
class _Held:
    """What is kept for backward passes, storage by storage; `largest` of those that have an image along each entry."""

    images: int
    largest: int = 0
    storages: dict[int, int] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        return sum(self.storages.values())

    def keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self.storages[storage.data_ptr()] = storage.nbytes()
        if tensor.ndim > 3 and len(tensor) == self.images:
            self.largest = max(self.largest, storage.nbytes())
        return tensor


def _held(player: Player, parts: Iterable[Part], step: int, images: int) -> _Held:
    held = _Held(images)
    with saved_tensors_hooks(held.keep, lambda tensor: tensor):
        player.learn(parts, step)
    player.optimizer.zero_grad(set_to_none=True)
    return held


@contextmanager
def without_trace(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Give `networks` the buffers back that they had (running means), and torch its random state."""
    buffers = [(buffer, buffer.clone()) for network in networks for buffer in network.buffers()]
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)
