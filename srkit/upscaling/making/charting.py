"""Makes the maps that lie beside an output, each an output of its own: planned, written, verified, published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from srkit.domain import Item
from srkit.errors import UsageError
from srkit.image import OutputPlan, Source
from srkit.plugins import create_sink
from srkit.upscaling.enlarging.engine import Job, prepare
from srkit.upscaling.enlarging.slabs import assemble
from srkit.upscaling.enlarging.stream import Piece, Stage
from srkit.upscaling.fidelity.agreement import Agreement
from srkit.upscaling.fidelity.contrast import least_departure
from srkit.upscaling.fidelity.maps import KINDS, Departure, Residual, map_plan, spread, staged
from srkit.upscaling.fidelity.observation import Observation, observation_of
from srkit.upscaling.making.naming import check_target
from srkit.upscaling.making.production import Manner
from srkit.upscaling.making.staging import Staging, output_error
from srkit.upscaling.making.verification import Written, checksum, reopened, verify
from srkit.upscaling.planning.enlarger import Enlarger
from srkit.upscaling.planning.plan import narrowed, output_plan, provenance
from srkit.upscaling.session import Session

SMALLEST = 1e-30  # a departure in an image without any contrast is as good as infinite


def map_target(target: Path, item: Item, kind: str) -> Path:
    """Return where a map lies: ``scan_x2_residual.nii.gz`` beside ``scan_x2.nii.gz``."""
    cut = len(target.name) - len(item.suffix)
    return target.with_name(f"{target.name[:cut]}_{kind}{target.name[cut:]}")


@dataclass(frozen=True, eq=False, slots=True)
class Charting:
    """The maps of one item's output at `target`."""

    session: Session
    item: Item
    source: Source
    enlarger: Enlarger
    target: Path
    manner: Manner

    def check(self) -> None:
        """Raise UsageError, OutputError or RecipeError where maps cannot be made, before anything is."""
        item, manner = self.item, self.manner
        if not item.suffix:
            raise UsageError(f"{item.path}: maps lie beside an output of one file; choose a format that is one")
        if manner.region is not None or manner.shape is not None or manner.shard is not None or manner.join:
            raise UsageError(f"{item.path}: maps are made of whole items at a whole --scale; leave --maps out")
        job, _, plan = self._planned()
        for kind in KINDS:
            place = map_target(self.target, item, kind)
            check_target(place, item, manner.inputs, overwrite=manner.overwrite)
            chart = map_plan(plan, kind, job.fitted.image_channels)
            create_sink(self.session.plugins, item.domain, place, self.source, chart)

    def produce(self, agreement: Agreement | None) -> tuple[Path, ...]:
        """Write the maps, and return where they are; `agreement` tells how the input spreads.

        Raises OutputError where one cannot be written; the output itself is there already.
        """
        job, observation, plan = self._planned()
        images = job.fitted.image_channels
        output = reopened(self.session, self.item, self.target)
        stages = _stages(job, observation, agreement)

        def pieces(kind: str, axis: int) -> Iterator[Piece]:
            return staged(output, stages[kind], axis) if kind in stages else spread(job, axis)

        places = []
        try:
            for kind in KINDS:
                places.append(map_target(self.target, self.item, kind))
                made = _Map(self.session, self.item, self.source, map_plan(plan, kind, images))
                made.write(places[-1], self.manner, lambda axis, kind=kind: pieces(kind, axis))  # type: ignore[misc]  # a default
        finally:
            output.close()
        return tuple(places)

    def _planned(self) -> tuple[Job, Observation, OutputPlan]:
        return _planned(self.session, self.item, self.source, self.enlarger, self.manner)


def _stages(job: Job, observation: Observation, agreement: Agreement | None) -> dict[str, Stage]:
    """Return what makes the maps of a finished output."""
    images = job.fitted.image_channels
    spreads = [channel.spread for channel in agreement.channels] if agreement else [0.0] * len(images)
    least = [least_departure(spread, job.source.encoding) or SMALLEST for spread in spreads]
    return {
        "residual": Residual(job.source, observation, images),
        "departure": Departure(job.source, observation, images, least),
    }


def _planned(
    session: Session, item: Item, source: Source, enlarger: Enlarger, manner: Manner
) -> tuple[Job, Observation, OutputPlan]:
    """Return the job of the spread, how the input is seen, and the output's plan.

    Mirrored networks run layer by layer: the fast ways know networks by their parts.
    """
    enlarger, seen = narrowed(replace(enlarger, strength=manner.strength), source)
    job = prepare(session.plugins, seen, enlarger, domain=item.domain, wishes=replace(manner.wishes, backend="plain"))
    if not job.fitted.image_channels:
        raise UsageError(f"{item.path}: has no image channel to map; leave --maps out")
    spec = {} if job.normalizer is None else dict(job.normalizer.spec)
    made = provenance(enlarger, spec, job.route.made_by())
    plan = output_plan(seen, job.grid, job.fitted, made, session.of(item.domain))
    return job, observation_of(session.plugins, item.domain, seen, enlarger), plan


class _Map:
    """One map of an item."""

    def __init__(self, session: Session, item: Item, source: Source, plan: OutputPlan) -> None:
        self._session, self._item, self._source, self._plan = session, item, source, plan

    def write(self, target: Path, manner: Manner, pieces: Callable[[int], Iterator[Piece]]) -> None:
        """Write the pieces, which ascend along the axis that is asked for, to `target`, or leave no trace."""
        session, item, plan = self._session, self._item, self._plan
        checksums = []
        with Staging(target, manner.inputs, overwrite=manner.overwrite) as staging:
            sink = create_sink(session.plugins, item.domain, staging.path, self._source, plan)
            try:
                with sink:
                    for slab in assemble(pieces(sink.slab.axis), plan, sink.slab):
                        checksums.append(checksum(slab.stored, plan.encoding, sink.slab.axis))
                        sink.write(slab.window, slab.frame, slab.stored, slab.valid)
            except OSError as error:
                raise output_error(error, target) from error
            written = Written(sink.slab, checksums, sink.lossless)
            verify(session, item, self._source, staged=staging.path, plan=plan, written=written)
            staging.publish(getattr(sink, "side_files", ()))
