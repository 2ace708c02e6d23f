"""The whole way from a path to outputs: what a call means, for a file, a series, or a folder tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from pathlib import Path

from srkit.channels import ChannelChoice
from srkit.domain import Item, Options, Skipped
from srkit.errors import UsageError
from srkit.plugins import Plugins, gather
from srkit.upscaling.batch.inputs import Inputs
from srkit.upscaling.batch.manifest import Manifest
from srkit.upscaling.batch.report import ItemResult, UpscaleReport
from srkit.upscaling.batch.run import Batch, Progress
from srkit.upscaling.batch.treatment import Treatment
from srkit.upscaling.fidelity.demand import Fidelity
from srkit.upscaling.making.manner import Disk, Keeping, Manner
from srkit.upscaling.making.naming import MANIFEST, Naming, check_collisions, file_ids
from srkit.upscaling.making.shard import repeatable
from srkit.upscaling.planning.aim import Aim, ScaleLike, SpacingLike
from srkit.upscaling.planning.enlarger import Enlarger, model_named
from srkit.upscaling.planning.region import Region
from srkit.upscaling.planning.shelf import EnlargerShelf
from srkit.upscaling.routing.memory import bytes_of
from srkit.upscaling.routing.route import Wishes
from srkit.upscaling.session import Session

PLACES = {"path", "out", "name", "overwrite", "manifest"}
WAYS = {"resume", "skip_existing", "again", "workers", "progress", "plugins", "memory", "tile", "device"}
WAYS |= {"shard", "force", "dry_run"}
SHARES = {"shard", "resume", "overwrite", "progress", "plugins", "manifest", "skip_existing", "workers"}
TOLD_BY_ITEM = {"model", "scale", "domain", "options"}
"""Arguments of `upscale` that change no output beyond rounding, and those that every item's result tells itself."""


def upscale(  # noqa: PLR0913  the whole of a command in one call; every argument but two has a default
    path: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    scale: ScaleLike | None = None,
    spacing: SpacingLike | None = None,
    isotropic: bool = False,
    model: str | Path | Enlarger | None = None,
    domain: str | None = None,
    name: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    options: Mapping[str, Options] | None = None,
    plugins: Plugins | None = None,
    progress: Progress | None = None,
    precision: str | None = None,
    backend: str | None = None,
    device: str | None = None,
    tile: int | None = None,
    memory: int | str | None = None,
    skip_existing: bool = False,
    manifest: bool | str | Path = False,
    again: bool = False,
    workers: int = 1,
    bands: str | None = None,
    extra_bands: str = "refuse",
    consistency: bool = False,
    consistency_limit: float | None = None,
    strength: float = 1.0,
    maps: bool = False,
    window: str | None = None,
    bbox: str | Sequence[float] | None = None,
    shard: str | None = None,
    force: bool = False,
    dry_run: bool = False,
) -> UpscaleReport:
    """Enlarge what is at `path` and write it to `out`: the same extent, the same storage, every tag true.

    Parameters
    ----------
    path
        A file, the folder of a DICOM series, or a folder tree, whose structure the output keeps; or several of these.
        Of several, files go into `out` itself, and a folder's items into a folder of its name there; what is named
        twice is done once, and tiles of one image know each other wherever they lie.
    out
        A file name with the input's suffix (one file in), or a folder. Made with all that is needed above it.
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
    options
        Options of domains, by the domain's name.
    progress
        Told (tiles done, tiles in all, item).
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
        Write two maps beside each output, as float32 on its grid and in its units: what it would take to make it agree
        with its input (``…_residual``), and how unsure the network is of itself (``…_spread``).
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

    Returns
    -------
    UpscaleReport
        One result per item. In a folder, an item that fails is reported and the others go on.

    Raises
    ------
    SrkitError
        Where the call cannot be meant as it stands; or, with a single item, where that fails.
    """
    given = locals()
    asked = sorted((name, str(value)) for name, value in given.items() if _decides(name, value))
    call = {name: value for name, value in given.items() if name not in SHARES} if shard else {}
    if workers < 1:
        raise UsageError(f"{workers} workers can treat nothing; give 1 or more")
    session = Session.of_call(plugins, options)
    inputs, out = Inputs.of_call(path), Path(out)
    aim = Aim.of_call(scale, spacing, isotropic=isotropic)
    inputs.check_kept(bool(resume or shard or manifest or skip_existing))
    chosen = str(model) if isinstance(model, Path) else model
    info = model_named(session.plugins, chosen)  # its domain settles what an item may be
    found = inputs.without_outputs(inputs.find(session, domain, info.domain if info else None), out)
    items = [entry for entry in found if isinstance(entry, Item)]
    inputs.check_found(found)
    naming = Naming(out, name, inputs.single)
    check_collisions(naming, items, "scale" if aim.scale is None else str(aim.scale).replace(",", "x"))
    record = _manifest(manifest or skip_existing, inputs, out)
    treatment = Treatment(
        session=session,
        shelf=EnlargerShelf(session.plugins, chosen, aim.scale, ChannelChoice.parse(bands, extra_bands)),
        naming=naming,
        manner=Manner(
            Disk(file_ids(items), overwrite, force),
            replace(Keeping.of_call(resume=resume, shard=shard), call=repeatable(call)),
            Wishes(device, precision, tile, bytes_of(memory), backend),
            Fidelity(consistency, consistency_limit, strength, maps),
            region=Region.asked(window, bbox),
            dry_run=dry_run,
        ),
        aim=aim,
        asked=str(asked),
        traced=record is not None,
        earlier=record.earlier() if record is not None and skip_existing and not overwrite else None,
        again=again or inputs.named,
    )
    alone = len(items) == 1 and not any(isinstance(entry, Skipped) and entry.failed for entry in found)
    unfinished = dry_run or treatment.manner.keeping.shard is not None
    batch = Batch(treatment, None if unfinished else record, progress or _silent, workers)
    results = batch.treat_one(found) if alone else batch.treat_all(found)
    gathered = () if unfinished else _gathered(session, results)
    return UpscaleReport(tuple(results), inputs.passed_over(found, out), gathered)


def _gathered(session: Session, results: Sequence[ItemResult]) -> tuple[Path, ...]:
    """Let domains write what speaks of all their outputs together, those of earlier runs among them."""
    outputs: dict[str, list[Path]] = {}
    for result in results:
        if result.output is not None and result.status != "failed":
            outputs.setdefault(result.domain, []).append(result.output)
    every = ((domain, paths, session.of(domain)) for domain, paths in outputs.items())
    return tuple(path for domain, paths, of in every for path in gather(session.plugins, domain, paths, of))


def _decides(name: str, value: object) -> bool:
    """Tell whether an argument makes other outputs: one at its default does not, nor did it before it was there."""
    known = signature(upscale).parameters[name].default
    return name not in PLACES | WAYS | TOLD_BY_ITEM and bool(value != known)


def _silent(done: int, total: int, note: str) -> None:
    return None


def _manifest(wanted: bool | str | Path, inputs: Inputs, out: Path) -> Manifest | None:
    if not wanted:
        return None
    folder = out.parent if inputs.single and not out.is_dir() else out
    return Manifest(folder / MANIFEST if wanted is True else Path(wanted))
