"""Makes one output: plan, write slab by slab into a staging place, verify, publish."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from srkit.domain import Finding, Item
from srkit.grid import Slab
from srkit.image import OutputPlan, Sink, Source
from srkit.plugins import create_sink
from srkit.upscaling.engine import Job, prepare, run
from srkit.upscaling.enlarger import Enlarger
from srkit.upscaling.journal import Journal, work_of
from srkit.upscaling.naming import FileId
from srkit.upscaling.plan import output_plan, provenance, scale_text
from srkit.upscaling.route import Route, Wishes
from srkit.upscaling.session import Session
from srkit.upscaling.slabs import StoredSlab, assemble, slabs_per_frame
from srkit.upscaling.staging import Staging, output_error
from srkit.upscaling.verification import Written, checksum, verify

Step = Callable[[int, int], None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manner:
    """How outputs are made.

    `inputs` are files that must never be replaced. With `resume`, finished slabs stay on disk until the output is
    there, and a run that was cut off is continued. `step` is told (tiles done, tiles in all).
    """

    inputs: frozenset[FileId]
    overwrite: bool = False
    resume: bool = False
    wishes: Wishes = Wishes()  # noqa: RUF009  a frozen value
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """What was made: its findings, the route that it took, and of what kinds its files are where it is a folder."""

    findings: tuple[Finding, ...]
    route: Route
    kinds: tuple[str, ...] = ()


def produce(
    session: Session, item: Item, source: Source, *, enlarger: Enlarger, target: Path, manner: Manner
) -> Product:
    """Write the output of one item to `target`, verified, or leave no trace.

    Raises ModelError, InputError, UsageError where it cannot begin; OutputError where it cannot end.
    """
    job = prepare(session.plugins, source, enlarger, domain=item.domain, wishes=manner.wishes)
    spec = {} if job.normalizer is None else dict(job.normalizer.spec)
    route = {"device": job.route.device, "precision": job.route.precision}
    plan = output_plan(source, job.grid, job.fitted, provenance(enlarger, spec, route), session.of(item.domain))
    with Staging(target, manner.inputs, overwrite=manner.overwrite) as staging:
        sink = create_sink(session.plugins, item.domain, staging.path, source, plan)
        journal = _journal(session, item, enlarger, target, job, sink.slab) if manner.resume else None
        if journal is not None:
            journal.load()
            job = job if journal.route is None else replace(job, route=Route.from_json(journal.route))
            with _Guard(target):
                journal.begin(job.route.as_json())
        written = _write(sink, job, plan, target=target, journal=journal, step=manner.step)
        findings = verify(session, item, source, staged=staging.path, plan=plan, written=written)
        kinds = staging.kinds
        staging.publish(getattr(sink, "side_files", ()))
    if journal is not None:
        journal.remove()
    return Product(tuple(findings), job.route, kinds)


def _journal(session: Session, item: Item, enlarger: Enlarger, target: Path, job: Job, slab: Slab) -> Journal:
    work = work_of(
        (*item.paths, *item.mosaic),
        model=[enlarger.name, enlarger.sha256],
        scale=scale_text(enlarger),
        domain=item.domain,
        options=dict(session.of(item.domain)),
        plugins=sorted((plugin.name, plugin.version) for plugin in session.plugins.loaded),
        device=job.route.device,
        precision=job.route.precision,
        slab=[slab.axis, slab.size],
    )
    return Journal(target, work)


def _write(
    sink: Sink, job: Job, plan: OutputPlan, *, target: Path, journal: Journal | None, step: Step | None
) -> Written:
    checksums = []
    with ExitStack() as stack:
        guard = _Guard(target)
        with guard:
            sink.__enter__()
        stack.push(_Leaving(sink, target))
        for slab in _slabs(job, plan, sink.slab, journal, step):
            checksums.append(checksum(slab.stored, plan.encoding))
            with guard:
                sink.write(slab.window, slab.frame, slab.stored, slab.valid)
                if journal is not None and slab.number >= journal.finished:
                    journal.add(slab)
    return Written(sink.slab, checksums, sink.lossless)


def _slabs(job: Job, plan: OutputPlan, slab: Slab, journal: Journal | None, step: Step | None) -> Iterator[StoredSlab]:
    first = 0 if journal is None else journal.finished
    frame, number = divmod(first, slabs_per_frame(plan, slab))
    if journal is not None:
        yield from journal.replay()
    pieces = run(job, outermost=slab.axis, first=(frame, number * slab.size), step=step)
    yield from assemble(pieces, plan, slab, first=first)


class _Guard:
    """Says in words what goes wrong while writing; whatever a plugin's sink raises."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            known = output_error(error, self._target)
            if known is not error:
                raise known from error


class _Leaving:
    """Leaves a sink; while another error is on its way, what the sink says is only noted."""

    def __init__(self, sink: Sink, target: Path) -> None:
        self._sink, self._guard = sink, _Guard(target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            with self._guard:
                self._sink.__exit__(None, None, None)
            return
        try:
            self._sink.__exit__(kind, error, trace)
        except Exception as second:  # noqa: BLE001  a sink that was given up may raise anything; the cause is `error`
            _log.debug("the sink failed again while it was given up: %s", type(second).__name__)
