"""Opens items for pairing: source, normaliser, degradation and sampler of each, kept open while there is room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from srkit import degrade
from srkit import plugins as verbs
from srkit.data.acquisition import fitted_degradation
from srkit.data.augmentation import swappable_axes
from srkit.data.cache import ArrayCache
from srkit.data.measured import Counterpart, MeasuredLr, measured_lr, open_lr
from srkit.data.reading import CachedSource
from srkit.data.view import View, chosen_channels
from srkit.domain import Degradation, Item, Options, Part, PatchSampler
from srkit.errors import InputError
from srkit.grid import Role, Scale, Window
from srkit.image import Channel, Normalizer, Source
from srkit.plugins import Plugins

OPEN_ITEMS = 128


@dataclass(frozen=True, slots=True)
class Pairing:
    """How LR and HR are made of an item.

    Parameters
    ----------
    domain, options
        The items' domain and its options.
    scale, roles
        Factor per role; roles of the network's axes in its order.
    patch
        HR size per network axis, multiples of the scale.
    normalizer
        Spec, completed by the training split.
    degradation
        Spec, None for the domain's own.
    inputs
        The network's channels, to which an item's are matched; empty for all of them.
    counterparts
        The measured LR of items, by path and key; LR of all others is made.
    """

    domain: str
    scale: Scale
    roles: tuple[Role, ...]
    patch: tuple[int, ...]
    normalizer: Mapping[str, Any]
    degradation: Sequence[Mapping[str, Any]] | None = None
    options: Options = field(default_factory=dict)
    inputs: tuple[Channel, ...] = ()
    counterparts: Mapping[tuple[str, str], Counterpart] = field(default_factory=dict)

    def counterpart(self, item: Item) -> Counterpart | None:
        """Return the measured LR of an item; None where it is made."""
        return self.counterparts.get((str(item.path.absolute()), item.key))


@dataclass(frozen=True, eq=False, slots=True)
class OpenItem:
    """An item that is ready to be paired. Reading and drawing happen under `lock`: one thread reads a source."""

    part: Part
    roles: tuple[Role, ...]
    source: Source
    view: View
    region: Window
    normalizer: Normalizer
    degradation: Degradation
    margin: tuple[int | None, ...]
    sampler: PatchSampler
    swap: tuple[int, int] | None
    lock: threading.Lock
    lr: MeasuredLr | None = None

    def close(self) -> None:
        """Close what the item reads."""
        self.source.close()
        if self.lr is not None:
            self.lr.source.close()


def open_part(plugins: Plugins, part: Part, pairing: Pairing, cache: ArrayCache) -> OpenItem:
    """Open an item with all that pairing needs. Raises InputError where it is broken or of no use."""
    with ExitStack() as opened:
        source = verbs.open_source(plugins, part.item, pairing.options)
        opened.callback(source.close)
        view = View.of(source, pairing.roles, pairing.scale, pairing.inputs)
        lr = _lr_of(plugins, part.item, pairing, view, source, cache, opened)
        seen = chosen_channels(source, view.channels) if lr is None else lr.source
        degradation = degradation_of(plugins, source, view, pairing)
        made = degrade.margin(degradation, view.scale, roles=pairing.roles, grid_axes=view.axes)
        cached = cast(Source, CachedSource(source, cache, (part.item.path, part.item.key)))
        region = _region(part, view, source, lr)
        size = view.size(pairing.patch, source.grid.ndim)
        fitting = tuple(min(a, b) for a, b in zip(size, region.shape, strict=True))
        item = OpenItem(
            part=part,
            roles=pairing.roles,
            source=cached,
            view=view,
            region=region,
            normalizer=verbs.normalizer(plugins, pairing.domain, pairing.normalizer, seen),
            degradation=degradation,
            margin=made if lr is None else (0,) * len(made),
            sampler=verbs.patches(plugins, pairing.domain, cached, fitting),
            swap=swappable_axes(view, source.grid, pairing.roles, pairing.patch),
            lock=threading.Lock(),
            lr=lr,
        )
        opened.pop_all()
        return item


def degradation_of(plugins: Plugins, source: Source, view: View, pairing: Pairing) -> Degradation:
    """Return how LR comes from the channels that `view` takes of an item."""
    seen = chosen_channels(source, view.channels)
    steps = verbs.degradation(plugins, pairing.domain, pairing.degradation, seen, pairing.scale)
    return fitted_degradation(plugins, pairing.domain, steps, seen)


def _lr_of(  # noqa: PLR0913  all that an item has by then
    plugins: Plugins, item: Item, pairing: Pairing, view: View, source: Source, cache: ArrayCache, opened: ExitStack
) -> MeasuredLr | None:
    """Return the open measured LR of an item; None where LR is made."""
    counterpart = pairing.counterpart(item)
    if counterpart is None:
        return None
    lr = open_lr(plugins, counterpart.lr, pairing.options, mean=counterpart.mean)
    opened.callback(lr.close)
    kept = cast(Source, CachedSource(lr, cache, (counterpart.lr.path, counterpart.lr.key, counterpart.mean)))
    images = [i for i, channel in enumerate(source.channels) if channel.role == "image"]
    return measured_lr(kept, counterpart, view, images)


def _region(part: Part, view: View, source: Source, lr: MeasuredLr | None) -> Window:
    """Return the part of an item that patches may come from. Raises InputError if no LR sample fits into it."""
    region = part.window or Window.whole(source.grid.shape)
    if any(n < s for n, s in zip(region.shape, view.grid_scale(source.grid.ndim), strict=True)):
        raise InputError(f"has a part of {region.shape} samples, less than one LR sample")
    return region if lr is None else lr.snapped(region)


class OpenItems:
    """The items of a split, opened when they are needed; the least recently used ones are closed again."""

    def __init__(
        self,
        plugins: Plugins,
        parts: Sequence[Part],
        pairing: Pairing,
        *,
        cache: ArrayCache,
        limit: int = OPEN_ITEMS,
    ) -> None:
        self._plugins = plugins
        self._parts = tuple(parts)
        self._pairing = pairing
        self._cache = cache
        self._limit = limit
        self._open: OrderedDict[int, OpenItem] = OrderedDict()
        self._borrowed: dict[int, int] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._parts)

    @contextmanager
    def borrowed(self, index: int) -> Iterator[OpenItem]:
        """Lend item `index`; it is not closed meanwhile. Raises InputError as `open_part` does."""
        with self._lock:
            if index not in self._open:
                self._open[index] = open_part(self._plugins, self._parts[index], self._pairing, self._cache)
            item = self._open[index]
            self._open.move_to_end(index)
            self._borrowed[index] = self._borrowed.get(index, 0) + 1
            self._close_old()
        try:
            yield item
        finally:
            with self._lock:
                self._borrowed[index] -= 1

    def close(self) -> None:
        """Close all items."""
        with self._lock:
            for item in self._open.values():
                item.close()
            self._open.clear()

    def _close_old(self) -> None:
        idle = [index for index in self._open if not self._borrowed.get(index)]
        for index in idle[: max(0, len(self._open) - self._limit)]:
            self._open.pop(index).close()
