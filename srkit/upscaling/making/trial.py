"""Tries a small tile of an item, from reading it to comparing what would be written: how long that takes here."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from srkit.grid import Window
from srkit.image import Array, Block, OutputPlan
from srkit.upscaling.enlarging.engine import Job, finished, network_values, read, tile_reading
from srkit.upscaling.enlarging.stream import Piece
from srkit.upscaling.fidelity.measurement import Measurement
from srkit.upscaling.making.preparation import Compared
from srkit.upscaling.making.verification import checksum
from srkit.upscaling.planning.tiles import Tile

LENGTH = {1: 4096, 2: 192, 3: 40}
"""Of a tile along each axis that the network sees, by their number."""
LEVEL = 3
"""Of deflate, which stands for what a format does; formats that do not compress take less time."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trial:
    """Seconds per input sample: of a tile in the network, and of the tile's core in all else; and how they were found.

    Stages after the network are not tried.
    """

    network: float
    files: float
    words: str


def tried(job: Job, plan: OutputPlan, compared: Compared | None, axis: int) -> Trial:
    """Return how long a tile in the middle takes; slabs lie along `axis`."""
    length = LENGTH[len(job.fitted.network_axes)]
    small = replace(job, route=replace(job.route, tile=tuple(min(n, length) for n in job.route.tile)), stages=())
    tile = _middle(small)
    network, files, sr = 0.0, 0.0, None
    block, files = _timed(lambda: read(job.source, tile_reading(small, tile), 0))
    if job.fitted.image_channels:
        sr, network = _through_network(small, tile, block)
    inner = tuple(tile.core.relative_to(tile_reading(small, tile)).slices)
    core = Block(
        block.values[(slice(None), *inner)], None if block.valid is None else block.valid[(slice(None), *inner)]
    )
    _, after = _timed(
        lambda: _as_if_written(_wanted(job, finished(small, core, sr, tile.core, 0)), plan, compared, axis)
    )
    size = " x ".join(map(str, tile.window.shape))
    words = f"a tile of {size} took {network:.3g} s here" if sr is not None else "nothing for a network to do"
    return Trial(network / tile.window.size, (files + after) / tile.core.size, words)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what `work` returns, and the shorter of two times: the first one warms up."""
    seconds = []
    for _ in range(2):
        begin = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begin)
    return result, min(seconds)


def _through_network(job: Job, tile: Tile, block: Block) -> tuple[Array, float]:
    """Return the tile's result, and how long that took."""
    with job.route.applied(job.fitted.generator) as network:
        ready = replace(job, fitted=replace(job.fitted, generator=network))
        return _timed(lambda: network_values(ready, tile, 0, block))


def _as_if_written(piece: Piece, plan: OutputPlan, compared: Compared | None, axis: int) -> None:
    """Encode, compress, unpack and check a piece, and compare it with the input, as a run does."""
    stored = plan.encoding.encode(piece.values, piece.valid)
    checksum(stored, plan.encoding, axis)
    zlib.decompress(zlib.compress(stored.tobytes(), LEVEL))
    values = plan.encoding.decode(stored)
    checksum(plan.encoding.encode(values, piece.valid), plan.encoding, axis)
    if compared is not None:
        _compare(replace(piece, values=values), compared)


def _compare(piece: Piece, compared: Compared) -> None:
    """Measure the agreement of as much of a piece as can be seen without more."""
    seen = compared.observation
    reach = seen.reach(1)
    lr = piece.window.downscaled(seen.factors)
    if None in reach or any(n <= 2 * (r or 0) for n, r in zip(lr.shape, reach, strict=True)):
        return
    window = lr.padded([-(r or 0) for r in reach])
    Measurement(compared.source, seen, compared.images).add(window, piece)


def _middle(job: Job) -> Tile:
    """Return the tile in the middle of what is wanted."""
    wanted = job.part or Window.whole(job.source.grid.shape)
    centre = [(a + b) // 2 for a, b in zip(wanted.start, wanted.stop, strict=True)]
    chosen = [
        next(tile for tile in axis.tiles() if tile.core[0] <= place < tile.core[1])
        for axis, place in zip(job.axes, centre, strict=True)
    ]
    window = Window(tuple(t.start for t in chosen), tuple(t.stop for t in chosen))
    return Tile(window, Window(tuple(t.core[0] for t in chosen), tuple(t.core[1] for t in chosen)))


def _wanted(job: Job, piece: Piece) -> Piece:
    """Return what of a piece is wanted, counted from the first sample that is."""
    if job.part is None:
        return piece
    part = job.part.upscaled(job.fitted.factors)
    window = piece.window.intersection(part)
    return replace(piece.part(window), window=window.relative_to(part))
