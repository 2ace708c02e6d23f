"""The one place that decides how a network is run: device, precision, layout, threads and tile shape, with reasons."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from srkit.errors import ModelError, UsageError
from srkit.grid import Grid
from srkit.image import Source
from srkit.upscaling.plan import Fit
from srkit.upscaling.tiles import AxisPlan, round_up, smallest_tile

TILE_CAP = {1: 4096, 2: 512, 3: 96}  # beyond these, time per sample no longer falls (2-D measured, 3-D by volume)
FALLBACK_MEMORY = 2 * 2**30  # bytes, where the system does not say
CONCURRENT_MAPS = 2  # a layer's input and output, and a skip connection's worth beside them
PRECISIONS = ("fp32",)


@dataclass(frozen=True, slots=True)
class Route:
    """How a network is run on an item.

    Parameters
    ----------
    device
        As torch names it: ``cpu``, ``cuda``.
    precision
        ``fp32``; values whose type is float64 stay so in baselines.
    channels_last
        Memory layout of images (and volumes) in the network.
    threads
        Of torch on the CPU.
    tile
        Input samples per tile and grid axis, halo and border included; on axes that the network does not see, the
        number of planes in a batch.
    reasons
        Why, one sentence each.
    """

    device: str
    precision: str
    channels_last: bool
    threads: int
    tile: tuple[int, ...]
    reasons: tuple[str, ...] = ()

    def explain(self) -> str:
        """Return the route and its reasons in words, a line each."""
        layout = "channels last" if self.channels_last else "channels first"
        tile = " × ".join(str(n) for n in self.tile)
        head = f"{self.device}, {self.precision}, {layout}, {self.threads} thread(s), tiles of {tile}"
        return "\n".join([head, *self.reasons])

    def as_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` reads."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, entries: Mapping[str, Any]) -> Self:
        """Return the route that `as_json` wrote."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entries.items()}
        return cls(**plain)

    @contextlib.contextmanager
    def applied(self, generator: nn.Module) -> Iterator[None]:
        """Put the network where the route wants it, and torch's switches as it needs them, for a while."""
        threads = torch.get_num_threads()
        cudnn = torch.backends.cudnn
        switches = (cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic)
        generator.eval().to(self.device)
        if self.channels_last:
            _to_channels_last(generator)
        torch.set_num_threads(self.threads)
        cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = False, False, True
        try:
            yield
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


