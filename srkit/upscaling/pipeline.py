"""The whole way from a path to outputs: a file, a series, or a folder tree; one item after the other."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from srkit.domain import Finding, Item, Options, Skipped
from srkit.errors import InputError, SrkitError
from srkit.grid import Scale
from srkit.plugins import Plugins, inspect_source, open_source
from srkit.upscaling.enlarger import Enlarger, EnlargerShelf, model_named
from srkit.upscaling.memory import bytes_of
from srkit.upscaling.naming import Naming, check_collisions, check_target, file_ids, is_there
from srkit.upscaling.plan import scale_text
from srkit.upscaling.production import Manner, produce
from srkit.upscaling.report import PARTIAL, ItemResult, UpscaleReport
from srkit.upscaling.route import Wishes
from srkit.upscaling.session import Session, without_outputs

Progress = Callable[[int, int, str], None]
ScaleLike = Scale | str | int | Sequence[int]
ALREADY_THERE = "the output is there already, no older than its input; give --overwrite to make it anew"
_log = logging.getLogger(__name__)


def upscale(  # noqa: PLR0913  the whole of a command in one call; every argument but two has a default
    path: str | Path,
    out: str | Path,
    *,
    scale: ScaleLike | None = None,
    model: str | Path | Enlarger | None = None,
    domain: str | None = None,
    name: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    options: Mapping[str, Options] | None = None,
    plugins: Plugins | None = None,
    progress: Progress | None = None,
    precision: str | None = None,
    device: str | None = None,
    tile: int | None = None,
    memory: int | str | None = None,
) -> UpscaleReport:
    """Enlarge what is at `path` and write it to `out`: the same extent, the same storage, every tag true.

    Parameters
    ----------
    path
        A file, the folder of a DICOM series, or a folder tree, whose structure the output keeps.
    out
        A file name with the input's suffix (one file in), or a folder. Made with all that is needed above it.
    scale
        ``2`` for rows and columns, ``"1,1,4"`` for rows, columns and slices; None: the model's own (2 for baselines).
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
    precision, device, tile
        Wishes for the route; by default srkit decides. `precision` is ``auto``, ``fp32`` or ``bf16``.
    memory
        Budget that tiles are planned for, in bytes, or as ``"4G"``; by default a quarter of what is free.

    Returns
    -------
    UpscaleReport
        One result per item. In a folder, an item that fails is reported and the others go on.

    Raises
    ------
    SrkitError
        Where the call cannot be meant as it stands; or, with a single item, where that fails.
    """
    session = Session.of_call(plugins, options)
    path, out = Path(path), Path(out)
    asked = None if scale is None else scale if isinstance(scale, Scale) else Scale.parse(scale)
    chosen = str(model) if isinstance(model, Path) else model
    info = model_named(session.plugins, chosen)  # its domain settles what an item may be
    found = without_outputs(session.find(path, domain, info.domain if info else None), path, out)
    items = [entry for entry in found if isinstance(entry, Item)]
    _check_found(path, found)
    naming = Naming(out, name, path.is_file())
    check_collisions(naming, items, "scale" if asked is None else str(asked).replace(",", "x"))
    manner = Manner(file_ids(items), overwrite, resume, Wishes(device, precision, tile, bytes_of(memory)))
    shelf = EnlargerShelf(session.plugins, chosen, asked)
    run = _Run(session, shelf, naming, manner, progress or _silent)
    if len(items) == 1 and not any(isinstance(entry, Skipped) and entry.failed for entry in found):
        results = [run.treat(entry, "") if isinstance(entry, Item) else _skipped(entry) for entry in found]
    else:
        results = run.treat_all(found)
    return UpscaleReport(tuple(results), _passed_over(path, found, out))


@dataclass(frozen=True, slots=True)
class _Run:
    """What all items of a call share."""

    session: Session
    shelf: EnlargerShelf
    naming: Naming
    manner: Manner
    progress: Progress

    def treat_all(self, found: Sequence[Item | Skipped]) -> list[ItemResult]:
        """Treat every item; one that fails in any way does not stop the others."""
        total = sum(isinstance(entry, Item) for entry in found)
        results: list[ItemResult] = []
        number = 0
        for entry in found:
            if isinstance(entry, Skipped):
                results.append(_skipped(entry))
                continue
            number += 1
            results.append(self._treat_guarded(entry, f"{number}/{total} "))
        return results

    def _treat_guarded(self, item: Item, prefix: str) -> ItemResult:
        try:
            return self.treat(item, prefix)
        except SrkitError as error:
            _log.debug("item failed", exc_info=True)
            reason = str(error).removeprefix(f"{item.path}: ")  # the table's first column says it already
            return ItemResult(item.path, item.domain, "failed", reason=reason, exit_code=error.exit_code)
        except Exception as error:  # noqa: BLE001  a source or normaliser of a plugin may raise anything
            _log.debug("item failed unexpectedly", exc_info=True)
            reason = f"failed unexpectedly with {type(error).__name__}; see the traceback with --debug, and report it"
            return ItemResult(item.path, item.domain, "failed", reason=reason, exit_code=1)

    def treat(self, item: Item, prefix: str) -> ItemResult:
        """Treat one item."""
        begin = time.monotonic()
        source = open_source(self.session.plugins, item, self.session.of(item.domain))
        try:
            findings = inspect_source(self.session.plugins, item.domain, source)
            _check_refusals(item, findings)
            enlarger = self.shelf.choose(item.domain, source)
            target = self.naming.target(item, scale_text(enlarger))
            if self.manner.resume and not self.manner.overwrite and is_there(target, item):
                return ItemResult(item.path, item.domain, "skipped", target, ALREADY_THERE, tuple(findings))
            check_target(target, item, self.manner.inputs, overwrite=self.manner.overwrite)
            note = f"{prefix}{item.path.name}"
            product = produce(
                self.session,
                item,
                source,
                enlarger=enlarger,
                target=target,
                manner=replace(self.manner, step=lambda done, total: self.progress(done, total, note)),
            )
        finally:
            source.close()
        return ItemResult(
            path=item.path,
            domain=item.domain,
            status="done",
            output=target,
            findings=(*findings, *product.findings),
            seconds=time.monotonic() - begin,
            model=enlarger.name,
            scale=scale_text(enlarger),
            route=product.route.explain(),
        )


def _silent(done: int, total: int, note: str) -> None:
    return None


def _skipped(entry: Skipped) -> ItemResult:
    if entry.failed:
        return ItemResult(entry.path, "", "failed", reason=entry.reason, exit_code=PARTIAL)
    return ItemResult(entry.path, "", "skipped", reason=entry.reason)


def _check_found(path: Path, found: Sequence[Item | Skipped]) -> None:
    """Raise InputError where there is nothing to do; a file that was named must be an item."""
    if any(isinstance(entry, Item) for entry in found):
        return
    reasons = [entry.reason for entry in found if isinstance(entry, Skipped)]
    if path.is_file():
        reason = reasons[0] if reasons else "is of no kind that an installed plugin reads; see `srkit plugins list`"
        raise InputError(f"{path}: {reason}")
    if not reasons:
        raise InputError(f"{path}: holds no image that an installed plugin reads; see `srkit plugins list`")


def _check_refusals(item: Item, findings: Sequence[Finding]) -> None:
    refusals = [finding.text for finding in findings if finding.level == "refusal"]
    if refusals:
        raise InputError(f"{item.path}: {'; '.join(refusals)}")


def _passed_over(path: Path, found: Sequence[Item | Skipped], out: Path) -> int:
    """Return how many files below `path` are of no installed domain; hidden ones and outputs do not count."""
    if path.is_file():
        return 0
    known = {p for entry in found for p in (entry.paths if isinstance(entry, Item) else (entry.path,))}
    count = 0
    for parent, folders, names in os.walk(path):
        place = Path(parent)
        folders[:] = [n for n in folders if not n.startswith(".") and (place / n).resolve() != out.resolve()]
        count += sum(not n.startswith(".") and place / n not in known for n in names)
    return count
