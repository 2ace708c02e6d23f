"""Makes one output: plan, write slab by slab into a staging place, verify, publish."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from srkit.domain import Finding, Item
from srkit.errors import PluginError, RecipeError, UsageError
from srkit.grid import Slab, Window
from srkit.image import OutputPlan, Sink, Source
from srkit.plugins import create_sink
from srkit.upscaling.enlarging.engine import Job, prepare, run
from srkit.upscaling.enlarging.overlap import overlapped
from srkit.upscaling.enlarging.slabs import StoredSlab, as_written, assemble, slabs_per_frame
from srkit.upscaling.fidelity.agreement import AGREEMENT_CODE, CUT, UNEVEN, UNFIT, Agreement
from srkit.upscaling.fidelity.consistency import Enforced
from srkit.upscaling.fidelity.measurement import gathered
from srkit.upscaling.fidelity.observation import Observation, observation_of
from srkit.upscaling.making.forecast import Forecast, foresee
from srkit.upscaling.making.journal import MARK, Journal, head_of, work_of
from srkit.upscaling.making.naming import FileId
from srkit.upscaling.making.room import check_room, needed_bytes, on_size, shortage
from srkit.upscaling.making.shard import WHOLE, Shard
from srkit.upscaling.making.staging import Staging, hidden_path, output_error
from srkit.upscaling.making.suitability import suitability
from srkit.upscaling.making.verification import Written, checksum, verify
from srkit.upscaling.planning.enlarger import Enlarger
from srkit.upscaling.planning.plan import narrowed, output_plan, provenance, scale_text
from srkit.upscaling.planning.region import Region, cut
from srkit.upscaling.routing.route import Route, Wishes
from srkit.upscaling.session import Session

Step = Callable[[int, int], None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manner:
    """How outputs are made.

    `inputs` are files that must never be replaced. With `resume`, finished slabs stay on disk until the output is
    there, and a run that was cut off is continued. `step` is told (tiles done, tiles in all). With `consistency`, an
    output is made to agree with its input; one that disagrees by more than `consistency_limit` is not kept. `shape` is
    how many samples an output has per axis, where that is not what the enlarger's scale makes.
    `region` is what is wanted of an item. With a `shard`, its slabs are made and kept, and no output; `join` takes
    those of all shards. `call` is kept along with them. `strength` is the model's share in a mixture with bicubic
    interpolation. With `maps`, two more files lie beside it. With `force`, room on the disk is not asked for; a
    `dry_run` only tells what would be done.
    """

    inputs: frozenset[FileId]
    overwrite: bool = False
    resume: bool = False
    wishes: Wishes = Wishes()  # noqa: RUF009  a frozen value
    step: Step | None = None
    consistency: bool = False
    consistency_limit: float | None = None
    shape: tuple[int, ...] | None = None
    region: Region | None = None
    shard: Shard | None = None
    join: bool = False
    call: Mapping[str, Any] | None = None
    force: bool = False
    dry_run: bool = False
    strength: float = 1.0
    maps: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise UsageError(f"a strength of {self.strength:g} is none; give 0 (interpolation) to 1 (the model alone)")
        if self.consistency_limit is not None and not self.consistency_limit > 0:
            raise UsageError(f"a limit of {self.consistency_limit:g} keeps no output; give a share such as 0.2")

    @property
    def keeps(self) -> bool:
        """Whether finished slabs stay on disk for a later run."""
        return self.resume or self.join or self.shard is not None


@dataclass(frozen=True, slots=True)
class Product:
    """What was made: its findings, the route that it took, and of what kinds its files are where it is a folder.

    `agreement` is None where the output cannot be compared with its input sample by sample. A `shard` is no output yet,
    and a `forecast` none at all.
    """

    findings: tuple[Finding, ...]
    route: Route
    kinds: tuple[str, ...] = ()
    agreement: Agreement | None = None
    shard: str = ""
    forecast: Forecast | None = None


def produce(
    session: Session, item: Item, source: Source, *, enlarger: Enlarger, target: Path, manner: Manner
) -> Product:
    """Write the output of one item to `target`, verified, or leave no trace.

    Raises ModelError, InputError, UsageError where it cannot begin; OutputError where it cannot end.
    """
    ready = _ready(session, item, source, enlarger=enlarger, target=target, manner=manner)
    job, plan, part, journal = ready.job, ready.plan, ready.part, ready.journal
    with Staging(target, manner.inputs, overwrite=manner.overwrite) as staging:
        sink = create_sink(session.plugins, item.domain, staging.path, part, plan)
        if not manner.force:
            check_room(target, needed_bytes(sink, plan, spooled=journal is not None))
        if journal is not None:
            with _Guard(target):
                _take_up(journal, sink.slab, plan, manner)
            if manner.shard is not None:
                overlapped(job, plan, lambda job: _keep_shard(journal, job, plan, sink.slab, manner.step))
                return Product(ready.findings, job.route, shard=str(manner.shard))
        output = _Output(sink, plan, target, journal)
        agreement = overlapped(job, plan, lambda job: _write(output, job, ready.compared, manner))
        written = Written(sink.slab, output.checksums, sink.lossless)
        findings = verify(session, item, part, staged=staging.path, plan=plan, written=written)
        kinds = staging.kinds
        staging.publish(getattr(sink, "side_files", ()))
    if journal is not None:
        journal.remove()
    found = () if agreement is None else agreement.findings()
    return Product((*ready.findings, *findings, *found), job.route, kinds, agreement)


def foreseen(
    session: Session, item: Item, source: Source, *, enlarger: Enlarger, target: Path, manner: Manner
) -> Product:
    """Return what `produce` would do, and what it would take; nothing is written.

    Raises what `produce` raises before it begins.
    """
    alone = replace(manner, resume=False, shard=None, join=False)
    ready = _ready(session, item, source, enlarger=enlarger, target=target, manner=alone)
    nowhere = hidden_path(target, "nowhere") / target.name
    sink = create_sink(session.plugins, item.domain, nowhere, ready.part, ready.plan)
    needed = needed_bytes(sink, ready.plan, spooled=manner.keeps)
    refused = shortage(target, needed)
    findings = (*ready.findings, Finding("refusal", refused, "L12")) if refused else ready.findings
    forecast = foresee(ready.job, ready.part, ready.plan, sink, target, needed)
    return Product(findings, ready.job.route, forecast=forecast)


@dataclass(frozen=True, eq=False, slots=True)
class _Ready:
    """All that is known of an output before its first sample."""

    job: Job
    plan: OutputPlan
    part: Source
    journal: Journal | None
    compared: _Compared | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, eq=False, slots=True)
class _Compared:
    """What an output is compared with, and how that is seen from it."""

    source: Source
    observation: Observation
    images: tuple[int, ...]


def _ready(session: Session, item: Item, source: Source, *, enlarger: Enlarger, target: Path, manner: Manner) -> _Ready:
    enlarger, seen = narrowed(replace(enlarger, strength=manner.strength), source)
    job = prepare(session.plugins, seen, enlarger, domain=item.domain, wishes=manner.wishes, shape=manner.shape)
    doubts = suitability(enlarger, job)
    observation, unseen = _observation(session, item, job, enlarger, manner)
    job, told = _on_region(item, job, manner)
    part = source if job.part is None else cut(item, source, job.part)
    journal = _journal(session, item, enlarger, target, job, manner) if manner.keeps else None
    if journal is not None:
        with _Guard(target):
            job = replace(job, route=Route.from_json(journal.claim(job.route.as_json(), anew=manner.overwrite)))
    spec = {} if job.normalizer is None else dict(job.normalizer.spec)
    made = provenance(enlarger, spec, {"device": job.route.device, "precision": job.route.precision})
    plan = output_plan(seen, job.grid, job.fitted, made, session.of(item.domain))
    if manner.consistency and observation is not None:
        job, plan = _agreeing(job, plan, observation)
    compared = None
    if observation is not None and not unseen:
        compared = _Compared(narrowed(enlarger, part)[1], observation, job.fitted.image_channels)
    if job.part is not None:
        plan = replace(plan, grid=part.grid.upscaled(job.fitted.factors), encoding=part.encoding)
    return _Ready(job, plan, part, journal, compared, (*doubts, *unseen, *told, *on_size(plan)))


def _observation(
    session: Session, item: Item, job: Job, enlarger: Enlarger, manner: Manner
) -> tuple[Observation | None, tuple[Finding, ...]]:
    """Return how the input is seen from the output, None where that cannot be said; and why both are not compared."""
    if not job.fitted.image_channels:
        return None, ()
    try:
        observation = observation_of(session.plugins, item.domain, job.source, enlarger)
        observation.least_gain(len(job.fitted.image_channels))  # fails where the steps do not fit the image
    except (RecipeError, PluginError) as error:
        if manner.consistency or manner.consistency_limit is not None:
            raise
        return None, (Finding("warning", f"{UNFIT}: {error}", AGREEMENT_CODE),)
    reason = UNEVEN if job.grid != job.network_grid else ""
    if manner.region is not None and None in observation.margin:
        reason = CUT
    if not reason:
        return observation, ()
    if manner.consistency_limit is not None:
        raise UsageError(f"{item.path}: {reason}; leave --consistency-limit out")
    return observation, (Finding("info", reason, AGREEMENT_CODE),)


def _agreeing(job: Job, plan: OutputPlan, observation: Observation) -> tuple[Job, OutputPlan]:
    """Return job and plan of an output that is made to agree with its input."""
    stage = Enforced(job.source, observation, job.fitted.image_channels)
    how = {"rounds": stage.rounds, "degradation": observation.steps}
    plan = replace(plan, provenance=replace(plan.provenance, consistency=how))
    return replace(job, stages=(stage, *job.stages)), plan


def _on_region(item: Item, job: Job, manner: Manner) -> tuple[Job, tuple[Finding, ...]]:
    """Return the job of what is wanted of the item, and what was taken, in words."""
    if manner.region is None:
        return job, ()
    if manner.consistency:
        raise UsageError(f"{item.path}: a window cannot be made consistent on its own; leave --consistency out")
    window = manner.region.window_on(job.source)
    if job.grid != job.network_grid:
        raise UsageError(f"{item.path}: a window goes with a whole --scale; resample the window's output afterwards")
    whole = window == Window.whole(job.source.grid.shape)
    return replace(job, part=None if whole else window), (manner.region.told(window, job.source),)


def _journal(session: Session, item: Item, enlarger: Enlarger, target: Path, job: Job, manner: Manner) -> Journal:
    work = work_of(
        (*item.paths, *item.mosaic),
        model=[enlarger.name, enlarger.sha256, str(enlarger.choice), enlarger.strength, len(job.stages)],
        scale=scale_text(enlarger),
        shape=job.grid.shape,
        domain=item.domain,
        options=dict(session.of(item.domain)),
        plugins=sorted((plugin.name, plugin.version) for plugin in session.plugins.loaded),
        consistency=manner.consistency,
        wishes=[manner.wishes.device, manner.wishes.precision, manner.wishes.backend],
        part=None if job.part is None else [job.part.start, job.part.stop],
    )
    shards = head_of(hidden_path(target, MARK)) if manner.join else None
    if manner.join and shards is None:
        raise UsageError(f"{target}: there are no shards beside it; make them with `srkit upscale --shard 1/3 …`")
    return Journal(target, work, Shard(1, shards["shards"]) if shards else manner.shard or WHOLE, manner.call)


def _take_up(journal: Journal, slab: Slab, plan: OutputPlan, manner: Manner) -> None:
    """Take up what was finished: by this shard, or, to be joined, by all of them."""
    total = plan.frames * slabs_per_frame(plan, slab)
    if manner.join:
        journal.join(slab, total)
    else:
        journal.begin(slab, total)


def _keep_shard(journal: Journal, job: Job, plan: OutputPlan, slab: Slab, step: Step | None) -> None:
    """Make the slabs of a shard that are not finished yet, and keep them."""
    for finished in _made(job, plan, slab, journal.next, journal.stop, step):
        with _Guard(journal.folder):
            journal.add(finished)


@dataclass(slots=True)
class _Output:
    """An output in the making: where its slabs go."""

    sink: Sink
    plan: OutputPlan
    target: Path
    journal: Journal | None
    checksums: list[int] = field(default_factory=list)

    def written(self, slabs: Iterator[StoredSlab]) -> Iterator[StoredSlab]:
        """Write each slab, and pass it on."""
        for slab in slabs:
            self.checksums.append(checksum(slab.stored, self.plan.encoding, self.sink.slab.axis))
            with _Guard(self.target):
                self.sink.write(slab.window, slab.frame, slab.stored, slab.valid)
                if self.journal is not None and slab.number >= self.journal.next:
                    self.journal.add(slab)
            yield slab


def _write(output: _Output, job: Job, compared: _Compared | None, manner: Manner) -> Agreement | None:
    """Write all slabs, and return how far they agree with what they are compared with."""
    sink = output.sink
    with ExitStack() as stack:
        with _Guard(output.target):
            sink.__enter__()
        stack.push(_Leaving(sink, output.target))
        slabs = output.written(_slabs(job, output.plan, sink.slab, output.journal, manner.step))
        if compared is None:
            for _ in slabs:
                pass
            return None
        pieces = (piece for slab in slabs for piece in as_written(slab, output.plan, sink.slab.axis))
        agreement = gathered(pieces, compared.source, compared.observation, compared.images, sink.slab.axis)
        agreement.check(manner.consistency_limit)
        if hasattr(sink, "conclude"):
            with _Guard(output.target):
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
        yield finished
        if job.stages and finished.number + 1 == stop:
            return  # stages work in runs of their own, which know no end


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
