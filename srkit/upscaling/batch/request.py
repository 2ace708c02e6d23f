"""What a call of `upscale` asks for: its arguments by name, and sorted into values of one meaning each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, Self, TypedDict

from srkit.channels import ChannelChoice
from srkit.domain import Options
from srkit.errors import UsageError, nearest_known
from srkit.plugins import Plugins
from srkit.upscaling.batch.run import Progress
from srkit.upscaling.fidelity.demand import Fidelity
from srkit.upscaling.making.manner import Keeping
from srkit.upscaling.planning.aim import Aim, ScaleLike, SpacingLike
from srkit.upscaling.planning.enlarger import Enlarger
from srkit.upscaling.planning.region import Region
from srkit.upscaling.routing.route import Wishes
from srkit.upscaling.session import Session

WAYS = {"resume", "skip_existing", "again", "workers", "progress", "plugins", "memory", "tile", "device"}
WAYS |= {"shard", "force", "dry_run", "name", "overwrite", "manifest"}
TOLD_BY_ITEM = {"model", "scale", "domain", "options"}
"""Arguments that change no output beyond rounding or its place, and those that every item's result tells itself."""


class Asked(TypedDict, total=False):
    """The arguments of `upscale` beside its two places; all of them may be left out.

    Parameters
    ----------
    scale
        ``2`` for rows and columns, ``"1,1,4"`` for rows, columns and slices; None: the model's own (2 for baselines).
    spacing, isotropic
        In place of a scale, how far apart the output's samples shall be, in mm or in units of a raster's CRS: ``1.0``
        for all axes, ``"1,1,1"`` for rows, columns and slices; or, all as near as the nearest are. A network enlarges
        by the whole factor that comes nearest, the rest is resampled. The extent is kept, so the spacing becomes the
        nearest that divides it into whole samples.
    model
        A model file, a name on the shelf, a baseline (nearest, bicubic, bspline, lanczos), or None: the best at hand.
    domain
        Whose items are meant, where content alone does not say.
    name
        Names of outputs, with ``{stem}`` and ``{scale}``, without suffix.
    overwrite
        Replace outputs that are there. Inputs are never replaced.
    resume
        Keep finished parts beside the output until it is whole, and go on where an earlier run was cut off; items
        whose output is there already, no older than they are, are skipped.
    options, plugins
        Options of domains, by the domain's name; and the plugins to use, by default the installed ones.
    progress
        Told (tiles done, tiles in all, item and rate); of several items, (items done, items in all, item, tile and
        rate).
    precision, backend, device, tile
        Wishes for the route; by default srkit decides. `precision` is ``auto``, ``fp32`` or ``bf16``; `backend` is what
        computes the network: torch as ``plain``, ``rewritten`` or ``fused``, or ``onnxruntime`` or ``openvino``.
    memory
        Budget that tiles are planned for, in bytes, or as ``"4G"``; by default a quarter of what is free.
    skip_existing
        Skip items whose output is there as an earlier run left it, after its manifest, and that would become the same
        again; outputs of that run that would become others are replaced.
    manifest
        Where to write what became of each item, a name that ends in ``.jsonl``; True for ``srkit-manifest.jsonl`` in
        the output folder. A table, ``.csv``, is written beside it.
    again
        Enlarge outputs of srkit that lie in an input folder, too.
    workers
        How many items of a folder are treated at once, each in a process of its own with its part of threads and
        memory. `progress` is then told of whole items.
    bands
        Which channels of an item are the model's, in the model's order: names or numbers (``"4,3,2"``), or
        ``"position"``; None: those of the same names or wavelengths.
    extra_bands
        What becomes of image channels that the model does not take: ``refuse``, ``bicubic`` or ``drop``.
    consistency
        Make each output agree with its input, degraded as the model declares, by a fixed number of rounds.
    consistency_limit
        Fail an item whose output, degraded again, is off its input by more than this share of its standard deviation.
    strength
        The model's share, 0 to 1, in a mixture with bicubic interpolation.
    maps
        Write three maps beside each output, as float32 on its grid: what it would take to make it agree with its input
        (``…_residual``), how far it departs from interpolation, above 1 where nothing in the input hints at it
        (``…_departure``), and how unsure the network is of itself (``…_spread``).
    window
        What is wanted of each item, in its samples: ``"100:356,200:456"`` for rows and columns, a third span for
        slices; ends may be left open. The output has the samples that the whole output has there.
    bbox
        The same as ``"xmin,ymin,xmax,ymax"`` in the world of the item (its CRS; with z, in the space of a volume),
        grown to whole samples.
    shard
        ``"2/5"``: make that share of the slabs and keep it beside the output, which `merge` makes of all shares;
        ``"merge"``: do that.
    force
        Begin even where the output may not find room on its disk.
    dry_run
        Write nothing; results tell what would be done, and what it would take.
    """

    scale: ScaleLike | None
    spacing: SpacingLike | None
    isotropic: bool
    window: str | None
    bbox: str | Sequence[float] | None
    model: str | Path | Enlarger | None
    domain: str | None
    bands: str | None
    extra_bands: str
    name: str | None
    overwrite: bool
    force: bool
    manifest: bool | str | Path
    resume: bool
    shard: str | None
    skip_existing: bool
    again: bool
    workers: int
    dry_run: bool
    progress: Progress | None
    consistency: bool
    consistency_limit: float | None
    strength: float
    maps: bool
    device: str | None
    precision: str | None
    backend: str | None
    tile: int | None
    memory: int | str | None
    options: Mapping[str, Options] | None
    plugins: Plugins | None


