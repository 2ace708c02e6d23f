"""What there is to train on: the items of a domain below some paths that a network can use, and their channels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from srkit import plugins as verbs
from srkit.channels import ChannelChoice, assigned
from srkit.data.view import View
from srkit.domain import Item, Options, Skipped
from srkit.errors import InputError, ModelError, RecipeError, SrkitWarning, UsageError
from srkit.grid import Role, Scale
from srkit.image import Channel, Source
from srkit.plugins import Plugins


@dataclass(frozen=True, slots=True)
class Entry:
    """A usable item, with what was seen when it was opened.

    Parameters
    ----------
    channels
        Its image channels.
    shape, roles
        Of its grid.
    sizes
        Size of a sample per role; empty where it is not known.
    """

    item: Item
    channels: tuple[Channel, ...]
    shape: tuple[int, ...]
    roles: Mapping[Role, int]
    sizes: Mapping[Role, float] = field(default_factory=dict)


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
    related = verbs.relate(plugins, list(items.values()), every) if len(paths) > 1 else items.values()
    return [item.alone() for item in related], skipped


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
    alike: dict[str, Entry] = {}
    for item in items:
        try:
            entries.append(_shared(_entry(plugins, item, roles, scale, options), alike))
        except InputError as error:
            left_out.append(Skipped(item.path, str(error)))
            warn_of(left_out[-1])
    return Catalogue(tuple(entries), tuple(left_out))


def warn_of(entry: Skipped) -> None:
    """Warn that an item is left out, and why."""
    reason = entry.reason.removeprefix(f"{entry.path}: ")
    warnings.warn(f"{entry.path} is left out of training: {reason}", SrkitWarning, stacklevel=3)


def _shared(entry: Entry, alike: dict[str, Entry]) -> Entry:
    """Return `entry` with the facts of one that is like it: a hundred thousand tiles have one list of channels."""
    facts = repr((entry.channels, entry.shape, entry.roles, entry.sizes))
    return replace(alike.setdefault(facts, entry), item=entry.item)


def _entry(plugins: Plugins, item: Item, roles: tuple[Role, ...], scale: Scale, options: Options) -> Entry:
    source = verbs.open_source(plugins, item, options)
    try:
        view = View.of(source, roles, scale)
        channels = tuple(source.channels[i] for i in view.channels)
        return Entry(item, channels, tuple(source.grid.shape), dict(source.roles), sample_sizes(source))
    finally:
        source.close()


def with_channels(
    catalogue: Catalogue, wanted: int | None, names: Sequence[str] = ()
) -> tuple[Catalogue, tuple[Channel, ...]]:
    """Return the items that a network of `wanted` channels can be trained on, and what these channels are.

    None takes the items' own number, which must then be one. `names` chooses channels of the items, in the network's
    order. A network of one channel takes items of any number, one channel at a time; no channels are returned then.
    Items with another number of channels are left out with a warning. Raises RecipeError where no item is left, where
    items disagree and nobody chose, and where the same number of channels means different things.
    """
    if not catalogue.entries:
        raise RecipeError(f"nothing to train on: no usable item found, {len(catalogue.left_out)} left out")
    if names:
        if wanted not in (None, len(names)):
            raise RecipeError(
                f"data.channels names {len(names)} channels, the network has {wanted}; "
                f"set network.parameters.channels={len(names)}"
            )
        return catalogue, _common(catalogue.entries, _named(catalogue.entries[0], names))
    if wanted is None:
        _check_count(catalogue.entries)
        wanted = len(catalogue.entries[0].channels)
    fitting = tuple(entry for entry in catalogue.entries if wanted in (1, len(entry.channels)))
    others = tuple(entry for entry in catalogue.entries if wanted not in (1, len(entry.channels)))
    if not fitting:
        first = others[0]
        raise RecipeError(
            f"the network has {wanted} channels, but {first.item.path} has {len(first.channels)} and no item fits; "
            f"set network.parameters.channels={_choices(len(first.channels))}"
        )
    inputs = () if wanted == 1 else _common(fitting, fitting[0].channels)
    return Catalogue(fitting, catalogue.left_out + _without(others, wanted)), inputs


def _without(others: Sequence[Entry], wanted: int) -> tuple[Skipped, ...]:
    if others:
        warnings.warn(
            f"{len(others)} items are left out of training: they do not have {wanted} channels "
            f"(the first is {others[0].item.path} with {len(others[0].channels)})",
            SrkitWarning,
            stacklevel=3,
        )
    return tuple(Skipped(e.item.path, f"has {len(e.channels)} channels, not {wanted}", False) for e in others)


def _named(entry: Entry, names: Sequence[str]) -> tuple[Channel, ...]:
    wanted = [Channel(name) for name in names]
    try:
        places = assigned(wanted, entry.channels, ChannelChoice(tuple(names)), "to be trained")
    except (ModelError, UsageError) as error:
        raise RecipeError(
            f"data.channels {', '.join(names)}: {entry.item.path} has not all of them: {error}"
        ) from error
    return tuple(entry.channels[place] for place in places)


def _common(entries: Sequence[Entry], inputs: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Return `inputs`, which every item has, with only that said of each on which all items agree."""
    matches = []
    for entry in entries:
        try:
            places = assigned(inputs, entry.channels, ChannelChoice(), "to be trained")
        except ModelError as error:
            raise RecipeError(
                f"items differ in what their channels are: {entries[0].item.path} has "
                f"{', '.join(c.name for c in entries[0].channels)}, {entry.item.path} has "
                f"{', '.join(c.name for c in entry.channels)}; train on one kind, name those that all have with "
                "data.channels, or set network.parameters.channels=1 to train on each channel in turn"
            ) from error
        matches.append([entry.channels[place] for place in places])
    return tuple(_agreed(column) for column in zip(*matches, strict=True))


def _agreed(channels: Sequence[Channel]) -> Channel:
    """Return the first channel, without a quantity or a wavelength that others do not have."""
    first = channels[0]
    same_quantity = all(channel.quantity == first.quantity for channel in channels)
    common = [alias for alias in first.aliases if all(alias in channel.aliases for channel in channels)]
    said = {channel.wavelength_nm for channel in channels}
    return replace(
        first,
        quantity=first.quantity if same_quantity else "",
        aliases=tuple(common),
        wavelength_nm=first.wavelength_nm if None not in said else None,
        bandwidth_nm=first.bandwidth_nm if None not in said else None,
    )


def _choices(channels: int) -> str:
    return "1" if channels == 1 else f"{channels}, or 1 to train on each channel in turn"


def _check_count(entries: Sequence[Entry]) -> None:
    first = entries[0]
    for entry in entries:
        if len(entry.channels) != len(first.channels):
            raise RecipeError(
                f"items differ in their channels: {first.item.path} has {len(first.channels)}, {entry.item.path} has "
                f"{len(entry.channels)}; set network.parameters.channels to one of these numbers, or to 1 to train on "
                "each channel in turn"
            )


def sample_sizes(source: Source) -> dict[Role, float]:
    """Return the size of a sample per role, in the domain's unit; empty where the item does not say it."""
    known: Sequence[float] | None = getattr(source, "sample_sizes", source.grid.spacing)
    if known is None or source.grid.is_pixel_space:
        return {}
    return {role: float(known[axis]) for role, axis in source.roles.items()}
