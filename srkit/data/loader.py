"""Batches of normalised pairs. An image depends on the seed, its step and its place therein, whoever makes it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from srkit.data.augmentation import draw_symmetry
from srkit.data.cache import ArrayCache
from srkit.data.opening import OpenItem, OpenItems
from srkit.data.pairs import Pair, Steps, draw_place, make_pair, normalised
from srkit.errors import InputError

logger = logging.getLogger(__name__)
ATTEMPTS = 20


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """LR ``(N, C, *spatial)`` and HR ``(N, C, *(spatial * scale))`` in network range, float32.

    `valid` is ``(N, C, *HR axes)``, None where every sample is real. `drawn` holds the steps drawn for each image,
    none where nothing is drawn.
    """

    lr: Tensor
    hr: Tensor
    valid: Tensor | None = None
    drawn: tuple[Steps, ...] = ()

    def to(self, device: torch.device) -> Batch:
        """Return the batch on `device`; on its way to a GPU nobody waits for it."""
        valid = None if self.valid is None else _on(self.valid, device)
        return replace(self, lr=_on(self.lr, device), hr=_on(self.hr, device), valid=valid)


def _on(tensor: Tensor, device: torch.device) -> Tensor:
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class BatchMaker:
    """Makes the batch of any step.

    Parameters
    ----------
    items
        Every item is as likely as any other: large scenes do not drown small ones.
    patch
        HR size per network axis.
    channels
        Channels of the network; with 1, items of several are used channel by channel in turn.
    share
        Which of how many equal shares of a step's images this is: (0, 1) is all of them. Shares have no image in
        common; together they are what one maker of their common size makes.
    """

    def __init__(  # noqa: PLR0913  plain values rather than the recipe
        self,
        items: OpenItems,
        *,
        patch: tuple[int, ...],
        size: int,
        channels: int,
        seed: int,
        augment: bool,
        cache: ArrayCache,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self._share = share
        self._items = items
        self._patch = patch
        self._size = size
        self._channels = channels
        self._seed = seed
        self._augment = augment
        self._cache = cache
        self.failures: dict[int, str] = {}

    def make(self, step: int) -> Batch:
        """Return the batch of `step`. Raises InputError where no item can be read."""
        rank, shares = self._share
        places = range(rank * self._size, (rank + 1) * self._size)
        images = shares * self._size
        pairs = [self._pair(np.random.default_rng([self._seed, step, k]), step * images + k) for k in places]
        return Batch(
            torch.from_numpy(np.stack([pair.lr for pair in pairs])),
            torch.from_numpy(np.stack([pair.hr for pair in pairs])),
            _stacked_validity(pairs),
            tuple(pair.drawn for pair in pairs if pair.drawn),
        )

    def _pair(self, rng: np.random.Generator, turn: int) -> Pair:
        """Return one pair; an item that fails is passed over, and always will be: the answer stays the same."""
        for _ in range(ATTEMPTS + len(self._items)):
            index = int(rng.integers(len(self._items)))
            try:
                with self._items.borrowed(index) as item:
                    return self._pair_of(item, rng, turn)
            except InputError as error:
                if index not in self.failures:
                    logger.warning("an item cannot be used for training: %s", error)
                self.failures[index] = str(error)
        raise InputError(f"no training item can be read; the last said: {next(reversed(self.failures.values()))}")

    def _pair_of(self, item: OpenItem, rng: np.random.Generator, turn: int) -> Pair:
        place = draw_place(item, rng)
        pair = normalised(item, make_pair(item, place, self._patch, self._cache))
        pair = one_channel(pair, turn) if self._channels == 1 else pair
        if not self._augment:
            return pair
        symmetry = draw_symmetry(rng, len(self._patch), item.swap)
        valid = None if pair.valid is None else symmetry.apply(pair.valid)
        return replace(pair, lr=symmetry.apply(pair.lr), hr=symmetry.apply(pair.hr), valid=valid)


def one_channel(pair: Pair, turn: int) -> Pair:
    """Return the pair with the one channel whose turn it is."""
    channel = turn % pair.hr.shape[0]
    valid = pair.valid
    if valid is not None and valid.shape[0] > 1:
        valid = valid[channel : channel + 1]
    one = slice(channel, channel + 1)
    return replace(pair, lr=pair.lr[one], hr=pair.hr[one], valid=valid)


def _stacked_validity(pairs: list[Pair]) -> Tensor | None:
    if all(pair.valid is None for pair in pairs):
        return None
    full = [np.broadcast_to(True if p.valid is None else p.valid, p.hr.shape) for p in pairs]
    return torch.from_numpy(np.stack(full))


def iter_batches(maker: BatchMaker, first: int, *, workers: int) -> Generator[Batch, None, None]:
    """Yield the batches of steps `first`, `first` + 1, … for ever; `workers` threads make them ahead of time.

    Close the generator to stop the threads.
    """
    if workers == 0:
        step = first
        while True:
            yield maker.make(step)
            step += 1
    pool = ThreadPoolExecutor(workers, thread_name_prefix="srkit-batches")
    ahead: deque[Future[Batch]] = deque()
    try:
        for step in range(first, first + 2 * workers):
            ahead.append(pool.submit(maker.make, step))
        while True:
            step += 1
            batch = ahead.popleft().result()
            ahead.append(pool.submit(maker.make, step))
            yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
