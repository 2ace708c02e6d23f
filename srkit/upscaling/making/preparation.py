"""All that is known of an output before its first sample: grid, route, provenance, and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace

from srkit.domain import Finding, Item
from srkit.errors import PluginError, RecipeError, UsageError
from srkit.files import is_address
from srkit.grid import Window
from srkit.image import OutputPlan, Source
from srkit.upscaling.enlarging.engine import Job, prepare, with_room
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
    if observation is not None:
        job = _with_room(order, job, enlarger, observation)
    part = source if job.part is None else cut(item, source, job.part)
    journal = _journal(order, job, enlarger) if manner.keeping.keeps else None
    if journal is not None:
        with Guard(order.target):
            job = replace(job, route=Route.from_json(journal.claim(job.route.as_json(), anew=manner.disk.overwrite)))
    plan = _plan(order, seen, job, enlarger)
    if manner.fidelity.enforced and observation is not None:
        plan = _agreeing(job, plan, observation)
    compared = None
    if observation is not None and not unseen:
        compared = Compared(narrowed(enlarger, part)[1], observation, job.fitted.image_channels)
    if job.part is not None:
        plan = replace(plan, grid=part.grid.upscaled(job.fitted.factors), encoding=part.encoding)
    return Prepared(job, plan, part, journal, compared, (*doubts, *unseen, *told, *on_size(plan)))


def _plan(order: Order, seen: Source, job: Job, enlarger: Enlarger) -> OutputPlan:
    spec = {} if job.normalizer is None else dict(job.normalizer.spec)
    made = provenance(enlarger, spec, job.route.made_by())
    return output_plan(seen, job.grid, job.fitted, made, order.session.of(order.item.domain))


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


def _with_room(order: Order, job: Job, enlarger: Enlarger, observation: Observation) -> Job:
    """Return the job with the stage that makes it agree, if that is wanted, on tiles that leave room for all of it."""
    source, images = job.source, job.fitted.image_channels
    if order.manner.fidelity.enforced:
        job = replace(job, stages=(Enforced(source, observation, images), *job.stages))
    compared = held_by_comparison(source, observation, images, source.slab.axis)
    return with_room(job, enlarger, order.manner.wishes, compared)


def _agreeing(job: Job, plan: OutputPlan, observation: Observation) -> OutputPlan:
    """Return the plan of an output that is made to agree with its input."""
    rounds = next(stage.rounds for stage in job.stages if isinstance(stage, Enforced))
    how = {"rounds": rounds, "degradation": observation.steps}
    return replace(plan, provenance=replace(plan.provenance, consistency=how))


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
