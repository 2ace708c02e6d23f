"""Treats the items of a call, one after the other, and writes down what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from srkit.domain import Item, Skipped
from srkit.upscaling.manifest import Manifest
from srkit.upscaling.report import PARTIAL, ItemResult
from srkit.upscaling.treatment import TileStep, Treatment

Found = Sequence[Item | Skipped]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Batch:
    """The items of a call. `progress` is told of tiles where there is one item, else of items and a note on tiles."""

    treatment: Treatment
    manifest: Manifest | None
    progress: Progress

    def treat_one(self, found: Found) -> list[ItemResult]:
        """Treat what is found, one item among it. Raises SrkitError where that fails."""
        return self._noted(self._one(found))

    def treat_all(self, found: Found) -> list[ItemResult]:
        """Treat what is found; an item that fails in any way does not stop the others."""
        return self._noted(self._all(found))

    def _noted(self, results: Iterator[ItemResult]) -> list[ItemResult]:
        kept = []
        for result in results:
            kept.append(result)
            if self.manifest is not None:
                self.manifest.add(result)
        if self.manifest is not None:
            self.manifest.put_in_order()
        return kept

    def _one(self, found: Found) -> Iterator[ItemResult]:
        for entry in found:
            if isinstance(entry, Item):
                yield self.treatment.treat(entry, self._tiles_of(entry))
            else:
                yield _passed(entry)

    def _all(self, found: Found) -> Iterator[ItemResult]:
        total = sum(isinstance(entry, Item) for entry in found)
        number = 0
        for entry in found:
            if isinstance(entry, Skipped):
                yield _passed(entry)
                continue
            yield self.treatment.treat_guarded(entry, self._step(number, total, entry.path.name))
            number += 1
            self.progress(number, total, entry.path.name)

    def _tiles_of(self, item: Item) -> TileStep:
        return lambda done, tiles: self.progress(done, tiles, item.path.name)

    def _step(self, number: int, total: int, name: str) -> TileStep:
        def step(done: int, tiles: int) -> None:
            self.progress(number, total, f"{name}, tile {done} of {tiles}")

        return step


def _passed(entry: Skipped) -> ItemResult:
    if entry.failed:
        return ItemResult(entry.path, "", "failed", reason=entry.reason, exit_code=PARTIAL)
    return ItemResult(entry.path, "", "skipped", reason=entry.reason)
