"""All that is known of an output before its first sample: grid, route, provenance, and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace

from srkit.domain import Finding, Item
from srkit.errors import PluginError, RecipeError, UsageError
from srkit.files import is_address
from srkit.grid import Window
from srkit.image import OutputPlan, Source
from srkit.plugins import create_sink
from srkit.upscaling.enlarging.engine import Job, prepare, with_room
from srkit.upscaling.enlarging.holding import held_by_output
from srkit.upscaling.fidelity.agreement import AGREEMENT_CODE, CUT, UNEVEN, UNFIT
from srkit.upscaling.fidelity.consistency import Enforced
from srkit.upscaling.fidelity.measurement import held_by_comparison
from srkit.upscaling.fidelity.observation import Observation, observation_of
from srkit.upscaling.making.journal import MARK, Journal, head_of, work_of
from srkit.upscaling.making.manner import Manner
from srkit.upscaling.making.order import Order
from srkit.upscaling.making.room import on_size
from srkit.upscaling.making.shard import WHOLE, Shard
from srkit.upscaling.making.staging import Guard, hidden_path
from srkit.upscaling.making.suitability import suitability
from srkit.upscaling.planning.enlarger import Enlarger
from srkit.upscaling.planning.plan import narrowed, output_plan, provenance, scale_text
from srkit.upscaling.planning.region import cut
from srkit.upscaling.routing.memory import Beside
from srkit.upscaling.routing.route import Route

NAMELESS = (
    "the other machine does not say when it changed, so that no later run would know it again; fetch it, or leave "
    "--resume and --shard out"
)


@dataclass(frozen=True, eq=False, slots=True)
class Compared:
    """What an output is compared with, and how that is seen from it; `images` are the channels that are."""

    source: Source
    observation: Observation
    images: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Prepared:
    """All that is known of an output before its first sample.

    Parameters
    ----------
    part
        What of the source is wanted; the source itself where that is all of it.
    journal
        Where finished slabs are kept; None where none are.
    compared
        None where the output cannot be compared with its input, or holds no image; `findings` say why.
    """

    job: Job
    plan: OutputPlan
    part: Source
    journal: Journal | None
    compared: Compared | None
    findings: tuple[Finding, ...]


def prepared(order: Order) -> Prepared:
    """Return what an order comes to. Raises ModelError, InputError, RecipeError or UsageError where that is nothing."""
    session, item, source, manner = order.session, order.item, order.source, order.manner
    enlarger, seen = narrowed(replace(order.enlarger, strength=manner.fidelity.strength), source)
    job = prepare(session.plugins, seen, enlarger, domain=item.domain, wishes=manner.wishes, shape=manner.shape)
    doubts = suitability(enlarger, job)
    observation, unseen = _observation(order, job, enlarger)
    job, told = _on_region(item, job, manner)
    part = source if job.part is None else cut(item, source, job.part)
    if observation is not None and manner.fidelity.enforced:
        job = replace(job, stages=(Enforced(source, observation, job.fitted.image_channels), *job.stages))
    plan = _plan(order, seen, part, job, enlarger)
    job = with_room(job, enlarger, manner.wishes, _beside(order, job, observation, part, plan))
    journal = _journal(order, job, enlarger) if manner.keeping.keeps else None
    if journal is not None:
        with Guard(order.target):
            job = replace(job, route=Route.from_json(journal.claim(job.route.as_json(), anew=manner.disk.overwrite)))
        plan = _plan(order, seen, part, job, enlarger)
    compared = None
    if observation is not None and not unseen:
        compared = Compared(narrowed(enlarger, part)[1], observation, job.fitted.image_channels)
    return Prepared(job, plan, part, journal, compared, (*doubts, *unseen, *told, *on_size(plan)))


def _plan(order: Order, seen: Source, part: Source, job: Job, enlarger: Enlarger) -> OutputPlan:
    """Return what the output of a job shall be, of which `part` is wanted of what is `seen`."""
    spec = {} if job.normalizer is None else dict(job.normalizer.spec)
    made = provenance(enlarger, spec, job.route.made_by())
    for stage in job.stages:
        if isinstance(stage, Enforced):
            made = replace(made, consistency={"rounds": stage.rounds, "degradation": stage.degradation})
    plan = output_plan(seen, job.grid, job.fitted, made, order.session.of(order.item.domain))
    if job.part is None:
        return plan
    return replace(plan, grid=part.grid.upscaled(job.fitted.factors), encoding=part.encoding)


def _observation(order: Order, job: Job, enlarger: Enlarger) -> tuple[Observation | None, tuple[Finding, ...]]:
    """Return how the input is seen from the output, None where that cannot be said; and why both are not compared."""
    if not job.fitted.image_channels:
        return None, ()
    item, asked = order.item, order.manner.fidelity
    try:
        observation = observation_of(order.session.plugins, item.domain, job.source, enlarger)
        observation.least_gain(len(job.fitted.image_channels))  # fails where the steps do not fit the image
    except (RecipeError, PluginError) as error:
        if asked.enforced or asked.limit is not None:
            raise
        return None, (Finding("warning", f"{UNFIT}: {error}", AGREEMENT_CODE),)
    reason = UNEVEN if job.grid != job.network_grid else ""
    if order.manner.region is not None and None in observation.margin:
        reason = CUT
    if not reason:
        return observation, ()
    if asked.limit is not None:
        raise UsageError(f"{item.path}: {reason}; leave --consistency-limit out")
    return observation, (Finding("info", reason, AGREEMENT_CODE),)


def _beside(order: Order, job: Job, observation: Observation | None, part: Source, plan: OutputPlan) -> Beside:
    """Return what memory holds beside tiles: slabs, what formats keep of blocks, and what the comparison looks at."""
    item, target, source = order.item, order.target, job.source
    nowhere = hidden_path(target, "nowhere") / target.name
    held = held_by_output(part, plan, create_sink(order.session.plugins, item.domain, nowhere, part, plan))
    if observation is None:
        return held
    return held + held_by_comparison(source, observation, job.fitted.image_channels, source.slab.axis)


def _on_region(item: Item, job: Job, manner: Manner) -> tuple[Job, tuple[Finding, ...]]:
    """Return the job of what is wanted of the item, and what was taken, in words."""
    if manner.region is None:
        return job, ()
    if manner.fidelity.enforced:
        raise UsageError(f"{item.path}: a window cannot be made consistent on its own; leave --consistency out")
    window = manner.region.window_on(job.source)
    if job.grid != job.network_grid:
        raise UsageError(f"{item.path}: a window goes with a whole --scale; resample the window's output afterwards")
    whole = window == Window.whole(job.source.grid.shape)
    return replace(job, part=None if whole else window), (manner.region.told(window, job.source),)


def _journal(order: Order, job: Job, enlarger: Enlarger) -> Journal:
    item, manner, target = order.item, order.manner, order.target
    if is_address(item.path) and not item.identity:
        raise UsageError(f"{item.path}: {NAMELESS}")
    work = work_of(
        (*item.paths, *item.mosaic),
        identity=item.identity,
        model=[enlarger.name, enlarger.sha256, str(enlarger.choice), enlarger.strength, len(job.stages)],
        scale=scale_text(enlarger),
        shape=job.grid.shape,
        domain=item.domain,
        options=dict(order.session.of(item.domain)),
        plugins=sorted((plugin.name, plugin.version) for plugin in order.session.plugins.loaded),
        consistency=manner.fidelity.enforced,
        wishes=[manner.wishes.device, manner.wishes.precision, manner.wishes.backend],
        part=None if job.part is None else [job.part.start, job.part.stop],
    )
    shards = head_of(hidden_path(target, MARK)) if manner.keeping.join else None
    if manner.keeping.join and shards is None:
        raise UsageError(f"{target}: there are no shards beside it; make them with `srkit upscale --shard 1/3 …`")
    share = Shard(1, shards["shards"]) if shards else manner.keeping.shard or WHOLE
    return Journal(target, work, share, manner.keeping.call)
