"""The one place that decides how a network is run: device, precision, layout, threads and tile shape, with reasons."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Self

import torch
from torch import nn

from srkit.errors import UsageError
from srkit.grid import Grid
from srkit.image import Source
from srkit.upscaling.planning.plan import Fit
from srkit.upscaling.planning.tiles import AxisPlan, round_up, shortest, smallest_tile
from srkit.upscaling.routing.backend import check_backend, choose_backend, network_for, precision_for, strays
from srkit.upscaling.routing.cost import bytes_per_sample, bytes_per_trunk_sample, runs_in_two_parts
from srkit.upscaling.routing.memory import Beside, bytes_of, default_budget
from srkit.upscaling.routing.runtimes import is_runtime
from srkit.upscaling.routing.tail import LENGTH as TAIL_LENGTH

TILE_CAP = {1: 4096, 2: 512, 3: 192}  # beyond, time per sample rises (2-D), or halos are a small share (3-D)
TWO_PART_CAP = {2: 2048, 3: 192}  # the tail on windows: a larger tile repeats less of its surroundings
LEAST_TAIL = 24
LEAST_SHARE = 4  # of a budget that tiles get, whatever else memory holds: they cannot be smaller for ever
TILE_SHARE = 2  # of what is left: a tile's own, at most


@dataclass(frozen=True, slots=True)
class Route:
    """How a network is run on an item.

    Parameters
    ----------
    device
        As torch names it: ``cpu``, ``cuda``.
    precision
        ``fp32`` or ``bf16``; values whose type is float64 stay so in baselines.
    channels_last
        Memory layout of images (and volumes) in the network.
    threads
        Of torch on the CPU.
    tile
        Input samples per tile and grid axis, halo and border included; on axes that the network does not see, the
        number of planes in a batch.
    reasons
        Why, one sentence each.
    backend
        How layers are computed; see `choose_backend`.
    tail
        Input samples per axis of the windows that a network's last part runs on; 0 where it runs as a whole.
    """

    device: str
    precision: str
    channels_last: bool
    threads: int
    tile: tuple[int, ...]
    reasons: tuple[str, ...] = ()
    backend: str = "plain"
    tail: int = 0

    def explain(self) -> str:
        """Return the route and its reasons in words, a line each."""
        layout = "channels last" if self.channels_last else "channels first"
        tile = " × ".join(str(n) for n in self.tile)
        tail = f", enlarged in windows of {self.tail}" if self.tail else ""
        layers = f"{self.device}, {self.precision}, {layout}, {self.backend}"
        head = f"{layers}, {self.threads} thread(s), tiles of {tile}{tail}"
        return "\n".join([head, *self.reasons])

    def made_by(self) -> dict[str, str]:
        """Return what a provenance tells: device and precision, and the runtime where that is not torch."""
        made = {"device": self.device, "precision": self.precision}
        return {**made, "backend": self.backend} if is_runtime(self.backend) else made

    def as_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` reads."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, entries: Mapping[str, Any]) -> Self:
        """Return the route that `as_json` wrote."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entries.items()}
        return cls(**plain)

    @contextlib.contextmanager
    def applied(self, generator: nn.Module) -> Iterator[nn.Module]:
        """Give the network as the route wants it, with torch's switches as it needs them, for a while."""
        threads = torch.get_num_threads()
        cudnn = torch.backends.cudnn
        switches = (cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic)
        network = network_for(
            generator,
            device=self.device,
            precision=self.precision,
            backend=self.backend,
            tail=self.tail,
            channels_last=self.channels_last,
        )
        torch.set_num_threads(self.threads)
        cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = False, False, True
        try:
            yield network
        finally:
            torch.set_num_threads(threads)
            cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = switches


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asks of the route; None leaves a choice to srkit.

    `tile` is one length for all axes that the network sees. `memory` is the budget in bytes; by default a quarter of
    what is free.
    """

    device: str | None = None
    precision: str | None = None
    tile: int | None = None
    memory: int | None = None
    backend: str | None = None

    @classmethod
    def of_call(
        cls,
        *,
        device: str | None = None,
        precision: str | None = None,
        backend: str | None = None,
        tile: int | None = None,
        memory: int | str | None = None,
    ) -> Self:
        """Return what a call asks for; `memory` may be ``"4G"``. Raises UsageError for sizes that are none."""
        return cls(device, precision, tile, bytes_of(memory), backend)


def choose_route(
    fitted: Fit,
    source: Source,
    *,
    baseline: bool,
    wishes: Wishes | None = None,
    deviation: Mapping[str, Any] | None = None,
    beside: Beside = Beside(),  # noqa: B008  a frozen value
) -> Route:
    """Return the route for an item; `deviation` is what the model says of bfloat16, `beside` what else memory holds.

    Raises UsageError for wishes that cannot be met.
    """
    wishes = wishes or Wishes()
    check_backend(wishes.backend)
    device, why_device = _device(wishes.device, wishes.backend)
    own = None if baseline else strays(fitted.generator, wishes.backend, wishes.precision, source.encoding)
    said = deviation if own is None else own
    precision, why_precision = precision_for(wishes.precision, wishes.backend, device, source.encoding, said)
    room = _Room(_budget(wishes.memory, device), Beside() if torch.device(device).type == "cuda" else beside)
    threads = torch.get_num_threads()
    if baseline:
        tile, why_tile = _tile(fitted, source, room, wishes.tile, lambda: bytes_per_sample(fitted, device, "fp32"))
        return Route(device, "fp32", False, threads, tile, (why_device, why_tile))
    backend, why_backend = choose_backend(wishes.backend, device, precision, fitted.generator)
    tail = _tail(fitted, room.left, device, precision, backend)
    cost, cap = (bytes_per_trunk_sample, TWO_PART_CAP) if tail else (bytes_per_sample, TILE_CAP)
    tile, why_tile = _tile(fitted, source, room, wishes.tile, partial(cost, fitted, device, precision), cap)
    return Route(
        device,
        precision,
        channels_last=len(fitted.network_axes) > 1 and not is_runtime(backend),
        threads=threads,
        tile=tile,
        reasons=(why_device, why_precision, why_backend, why_tile),
        backend=backend,
        tail=tail,
    )


@dataclass(frozen=True, slots=True)
class _Room:
    """A budget, and what is held beside a tile; `left` is for tiles and for slabs that wait for them."""

    budget: int
    beside: Beside

    @property
    def left(self) -> int:
        return max(self.budget - self.beside.fixed, self.budget // LEAST_SHARE)

    def told(self) -> str:
        fixed = f"{self.beside.fixed / 2**20:.0f} MiB that go to slabs, and to what comes after the network"
        if self.beside.fixed > self.budget - self.left:
            return f", too little for the {fixed}"
        return f", less the {fixed}" if self.beside.fixed >= 2**20 else ""


def _budget(wish: int | None, device: str) -> int:
    if wish is not None and wish < 1:
        raise UsageError(f"a memory budget of {wish} bytes is none; give for instance 4G")
    return wish or default_budget(device)


def _tail(fitted: Fit, budget: int, device: str, precision: str, backend: str) -> int:
    """Return the length of the tail's windows, 0 for none: half of the budget is theirs at most."""
    if backend == "plain" or is_runtime(backend) or not runs_in_two_parts(fitted.generator):
        return 0
    ndim, cost = len(fitted.network_axes), bytes_per_sample(fitted, device, precision)
    length = TAIL_LENGTH[ndim]
    while cost * length**ndim > budget // 2 and length > LEAST_TAIL:
        length //= 2
    return length


