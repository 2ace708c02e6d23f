"""Treats the items of a call, in turn or several at once, and writes down what became of each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

from srkit.domain import Item, Skipped
from srkit.grid import Window
from srkit.upscaling.batch.copying import Copying
from srkit.upscaling.batch.manifest import Manifest
from srkit.upscaling.batch.pace import Pace
from srkit.upscaling.batch.report import PARTIAL, ItemResult
from srkit.upscaling.batch.treatment import Treatment
from srkit.upscaling.batch.workers import Numbered, treat_at_once
from srkit.upscaling.enlarging.engine import Step

Found = Sequence[Item | Skipped]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Batch:
    """The items of a call, and what is copied beside their outputs.

    `progress` is told of tiles where there is one item, else of items and a note on tiles.
    """

    treatment: Treatment
    manifest: Manifest | None
    progress: Progress
    workers: int = 1
    copying: Copying | None = None

    def treat_one(self, found: Found) -> list[ItemResult]:
        """Treat what is found, one item among it. Raises SrkitError where that fails."""
        return self._noted(self._one(found), found)

    def treat_all(self, found: Found) -> list[ItemResult]:
        """Treat what is found; an item that fails in any way does not stop the others."""
        return self._noted(self._all(found), found)

    def _noted(self, results: Generator[Numbered, None, None], found: Found) -> list[ItemResult]:
        """Write each result down as soon as it is there, and return them in the order of what was found."""
        kept: dict[int, ItemResult] = {}
        if self.manifest is not None:
            self.manifest.begin()
        with closing(results):
            for number, result in chain(results, self._copied(found, kept)):
                kept[number] = result
                if self.manifest is not None:
                    self.manifest.add(result)
        if self.manifest is not None:
            self.manifest.put_in_order()
        return [kept[number] for number in range(len(found))]

    def _copied(self, found: Found, results: Mapping[int, ItemResult]) -> Iterator[Numbered]:
        """Copy what belongs beside the outputs, which are all there by now: a copy never stands in their way."""
        if self.copying is None:
            return
        outputs = {result.output for result in results.values() if result.output is not None}
        for number, entry in enumerate(found):
            if isinstance(entry, Skipped) and entry.copy:
                yield number, self.copying.of(entry, outputs)

    def _one(self, found: Found) -> Generator[Numbered, None, None]:
        for number, entry in enumerate(found):
            if isinstance(entry, Item):
                name = entry.path.name
                yield number, self.treatment.treat(entry, self._tiles_of(name), self._tiles_of(f"{name}, verifying"))
        yield from self._passed(found)

    def _passed(self, found: Found) -> Iterator[Numbered]:
        for number, entry in enumerate(found):
            if isinstance(entry, Skipped) and not (entry.copy and self.copying):
                yield number, _passed(entry)

    def _all(self, found: Found) -> Generator[Numbered, None, None]:
        items = [(number, entry) for number, entry in enumerate(found) if isinstance(entry, Item)]
        yield from self._passed(found)
        results = self._in_turn(items) if self.workers == 1 else treat_at_once(self.treatment, items, self.workers)
        with closing(results):
            for done, (number, result) in enumerate(results, start=1):
                yield number, result
                self.progress(done, len(items), result.path.name)

    def _in_turn(self, items: list[tuple[int, Item]]) -> Generator[Numbered, None, None]:
        for done, (number, item) in enumerate(items):
            place, name = (done, len(items)), f"{item.folder}/{item.path.name}".removeprefix("/")
            steps = self._step(place, f"{name}, tile"), self._step(place, f"{name}, verifying part")
            yield number, self.treatment.treat_guarded(item, *steps)

    def _tiles_of(self, what: str) -> Step:
        pace = Pace()

        def step(done: int, tiles: int, window: Window) -> None:
            pace.add(done, tiles, window)
            self.progress(done, tiles, f"{what}, {pace.rate()}")

        return step

    def _step(self, place: tuple[int, int], what: str) -> Step:
        pace = Pace()

        def step(done: int, tiles: int, window: Window) -> None:
            pace.add(done, tiles, window)
            self.progress(*place, f"{what} {done} of {tiles}, {pace.rate()}, {pace.left()}")

        return step


def _passed(entry: Skipped) -> ItemResult:
    if entry.failed:
        return ItemResult(entry.path, "", "failed", reason=entry.reason, exit_code=PARTIAL)
    return ItemResult(entry.path, "", "skipped", reason=entry.reason)
