"""The whole way from a path to outputs: what a call means, for a file, a series, or a folder tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from srkit.domain import Item, Skipped
from srkit.plugins import gather
from srkit.upscaling.batch.copying import Copying
from srkit.upscaling.batch.inputs import Inputs
from srkit.upscaling.batch.manifest import Manifest
from srkit.upscaling.batch.report import ItemResult, UpscaleReport
from srkit.upscaling.batch.request import Asked, Request, decisive
from srkit.upscaling.batch.run import Batch
from srkit.upscaling.batch.treatment import Treatment
from srkit.upscaling.making.manner import Disk, Manner
from srkit.upscaling.making.naming import MANIFEST, Naming, check_collisions, file_ids, names_output_of
from srkit.upscaling.making.shard import repeatable
from srkit.upscaling.planning.enlarger import model_named
from srkit.upscaling.planning.shelf import EnlargerShelf
from srkit.upscaling.session import Session

SHARES = {"shard", "resume", "overwrite", "progress", "plugins", "manifest", "skip_existing", "workers"}
"""Arguments that are those of one share alone, not of the work that shards share."""


def upscale(path: str | Path | Sequence[str | Path], out: str | Path, **asked: Unpack[Asked]) -> UpscaleReport:
    """Enlarge what is at `path` and write it to `out`: the same extent, the same storage, every tag true.

    Parameters
    ----------
    path
        A file, the folder of a DICOM series, or a folder tree, whose structure the output keeps; or several of these.
        Of several, files go into `out` itself, and a folder's items into a folder of its name there; what is named
        twice is done once, and tiles of one image know each other wherever they lie.
    out
        A file name with the suffix that the output will have (one item in), or a folder. Made with all that is needed
        above it.
    **asked
        See `Asked`.

    Returns
    -------
    UpscaleReport
        One result per item. In a folder, an item that fails is reported and the others go on.

    Raises
    ------
    SrkitError
        Where the call cannot be meant as it stands; or, with a single item, where that fails.
    """
    request = Request.of_call(asked)
    session, course = request.session, request.course
    inputs, out = Inputs.of_call(path), Path(out)
    inputs.check_addresses(
        listed=bool(course.manifest or course.skip_existing), shared=request.keeping.shard is not None
    )
    info = model_named(session.plugins, request.choice.model)  # its domain settles what an item may be
    found = inputs.find(session, request.choice.domain, info.domain if info else None)
    found = inputs.without_outputs(found, out)
    items = [entry for entry in found if isinstance(entry, Item)]
    inputs.check_found(found)
    naming = Naming(out, request.placing.name, inputs.single or names_output_of(out, items))
    found = [naming.named(entry) if isinstance(entry, Item) else entry for entry in found]
    items = [entry for entry in found if isinstance(entry, Item)]
    check_collisions(naming, items, "scale" if request.aim.scale is None else str(request.aim.scale).replace(",", "x"))
    home = naming.folder_of(items)
    record = _manifest(course.manifest or course.skip_existing, home)
    treatment = _treatment(request, naming, _manner(request, items, {"path": path, "out": out, **asked}))
    unfinished = course.dry_run or request.keeping.shard is not None
    treatment = replace(
        treatment,
        asked=decisive(asked),
        record=None if record is None or unfinished else record.path,
        earlier=record.earlier() if record and course.skip_existing and not request.placing.overwrite else None,
        again=course.again or inputs.named,
    )
    copying = None if request.keeping.shard is not None else _copying(request, inputs, home, found)
    batch = Batch(treatment, None if unfinished else record, course.progress or _silent, course.workers, copying)
    results = batch.treat_one(found) if _is_one(found) else batch.treat_all(found)
    gathered = () if unfinished else _gathered(session, results)
    return UpscaleReport(tuple(results), inputs.passed_over(found, out), gathered)


def _treatment(request: Request, naming: Naming, manner: Manner) -> Treatment:
    choice, session = request.choice, request.session
    shelf = EnlargerShelf(session.plugins, choice.model, request.aim.scale, choice.channels)
    return Treatment(session, shelf, naming, manner, request.aim)


def _manner(request: Request, items: Sequence[Item], call: Mapping[str, Any]) -> Manner:
    """Return how outputs are made; `call` is kept along with shards, for whoever joins them."""
    keeping, placing = request.keeping, request.placing
    if keeping.shard is not None:
        keeping = replace(keeping, call=repeatable({name: call[name] for name in call.keys() - SHARES}))
    return Manner(
        Disk(file_ids(items), placing.overwrite, placing.force),
        keeping,
        request.wishes,
        request.fidelity,
        request.region,
        dry_run=request.course.dry_run,
    )


def _copying(request: Request, inputs: Inputs, out: Path, found: Sequence[Item | Skipped]) -> Copying:
    overwrite, dry_run = request.placing.overwrite, request.course.dry_run
    return Copying(inputs, out, file_ids(found), overwrite=overwrite, dry_run=dry_run)


def _is_one(found: Sequence[Item | Skipped]) -> bool:
    """Tell whether there is one item, and nothing that failed beside it: its error is the call's."""
    items = [entry for entry in found if isinstance(entry, Item)]
    return len(items) == 1 and not any(isinstance(entry, Skipped) and entry.failed for entry in found)


def _gathered(session: Session, results: Sequence[ItemResult]) -> tuple[Path, ...]:
    """Let domains write what speaks of all their outputs together, those of earlier runs among them."""
    outputs: dict[str, list[Path]] = {}
    for result in results:
        if result.output is not None and result.domain and result.status != "failed":
            outputs.setdefault(result.domain, []).append(result.output)
    every = ((domain, paths, session.of(domain)) for domain, paths in outputs.items())
    return tuple(path for domain, paths, of in every for path in gather(session.plugins, domain, paths, of))


def _silent(done: int, total: int, note: str) -> None:
    return None


def _manifest(wanted: bool | str | Path, home: Path) -> Manifest | None:
    if not wanted:
        return None
    return Manifest(home / MANIFEST if wanted is True else Path(wanted))
