"""What there is to train on: the items of a domain below some paths that a network can use, and their channels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from srkit import plugins as verbs
from srkit.data.view import View
from srkit.domain import Item, Options, Skipped
from srkit.errors import InputError, RecipeError, SrkitWarning
from srkit.grid import Role, Scale
from srkit.plugins import Plugins


@dataclass(frozen=True, slots=True)
class Entry:
    """A usable item, with what was seen when it was opened: names of its image channels, grid shape, roles."""

    item: Item
    channels: tuple[str, ...]
    shape: tuple[int, ...]
    roles: Mapping[Role, int]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Usable items in the order of their paths, and those left out with the reason."""

    entries: tuple[Entry, ...]
    left_out: tuple[Skipped, ...] = ()

    @property
    def items(self) -> tuple[Item, ...]:
        """The usable items."""
        return tuple(entry.item for entry in self.entries)


def find_items(
    plugins: Plugins, paths: Sequence[Path], *, domain: str, options: Options
) -> tuple[list[Item], list[Skipped]]:
    """Return the items of `domain` at `paths`, without doubles, and what was skipped.

    Raises RecipeError where a path does not exist.
    """
    every = {**verbs.default_options(plugins), domain: options}
    items: dict[tuple[Path, str], Item] = {}
    skipped: list[Skipped] = []
    for path in paths:
        if not path.exists():
            raise RecipeError(f"data path {path} does not exist; name a file or folder with --data")
        for found in verbs.discover(plugins, path, every, domain=domain):
            if isinstance(found, Skipped):
                skipped.append(found)
            elif found.domain == domain:
                items.setdefault((found.path.absolute(), found.key), found)
    return list(items.values()), skipped


def make_catalogue(
    plugins: Plugins,
    items: Sequence[Item],
    *,
    roles: tuple[Role, ...],
    scale: Scale,
    options: Options,
) -> Catalogue:
    """Open every item once and keep those that a network along `roles` can use at `scale`; others get a warning."""
    entries: list[Entry] = []
    left_out: list[Skipped] = []
    for item in items:
        try:
            entries.append(_entry(plugins, item, roles, scale, options))
        except InputError as error:
            left_out.append(Skipped(item.path, str(error)))
            warnings.warn(f"{item.path} is left out of training: {error}", SrkitWarning, stacklevel=2)
    return Catalogue(tuple(entries), tuple(left_out))


def _entry(plugins: Plugins, item: Item, roles: tuple[Role, ...], scale: Scale, options: Options) -> Entry:
    source = verbs.open_source(plugins, item, options)
    try:
        view = View.of(source, roles, scale)
        names = tuple(source.channels[i].name for i in view.channels)
        return Entry(item, names, tuple(source.grid.shape), dict(source.roles))
    finally:
        source.close()


def with_channels(catalogue: Catalogue, wanted: int | None) -> tuple[Catalogue, int]:
    """Return the items that a network of `wanted` channels can be trained on, and its number of channels.

    None takes the items' own number, which must then be one. A network of one channel takes items of any number, one
    channel at a time. Other items are left out with a warning. Raises RecipeError where no item is left, or where
    items disagree and nobody chose.
    """
    if not catalogue.entries:
        raise RecipeError(f"nothing to train on: no usable item found, {len(catalogue.left_out)} left out")
    if wanted is None:
        return catalogue, _common_count(catalogue.entries)
    fitting = tuple(entry for entry in catalogue.entries if wanted in (1, len(entry.channels)))
    others = [entry for entry in catalogue.entries if entry not in fitting]
    if not fitting:
        first = others[0]
        raise RecipeError(
            f"the network has {wanted} channels, but {first.item.path} has {len(first.channels)} and no item fits; "
            f"set network.parameters.channels={_choices(len(first.channels))}"
        )
    if others:
        warnings.warn(
            f"{len(others)} items are left out of training: they do not have {wanted} channels "
            f"(the first is {others[0].item.path} with {len(others[0].channels)})",
            SrkitWarning,
            stacklevel=2,
        )
    skipped = tuple(Skipped(e.item.path, f"has {len(e.channels)} channels, not {wanted}", False) for e in others)
    return Catalogue(fitting, catalogue.left_out + skipped), wanted


def _choices(channels: int) -> str:
    return "1" if channels == 1 else f"{channels}, or 1 to train on each channel in turn"


def _common_count(entries: Sequence[Entry]) -> int:
    first = entries[0]
    for entry in entries:
        if len(entry.channels) != len(first.channels):
            raise RecipeError(
                f"items differ in their channels: {first.item.path} has {len(first.channels)}, {entry.item.path} has "
                f"{len(entry.channels)}; set network.parameters.channels to one of these numbers, or to 1 to train on "
                "each channel in turn"
            )
    return len(first.channels)
