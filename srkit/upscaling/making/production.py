"""Makes one output: write slab by slab into a staging place, verify, publish."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from srkit.domain import Finding
from srkit.grid import Slab
from srkit.image import OutputPlan, Sink
from srkit.plugins import create_sink
from srkit.upscaling.enlarging.engine import Job, Step, run
from srkit.upscaling.enlarging.overlap import overlapped
from srkit.upscaling.enlarging.slabs import StoredSlab, as_written, assemble, slabs_per_frame
from srkit.upscaling.enlarging.stream import Piece
from srkit.upscaling.fidelity.agreement import Agreement
from srkit.upscaling.fidelity.measurement import gathered
from srkit.upscaling.making.forecast import Forecast, foresee, over_budget
from srkit.upscaling.making.journal import Journal
from srkit.upscaling.making.manner import Keeping, Manner
from srkit.upscaling.making.order import Order
from srkit.upscaling.making.preparation import Compared, prepared
from srkit.upscaling.making.room import check_room, needed_bytes, shortage
from srkit.upscaling.making.staging import Guard, Staging, hidden_path
from srkit.upscaling.making.verification import Written, checksum, verify
from srkit.upscaling.routing.route import Route

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Product:
    """What was made: its findings, the route that it took, and of what kinds its files are where it is a folder.

    `agreement` is None where the output cannot be compared with its input sample by sample. A `shard` is no output yet,
    and a `forecast` none at all. `maps` are files beside it. `clipped` samples were beyond what the type holds.
    """

    findings: tuple[Finding, ...]
    route: Route
    kinds: tuple[str, ...] = ()
    agreement: Agreement | None = None
    shard: str = ""
    forecast: Forecast | None = None
    maps: tuple[Path, ...] = ()
    normalizer: Mapping[str, Any] = field(default_factory=dict)
    clipped: int = 0


def produce(order: Order) -> Product:
    """Write the output of an order, verified, or leave no trace.

    Raises ModelError, InputError, UsageError where it cannot begin; OutputError where it cannot end.
    """
    ready, disk = prepared(order), order.manner.disk
    job, plan, journal, manner = ready.job, ready.plan, ready.journal, order.manner
    with Staging(order.target, disk.inputs, overwrite=disk.overwrite) as staging:
        sink = create_sink(order.session.plugins, order.item.domain, staging.path, ready.part, plan)
        if not disk.force:
            check_room(order.target, needed_bytes(sink, plan, spooled=journal is not None) + disk.reserved)
        if journal is not None:
            with Guard(order.target):
                _take_up(journal, sink.slab, plan, manner.keeping)
            if manner.keeping.shard is not None:
                overlapped(job, plan, lambda job: _keep_shard(journal, job, plan, sink.slab, manner.step))
                return Product(ready.findings, job.route, shard=str(manner.keeping.shard))
        tight = over_budget(job, plan, sink, manner.wishes.memory)
        output = _Output(sink, plan, order.target, journal)
        agreement = overlapped(job, plan, lambda job: _write(output, job, ready.compared, manner))
        written = Written(sink.slab, output.checksums, sink.lossless)
        findings = verify(order, ready.part, staged=staging.path, plan=plan, written=written)
        found = () if agreement is None else agreement.findings()
        product = Product(
            (*ready.findings, *tight, *findings, *found),
            job.route,
            staging.kinds,
            agreement,
            normalizer=plan.provenance.normalizer,
            clipped=output.clipped,
        )
        if manner.promise is not None:
            manner.promise(product, staging.path)
        staging.publish(getattr(sink, "side_files", ()))
    if journal is not None:
        journal.remove()
    return product


def foreseen(order: Order) -> Product:
    """Return what `produce` would do, and what it would take; nothing is written.

    Raises what `produce` raises before it begins.
    """
    target, manner = order.target, order.manner
    ready = prepared(replace(order, manner=replace(manner, keeping=Keeping())))
    nowhere = hidden_path(target, "nowhere") / target.name
    sink = create_sink(order.session.plugins, order.item.domain, nowhere, ready.part, ready.plan)
    needed = needed_bytes(sink, ready.plan, spooled=manner.keeping.keeps) + manner.disk.reserved
    refused = shortage(target, needed)
    tight = over_budget(ready.job, ready.plan, sink, manner.wishes.memory)
    findings = (*ready.findings, *tight, *([Finding("refusal", refused, "L12")] if refused else []))
    forecast = foresee(ready, sink, target, needed)
    return Product(findings, ready.job.route, forecast=forecast)


def _take_up(journal: Journal, slab: Slab, plan: OutputPlan, keeping: Keeping) -> None:
    """Take up what was finished: by this shard, or, to be joined, by all of them."""
    total = plan.frames * slabs_per_frame(plan, slab)
    if keeping.join:
        journal.join(slab, total)
    else:
        journal.begin(slab, total)


def _keep_shard(journal: Journal, job: Job, plan: OutputPlan, slab: Slab, step: Step | None) -> None:
    """Make the slabs of a shard that are not finished yet, and keep them."""
    for finished in _made(job, plan, slab, journal.next, journal.stop, step):
        with Guard(journal.folder):
            journal.add(finished)
        del finished  # or it would wait in memory for the next one


@dataclass(slots=True)
class _Output:
    """An output in the making: where its slabs go."""

    sink: Sink
    plan: OutputPlan
    target: Path
    journal: Journal | None
    checksums: list[int] = field(default_factory=list)
    clipped: int = 0

    def write(self, slab: StoredSlab) -> Iterator[Piece]:
        """Write a slab, and return what will be read of it, piece by piece."""
        axis = self.sink.slab.axis
        self.clipped += slab.clipped
        self.checksums.append(checksum(slab.stored, self.plan.encoding, axis))
        with Guard(self.target):
            self.sink.write(slab.window, slab.frame, slab.stored, slab.valid)
            if self.journal is not None and slab.number >= self.journal.next:
                self.journal.add(slab)
        return as_written(slab, self.plan, axis)


def _write(output: _Output, job: Job, compared: Compared | None, manner: Manner) -> Agreement | None:
    """Write all slabs, and return how far they agree with what they are compared with."""
    sink = output.sink
    with ExitStack() as stack:
        with Guard(output.target):
            sink.__enter__()
        stack.push(_Leaving(sink, output.target))
        written = map(output.write, _slabs(job, output.plan, sink.slab, output.journal, manner.step))
        if compared is None:
            deque(written, maxlen=0)
            return None
        pieces = chain.from_iterable(written)  # holds no slab while the next is made
        agreement = gathered(pieces, compared.source, compared.observation, compared.images, sink.slab.axis)
        agreement.check(manner.fidelity.limit)
        if hasattr(sink, "conclude"):
            with Guard(output.target):
                sink.conclude(agreement.as_json())
    return agreement


def _slabs(job: Job, plan: OutputPlan, slab: Slab, journal: Journal | None, step: Step | None) -> Iterator[StoredSlab]:
    first = 0 if journal is None else journal.next
    if journal is not None:
        yield from journal.replay()
    yield from _made(job, plan, slab, first, plan.frames * slabs_per_frame(plan, slab), step)


def _made(job: Job, plan: OutputPlan, slab: Slab, first: int, stop: int, step: Step | None) -> Iterator[StoredSlab]:
    """Yield the slabs from number `first` to before `stop`, made anew."""
    if first >= stop:
        return
    begin, end = (divmod(number, slabs_per_frame(plan, slab)) for number in (first, stop))
    places = {"first": (begin[0], begin[1] * slab.size), "stop": (end[0], end[1] * slab.size)}
    pieces = run(job, outermost=slab.axis, **places, step=step)
    for finished in assemble(pieces, plan, slab, first=first):
        is_last = finished.number + 1 == stop
        yield finished
        del finished  # or it would wait in memory for the next one
        if job.stages and is_last:
            return  # stages work in runs of their own, which know no end


class _Leaving:
    """Leaves a sink; while another error is on its way, what the sink says is only noted."""

    def __init__(self, sink: Sink, target: Path) -> None:
        self._sink, self._guard = sink, Guard(target)

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