@dataclass(frozen=True, eq=False, slots=True)
class ModelChoice:
    """What enlarges, whose items, and which of their channels."""

    model: str | Enlarger | None
    domain: str | None
    channels: ChannelChoice

    @classmethod
    def of_call(
        cls,
        *,
        model: str | Path | Enlarger | None = None,
        domain: str | None = None,
        bands: str | None = None,
        extra_bands: str = "refuse",
    ) -> Self:
        """Return what a call asks for. Raises UsageError for channels that cannot be meant."""
        return cls(str(model) if isinstance(model, Path) else model, domain, ChannelChoice.parse(bands, extra_bands))


@dataclass(frozen=True, slots=True)
class Placing:
    """Where outputs go, and what may be in their way; see `Asked`."""

    name: str | None = None
    overwrite: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """Which items are treated, how many at once, and what is told of them; see `Asked`."""

    skip_existing: bool = False
    again: bool = False
    workers: int = 1
    manifest: bool | str | Path = False
    dry_run: bool = False
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers can treat nothing; give 1 or more")


@dataclass(frozen=True, eq=False, slots=True)
class Request:
    """The arguments of a call, sorted: each value is made of those arguments that its maker names."""

    session: Session
    aim: Aim
    region: Region | None
    choice: ModelChoice
    placing: Placing
    keeping: Keeping
    course: Course
    fidelity: Fidelity
    wishes: Wishes

    @classmethod
    def of_call(cls, asked: Mapping[str, Any]) -> Self:
        """Return what the arguments mean. Raises UsageError where they cannot be meant, TypeError for others."""
        for name in asked:
            if name not in DEFAULTS:
                raise TypeError(f"upscale() takes no argument {name!r}{nearest_known(name, list(DEFAULTS))}")
        own = {value: {name: asked[name] for name in names if name in asked} for value, names in ARGUMENTS.items()}
        return cls(**{value: make(**own[value]) for value, make in MAKERS.items()})


MAKERS: Mapping[str, Callable[..., Any]] = {
    "session": Session.of_call,
    "aim": Aim.of_call,
    "region": Region.asked,
    "choice": ModelChoice.of_call,
    "placing": Placing,
    "keeping": Keeping.of_call,
    "course": Course,
    "fidelity": Fidelity.of_call,
    "wishes": Wishes.of_call,
}
ARGUMENTS: Mapping[str, Mapping[str, Parameter]] = {value: signature(make).parameters for value, make in MAKERS.items()}
DEFAULTS = {name: parameter.default for names in ARGUMENTS.values() for name, parameter in names.items()}


def decisive(asked: Mapping[str, Any]) -> str:
    """Return in words what of the arguments makes other outputs, beside what every item's result tells itself.

    One at its default does not, nor did it before it was there; the command line's ``auto`` is Python's None.
    """
    given = {name: None if value == "auto" else value for name, value in asked.items()}
    names = given.keys() - WAYS - TOLD_BY_ITEM
    return str(sorted((name, str(given[name])) for name in names if given[name] != DEFAULTS[name]))