def _device(wish: str | None, backend: str | None) -> tuple[str, str]:
    if wish is None and is_runtime(backend):
        return "cpu", f"backend {backend} runs on the CPU"
    if wish is None:
        found = torch.cuda.is_available()
        return ("cuda", "a CUDA device is there") if found else ("cpu", "no CUDA device is there")
    try:
        kind = torch.device(wish).type
    except RuntimeError:
        raise UsageError(f"no device {wish!r}; give cpu or cuda") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device {wish!r} is asked for, but torch finds no CUDA device; leave it out, or use cpu")
    return wish, f"device {wish} was asked for"


def _tile(
    fitted: Fit,
    source: Source,
    room: _Room,
    wish: int | None,
    measure: Callable[[], int],
    cap: Mapping[int, int] = TILE_CAP,
) -> tuple[tuple[int, ...], str]:
    grid, axes = source.grid, fitted.network_axes
    if wish is not None:
        if wish < 1:
            raise UsageError(f"a tile of {wish} samples is none; give 1 or more")
        return tuple(wish if a in axes else 1 for a in range(grid.ndim)), f"tiles of {wish} were asked for"
    halo = fitted.halo or (0,) * grid.ndim
    least, size = [1] * grid.ndim, [1] * grid.ndim
    for a in axes:
        least[a] = smallest_tile(halo[a], fitted.multiple[a])
        size[a] = max(least[a], min(_padded(fitted, grid, a), max(cap[len(axes)], 4 * halo[a])))
    cost = measure() + room.beside.per_sample
    while cost * _product(size) > room.left // TILE_SHARE and size != least:
        _halve(size, least, max(axes, key=lambda a: size[a] if size[a] > least[a] else 0), fitted)
    band = source.slab.axis
    waiting = room.beside.per_row
    while waiting * size[band] + cost * _product(size) > room.left and size[band] > least[band]:
        _halve(size, least, band, fitted)
    balanced = tuple(_balanced(fitted, grid, a, size[a]) if a in axes else 1 for a in range(grid.ndim))
    return balanced, f"a sample costs about {cost} bytes of a budget of {room.budget // 2**20} MiB{room.told()}"


def _halve(size: list[int], least: list[int], axis: int, fitted: Fit) -> None:
    size[axis] = max(least[axis], round_up(size[axis] // 2, fitted.multiple[axis]))


def _padded(fitted: Fit, grid: Grid, axis: int) -> int:
    return round_up(grid.shape[axis] + 2 * fitted.border[axis], fitted.multiple[axis])


def _balanced(fitted: Fit, grid: Grid, axis: int, size: int) -> int:
    halo = 0 if fitted.halo is None else fitted.halo[axis]
    length = grid.shape[axis]
    return shortest(AxisPlan(length, (0, length), size, halo, fitted.border[axis], fitted.multiple[axis])).tile


def _product(numbers: Sequence[int]) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result
