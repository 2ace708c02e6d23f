"""Which items a run has: those below its data paths, coupled with measured LR where the recipe names some."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from srkit import plugins as verbs
from srkit.channels import ChannelChoice, assigned
from srkit.config import Recipe
from srkit.data.catalogue import find_items, warn_of
from srkit.data.counterparts import find_couples
from srkit.data.coupling import Terms, coupled
from srkit.data.measured import Counterpart, counterpart_from_json, open_lr
from srkit.data.view import chosen_channels
from srkit.domain import Item, Options, Part, Skipped
from srkit.errors import InputError, RecipeError
from srkit.grid import Scale
from srkit.image import Channel, Source
from srkit.plugins import Plugins
from srkit.training.keeping.run_folder import RunFolder

Key = tuple[str, str]
Counterparts = Mapping[Key, Counterpart]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Items, the measured LR of each where there is such a thing, and what cannot be used."""

    items: Sequence[Item]
    counterparts: Counterparts = field(default_factory=dict)
    left_out: tuple[Skipped, ...] = ()


def gather(plugins: Plugins, recipe: Recipe, options: Options) -> Gathered:
    """Return what the recipe's paths hold; what is broken, or is no pair, gets a warning.

    Raises RecipeError where there are no paths, or it remains open what belongs together.
    """
    lr = recipe.data.pairs.lr
    if lr is None:
        items, skipped = find_items(plugins, _paths(recipe), domain=recipe.domain, options=options)
        failed = [entry for entry in skipped if entry.failed]
        if not items and not failed:
            places = ", ".join(str(path) for path in recipe.data.path)
            raise RecipeError(f"nothing to train on: no item of domain {recipe.domain!r} in {places}; name other data")
        return Gathered(items, left_out=_warned(failed))
    paths = recipe.data.path if lr.is_file() else _paths(recipe)
    couples, skipped = find_couples(plugins, paths, lr, domain=recipe.domain, options=options)
    found: dict[Key, Counterpart] = {}
    unlike: list[Skipped] = []
    for hr, small in couples:
        try:
            found[key_of(hr)] = coupled(plugins, hr, small, _terms(recipe, options))
        except InputError as error:
            unlike.append(Skipped(hr.path, str(error)))
    fitting = [hr for hr, _ in couples if key_of(hr) in found]
    return Gathered(fitting, found, _warned([entry for entry in (*skipped, *unlike) if entry.failed]))


def key_of(item: Item) -> Key:
    """Return what tells an item from all others of a run."""
    return str(item.path.absolute()), item.key


def _paths(recipe: Recipe) -> Sequence[Path]:
    if not recipe.data.path:
        raise RecipeError("no data to train on; name a file or folder with --data or data.path")
    return recipe.data.path


def _warned(left_out: Sequence[Skipped]) -> tuple[Skipped, ...]:
    for entry in left_out:
        warn_of(entry)
    return tuple(left_out)


def _terms(recipe: Recipe, options: Options) -> Terms:
    pairs = recipe.data.pairs
    return Terms(
        recipe.domain,
        options,
        Scale(*recipe.scale),
        recipe.network_roles,
        recipe.degradation,
        max_shift=pairs.max_shift,
        min_correlation=pairs.min_correlation,
        radiometry=pairs.radiometry,
        channels=pairs.channels,
    )


def write_counterparts(folder: RunFolder, counterparts: Counterparts) -> None:
    """Write `pairs.json`, where LR is measured: HR's file, LR's, and how both fit."""
    if counterparts:
        folder.write(folder.pairs.name, [{"hr": list(key), **found.to_json()} for key, found in counterparts.items()])


def read_counterparts(folder: RunFolder) -> dict[Key, Counterpart]:
    """Return what `write_counterparts` wrote; {} where LR is made. Raises RecipeError if it is damaged."""
    path = folder.pairs
    if not path.exists():
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {(row["hr"][0], row["hr"][1]): counterpart_from_json(row) for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"{path} is damaged; start the run anew in another folder") from error


def network_inputs(
    plugins: Plugins, parts: Sequence[Part], counterparts: Counterparts, options: Options, inputs: tuple[Channel, ...]
) -> Iterator[Source]:
    """Yield what a network will be fed of the items, open, one after the other: LR where it was measured, else HR.

    For a network of one channel each channel is an item of its own.
    """
    for part in parts:
        with closing(verbs.open_source(plugins, part.item, options)) as source:
            images = [i for i, channel in enumerate(source.channels) if channel.role == "image"]
            chosen = assigned(inputs, source.channels, ChannelChoice(), "to be trained") if inputs else images
            counterpart = counterparts.get(key_of(part.item))
            if counterpart is None:
                yield from _views(source, chosen, inputs)
                continue
            with closing(open_lr(plugins, counterpart.lr, options, mean=counterpart.mean)) as lr:
                yield from _views(lr, [counterpart.places[images.index(channel)] for channel in chosen], inputs)


def _views(source: Source, chosen: Sequence[int], inputs: tuple[Channel, ...]) -> Iterator[Source]:
    for channels in [chosen] if inputs else [[channel] for channel in chosen]:
        yield chosen_channels(source, channels)