def choose_route(fitted: Fit, source: Source, *, baseline: bool, wishes: Wishes | None = None) -> Route:
    """Return the route for an item. Raises UsageError for wishes that cannot be met."""
    wishes = wishes or Wishes()
    if wishes.precision not in (None, *PRECISIONS):
        raise UsageError(f"no precision {wishes.precision!r} (known: {', '.join(PRECISIONS)})")
    device, why_device = _device(wishes.device)
    budget = wishes.memory or 2 ** ((_free_memory(device) // 4).bit_length() - 1)  # the same in runs that follow
    tile, why_tile = _tile(fitted, source, budget, wishes.tile, device)
    channels_last = not baseline and len(fitted.network_axes) > 1
    return Route(device, "fp32", channels_last, torch.get_num_threads(), tile, (why_device, why_tile))


def _device(wish: str | None) -> tuple[str, str]:
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


def _tile(fitted: Fit, source: Source, budget: int, wish: int | None, device: str) -> tuple[tuple[int, ...], str]:
    grid, axes = source.grid, fitted.network_axes
    if wish is not None:
        if wish < 1:
            raise UsageError(f"a tile of {wish} samples is none; give 1 or more")
        return tuple(wish if a in axes else 1 for a in range(grid.ndim)), f"tiles of {wish} were asked for"
    halo = fitted.halo or (0,) * grid.ndim
    least, size = [1] * grid.ndim, [1] * grid.ndim
    for a in axes:
        least[a] = smallest_tile(halo[a], fitted.multiple[a])
        size[a] = max(least[a], min(_padded(fitted, grid, a), max(TILE_CAP[len(axes)], 4 * halo[a])))
    cost = _bytes_per_sample(fitted, device)
    while cost * _product(size) > budget and size != least:
        _halve(size, least, max(axes, key=lambda a: size[a] if size[a] > least[a] else 0), fitted)
    band = source.slab.axis
    while _bytes_per_row(fitted, source) * size[band] > budget // 2 and size[band] > least[band]:
        _halve(size, least, band, fitted)
    balanced = tuple(_balanced(fitted, grid, a, size[a]) if a in axes else 1 for a in range(grid.ndim))
    return balanced, f"a sample costs about {cost} bytes of a budget of {budget // 2**20} MiB"


def _halve(size: list[int], least: list[int], axis: int, fitted: Fit) -> None:
    size[axis] = max(least[axis], round_up(size[axis] // 2, fitted.multiple[axis]))


def _bytes_per_row(fitted: Fit, source: Source) -> int:
    """Return what a row of input, across the slab's axis, becomes in the stored type: tiles of a row wait as such."""
    output = source.grid.upscaled(fitted.factors).shape
    return (
        _product(output) // source.grid.shape[source.slab.axis] * len(source.channels) * source.encoding.dtype.itemsize
    )


def _padded(fitted: Fit, grid: Grid, axis: int) -> int:
    return round_up(grid.shape[axis] + 2 * fitted.border[axis], fitted.multiple[axis])


def _balanced(fitted: Fit, grid: Grid, axis: int, size: int) -> int:
    """Return the shortest tile that needs no more tiles: the last one then repeats little."""
    halo = 0 if fitted.halo is None else fitted.halo[axis]
    length, border, multiple = grid.shape[axis], fitted.border[axis], fitted.multiple[axis]

    def count(tile: int) -> int:
        return len(AxisPlan(length, (0, length), tile, halo, border, multiple).tiles())

    wanted = count(size)
    low, high = min(smallest_tile(halo, multiple), size), size
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if count(middle) <= wanted else (middle + 1, high)
    return high


def _product(numbers: Sequence[int]) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result


def _bytes_per_sample(fitted: Fit, device: str) -> int:
    """Return about how many bytes an input sample costs at the network's widest point: measured on a small tile."""
    edge = [round_up(16, fitted.multiple[a]) for a in fitted.network_axes]
    channels = 1 if fitted.one_by_one else len(fitted.image_channels)
    widest = 0

    def watch(_module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal widest
        tensors = [t for t in (*inputs, output) if isinstance(t, torch.Tensor)]
        widest = max(widest, sum(t.numel() * t.element_size() for t in tensors))

    leaves = [m for m in fitted.generator.modules() if not any(True for _ in m.children())]
    hooks = [leaf.register_forward_hook(watch) for leaf in leaves]
    try:
        with torch.inference_mode():
            fitted.generator.eval().to(device)(torch.zeros(1, channels, *edge, device=device))
    except RuntimeError as error:
        raise ModelError(f"the network does not run on an image of {edge} samples: {error}") from error
    finally:
        for hook in hooks:
            hook.remove()
    batch = len(fitted.image_channels) if fitted.one_by_one else 1
    return max(1, CONCURRENT_MAPS * max(1, batch) * widest // _product(edge))


def _free_memory(device: str) -> int:
    """Return the bytes that can be had on `device`."""
    if torch.device(device).type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return FALLBACK_MEMORY
    return min(free, _cgroup_room() or free)


def _cgroup_room() -> int | None:
    """Return what a container may still take, None where there is no limit."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text(encoding="ascii").strip()
        used = int((folder / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return max(0, int(limit) - used) if limit.isdigit() else None


def _to_channels_last(generator: nn.Module) -> None:
    """Lay out every parameter by its own rank: a network may hold 2-D and 3-D layers."""
    for parameter in generator.parameters():
        if parameter.ndim in (4, 5):
            layout = torch.channels_last if parameter.ndim == 4 else torch.channels_last_3d
            parameter.data = parameter.data.contiguous(memory_format=layout)
