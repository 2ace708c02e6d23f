"""The parts of a batch: as many as memory asks for, so that together they teach what the whole batch would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from srkit.data.loader import Batch
from srkit.errors import OutOfMemoryError


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """SR and HR ``(N, C, *spatial)`` of some images of a batch, and which share of its images they are."""

    sr: Tensor
    hr: Tensor
    share: float = 1.0


class Parts:
    """A batch in `count` parts, each enlarged when it is asked for.

    Undivided, the batch is enlarged once and serves one player after the other. In parts, each player has it enlarged
    anew: kept results are what memory lacks. `last` is the part that was asked for last.
    """

    def __init__(self, generator: nn.Module, batch: Batch, count: int) -> None:
        self.count = min(count, len(batch.lr))
        self._generator = generator
        self._batch = batch
        self._whole: Part | None = None
        self.last: Part

    def __iter__(self) -> Iterator[Part]:
        """Yield the parts, in the order of the batch."""
        if self.count == 1:
            self._whole = self._whole or self._enlarged(slice(None))
            self.last = self._whole
            yield self._whole
            return
        images = len(self._batch.lr)
        edges = [images * i // self.count for i in range(self.count + 1)]
        for start, stop in pairwise(edges):
            part = self._enlarged(slice(start, stop))
            self.last = Part(part.sr.detach(), part.hr, part.share)
            yield part

    def halve(self) -> None:
        """Go on with twice as many parts. Raises OutOfMemoryError where a part is a single image already."""
        images = len(self._batch.lr)
        if self.count >= images:
            raise OutOfMemoryError(
                "memory runs out over a single patch; take smaller patches (data.patch), or a smaller network"
            )
        self._whole = None
        self.count = min(2 * self.count, images)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _enlarged(self, images: slice) -> Part:
        batch = self._batch
        valid = None if batch.valid is None else batch.valid[images]
        part = Batch(batch.lr[images], batch.hr[images], valid)
        sr = self._generator(part.lr).float()
        return Part(sr, known_target(sr, part), len(part.lr) / len(batch.lr))


def known_target(sr: Tensor, batch: Batch) -> Tensor:
    """Return HR, with SR itself where no HR is known: no loss has an error or a gradient there."""
    return batch.hr if batch.valid is None else torch.where(batch.valid, batch.hr, sr.detach())
