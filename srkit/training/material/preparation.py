"""Before the first step: find items, split them, settle channels, and fit the normaliser; once per run folder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any

from srkit import degrade
from srkit import plugins as verbs
from srkit.config import Recipe
from srkit.data.catalogue import Catalogue, make_catalogue, with_channels
from srkit.data.leakage import check_leakage, write_fingerprints
from srkit.data.opening import Pairing
from srkit.data.split import Split, make_split
from srkit.data.view import View
from srkit.domain import Options, Part
from srkit.errors import SrkitWarning
from srkit.grid import Role, Scale
from srkit.image import Channel
from srkit.models.info import Seen, channel_from_json, channel_to_json, seen_from_json
from srkit.plugins import Plugins
from srkit.training.keeping.run_folder import RunFolder
from srkit.training.material.gathering import (
    Counterparts,
    Gathered,
    gather,
    network_inputs,
    read_counterparts,
    write_counterparts,
)


@dataclass(frozen=True, slots=True)
class Material:
    """What a run is trained on.

    Parameters
    ----------
    split
        Which items train, validate and test.
    channels, inputs
        How many the network has, and what they are; empty where it takes one channel of any kind at a time.
    normalizer
        Spec, completed.
    left_out
        How many files could not be used.
    degradation
        Steps as in a recipe: its own, or those that the domain chose for the first training item. Empty where a step
        is a plugin's own function, which no recipe can name.
    seen
        Sizes of LR samples, and what their numbers measure.
    counterparts
        The measured LR of items, where there is such a thing.
    """

    split: Split
    channels: int
    inputs: tuple[Channel, ...]
    normalizer: Mapping[str, Any]
    left_out: int
    degradation: tuple[Mapping[str, Any], ...] = ()
    seen: Seen = field(default_factory=Seen)
    counterparts: Counterparts = field(default_factory=dict)

    def pairing(self, recipe: Recipe, options: Options, patch: tuple[int, ...]) -> Pairing:
        """Return how pairs with HR of size `patch` are made."""
        return Pairing(
            domain=recipe.domain,
            scale=Scale(*recipe.scale),
            roles=recipe.network_roles,
            patch=patch,
            normalizer=self.normalizer,
            degradation=recipe.degradation,
            options=options,
            inputs=self.inputs,
            counterparts=self.counterparts,
        )


def domain_options(plugins: Plugins, recipe: Recipe) -> Options:
    """Return the options of the recipe's domain: defaults, and what the recipe says."""
    verbs.domain_named(plugins, recipe.domain)
    return {**verbs.default_options(plugins)[recipe.domain], **recipe.options}


def prepare(plugins: Plugins, recipe: Recipe, folder: RunFolder) -> Material:
    """Return the material of a run: that of its folder, or else made from the data and written there.

    Raises RecipeError where there is nothing to train on, or the data do not fit the recipe.
    """
    if folder.split.exists() and folder.facts.exists():
        facts = folder.read_facts()
        return Material(
            folder.read_split(),
            int(facts["channels"]),
            tuple(channel_from_json(channel) for channel in facts.get("inputs", ())),
            facts["normalizer"],
            int(facts["left_out"]),
            tuple(facts.get("degradation", ())),
            seen_from_json(facts.get("seen", {})),
            read_counterparts(folder),
        )
    material = _made(plugins, recipe)
    prints = check_leakage(plugins, material.split, domain_options(plugins, recipe))
    folder.write_split(material.split)
    write_fingerprints(folder.root, prints)
    write_counterparts(folder, material.counterparts)
    facts = {
        "channels": material.channels,
        "inputs": [channel_to_json(channel) for channel in material.inputs],
        "normalizer": dict(material.normalizer),
        "left_out": material.left_out,
        "degradation": [dict(step) for step in material.degradation],
        "seen": asdict(material.seen),
    }
    folder.write("facts.json", facts)
    return material


def _made(plugins: Plugins, recipe: Recipe) -> Material:
    options = domain_options(plugins, recipe)
    gathered = gather(plugins, recipe, options)
    catalogue, inputs = _catalogue(plugins, recipe, options, gathered)
    split = make_split(
        plugins,
        catalogue,
        domain=recipe.domain,
        fractions=recipe.data.split.model_dump(),
        seed=recipe.seed,
        split_file=recipe.data.split_file,
        gap=_gap(plugins, recipe, catalogue, options),
    )
    if not split.val:
        warnings.warn("no item is held out for validation; the run has no figures", SrkitWarning, stacklevel=2)
    fed = network_inputs(plugins, split.train, gathered.counterparts, options, inputs)
    spec = verbs.fit_normalizer(plugins, recipe.domain, recipe.normalizer, fed)
    steps = _degradation(plugins, recipe, split.train[0], options)
    seen = _seen(catalogue, split, inputs, Scale(*recipe.scale))
    left_out = len(catalogue.left_out)
    return Material(split, max(1, len(inputs)), inputs, spec, left_out, steps, seen, gathered.counterparts)


def _gap(plugins: Plugins, recipe: Recipe, catalogue: Catalogue, options: Options) -> dict[Role, int]:
    """Return the HR samples between parts of one item, per role: a patch and what its LR is made of around it."""
    scale = Scale(*recipe.scale)
    with closing(verbs.open_source(plugins, catalogue.entries[0].item, options)) as source:
        view = View.of(source, recipe.network_roles, scale)
        steps = verbs.degradation(plugins, recipe.domain, recipe.degradation, source, scale)
        margins = degrade.margin(steps, view.scale, roles=recipe.network_roles, grid_axes=view.axes)
    gaps = zip(recipe.network_roles, recipe.patch, margins, strict=True)
    return {role: patch + (margin or 0) for role, patch, margin in gaps}


def _seen(catalogue: Catalogue, split: Split, inputs: tuple[Channel, ...], scale: Scale) -> Seen:
    """Return what the training split's items say of themselves."""
    chosen = {id(part.item) for part in split.train}
    entries = [entry for entry in catalogue.entries if id(entry.item) in chosen]
    roles = {role for entry in entries for role in entry.sizes}
    sizes = {role: [e.sizes[role] * scale.of(role) for e in entries if role in e.sizes] for role in roles}
    said = {c.quantity for entry in entries for c in (inputs or entry.channels)}
    return Seen(
        spacing={role: (min(found), max(found)) for role, found in sizes.items()},
        quantities=() if "" in said else tuple(sorted(said)),
    )


def _degradation(plugins: Plugins, recipe: Recipe, part: Part, options: Options) -> tuple[Mapping[str, Any], ...]:
    """Return the steps that make LR of `part`, as a recipe would list them."""
    if recipe.degradation is not None:
        return recipe.degradation
    source = verbs.open_source(plugins, part.item, options)
    try:
        steps = verbs.degradation(plugins, recipe.domain, None, source, Scale(*recipe.scale)).steps
    finally:
        source.close()
    if any(step.function is not None for step in steps):
        return ()
    return tuple({"name": step.name, **step.parameters} for step in steps)


def _catalogue(
    plugins: Plugins, recipe: Recipe, options: Options, gathered: Gathered
) -> tuple[Catalogue, tuple[Channel, ...]]:
    scale = Scale(*recipe.scale)
    found = make_catalogue(plugins, gathered.items, roles=recipe.network_roles, scale=scale, options=options)
    catalogue = Catalogue(found.entries, (*gathered.left_out, *found.left_out))
    return with_channels(catalogue, recipe.network.parameters.get("channels"), recipe.data.channels)
