"""The contract between the core and its plugins: one page of hooks.

A plugin is a module (or object) with functions marked `@srkit.hookimpl`. It implements the hooks it cares for, takes
the arguments it needs (by name), and answers None where `domain` is not its business: then the next one is asked.
`srkit_domains`, `srkit_discover` and the last four collect the answers of all plugins.
Keep the module light: import heavy libraries inside functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pluggy

from srkit.domain import (
    Degradation,
    Domain,
    Finding,
    Item,
    LossFactory,
    Metric,
    ModelEntry,
    NetworkFactory,
    Options,
    Part,
    PatchSampler,
    Skipped,
)
from srkit.grid import Scale
from srkit.image import Array, BoolArray, Normalizer, OutputPlan, Sink, Source

CONTRACT = 1
"""Number of this contract. A plugin states the one it was made for as `SRKIT_CONTRACT`; without it, 1 is meant."""

PROJECT = "srkit"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def srkit_domains() -> Sequence[Domain]:  # type: ignore[empty-body]
    """Return the domains that this plugin owns."""


@hookspec
def srkit_discover(root: Path, options: Mapping[str, Options]) -> Iterable[Item | Skipped]:  # type: ignore[empty-body]
    """Yield what is found at `root`, a file or a folder tree, recognised by content.

    `options` holds the options of each domain by its name. Called once per place that a command names. Files of other
    kinds are passed over in silence; a file that claims the format and is broken is a `Skipped`. Never follows a link
    out of `root`.
    """


@hookspec(firstresult=True)
def srkit_relate(domain: str, items: Sequence[Item], options: Options) -> Sequence[Item] | None:
    """Return `items`, found at several places of one call, with what they are to one another: `group` and `mosaic`.

    One for each, in their order. Without an answer they stay what they were at their own places.
    """


@hookspec(firstresult=True)
def srkit_open(domain: str, item: Item, options: Options) -> Source | None:
    """Open `item` for reading by windows.

    Called in the process that reads. Raises InputError if the file is broken; claimed sizes are checked before
    anything is allocated.
    """


@hookspec(firstresult=True)
def srkit_inspect(domain: str, source: Source) -> Sequence[Finding] | None:
    """Return what was understood, warnings, and refusals that keep the item from being processed."""


@hookspec(firstresult=True)
def srkit_normalizer(domain: str, spec: Mapping[str, Any], source: Source) -> Normalizer | None:
    """Return the normaliser for this item after the model's `spec`.

    Statistics are those of the whole item, never of a window.
    """


@hookspec(firstresult=True)
def srkit_fit_normalizer(domain: str, spec: Mapping[str, Any], sources: Iterable[Source]) -> Mapping[str, Any] | None:
    """Return `spec` completed with numbers from the training split; it is stored in the model."""


@hookspec(firstresult=True)
def srkit_degradation(
    domain: str, spec: Sequence[Mapping[str, Any]] | None, source: Source, scale: Scale
) -> Degradation | None:
    """Return how LR comes from HR for this item.

    `spec` is the recipe's list of steps, None for the domain's default. The core's default is antialiased bicubic.
    """


@hookspec(firstresult=True)
def srkit_split(
    domain: str, items: Sequence[Item], fractions: Mapping[str, float], seed: int
) -> Mapping[str, Sequence[Part]] | None:
    """Return the parts of `items` per split name; the core's default parts by `Item.group`."""


@hookspec(firstresult=True)
def srkit_patches(domain: str, source: Source, size: tuple[int, ...]) -> PatchSampler | None:
    """Return a sampler of HR windows of `size` (grid axis order) worth training on.

    The core's default draws uniformly and rejects windows with invalid samples.
    """


@hookspec(firstresult=True)
def srkit_foreground(domain: str, values: Array, valid: BoolArray | None) -> BoolArray | None:
    """Return which samples of an image ``(C, *spatial)``, in stored units, show the subject: ``(1, *spatial)``.

    An evaluation then tells PSNR and SSIM there as well: over the whole, much empty ground flatters every model.
    """


@hookspec(firstresult=True)
def srkit_data_range(domain: str, values: Array, valid: BoolArray | None) -> tuple[float, str] | None:
    """Return the range that an evaluation's PSNR and SSIM of an image ``(C, *spatial)`` refer to, and how it is told.

    Both are in stored units. The core's default is 255 for 8-bit samples, else the span of valid samples.
    """


@hookspec(firstresult=True)
def srkit_create(domain: str, target: Path, source: Source, plan: OutputPlan) -> Sink | None:
    """Return a sink for an output at `target`, a path that does not exist yet, in a folder of its own.

    `source` is what the output derives from: everything of it that is still true goes into the output. For items
    without a suffix `target` is a folder to be made. Side files may be written beside `target`.
    """


@hookspec(firstresult=True)
def srkit_verify(domain: str, source: Source, staged: Path, plan: OutputPlan) -> Sequence[Finding] | None:
    """Return findings on a staged output: is everything true that this format can say?

    The core has compared grid and samples already; this is the format's own check. A `failure` stops the output.
    """


@hookspec(firstresult=True)
def srkit_gather(domain: str, outputs: Sequence[Path], options: Options) -> Sequence[Path] | None:
    """Write what speaks of all `outputs` of a call together (an index, a mosaic), and return its files.

    Called once per call of `upscale` and domain, when every output is in its place.
    """


@hookspec
def srkit_networks() -> Sequence[NetworkFactory]:  # type: ignore[empty-body]
    """Return named architectures."""


@hookspec
def srkit_losses() -> Sequence[LossFactory]:  # type: ignore[empty-body]
    """Return named losses."""


@hookspec
def srkit_metrics() -> Sequence[Metric]:  # type: ignore[empty-body]
    """Return named figures of merit."""


@hookspec
def srkit_models() -> Sequence[ModelEntry]:  # type: ignore[empty-body]
    """Return the model files that this plugin ships."""
