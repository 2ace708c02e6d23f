"""Makes the maps that lie beside an output, each an output of its own: planned, written, verified, published.

Maps are float32, one file each. What derives from a source of another kind of format is mapped in the format that the
source names (`srkit.image.MappableSource`), on the axes of that format.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from srkit.errors import UsageError
from srkit.image import MappableSource, OutputPlan, Sink, Source
from srkit.plugins import create_sink
from srkit.upscaling.enlarging.engine import Job, with_room
from srkit.upscaling.enlarging.holding import held_by_output
from srkit.upscaling.enlarging.slabs import assemble
from srkit.upscaling.enlarging.stream import Piece, Stage
from srkit.upscaling.fidelity.agreement import AGREEMENT_CODE
from srkit.upscaling.fidelity.contrast import least_departure
from srkit.upscaling.fidelity.maps import KINDS, Departure, Residual, ensemble, held_by_spread, map_plan, spread, staged
from srkit.upscaling.fidelity.measurement import spreads
from srkit.upscaling.making.forecast import Forecast, memory_of, tile_samples
from srkit.upscaling.making.manner import Keeping, Manner
from srkit.upscaling.making.naming import check_target
from srkit.upscaling.making.order import Order
from srkit.upscaling.making.preparation import Compared, prepared
from srkit.upscaling.making.production import Product
from srkit.upscaling.making.room import needed_bytes, raw_bytes
from srkit.upscaling.making.staging import Guard, Staging, hidden_path
from srkit.upscaling.making.verification import Written, checksum, reopened, verify
from srkit.upscaling.planning.region import Region
from srkit.upscaling.routing.memory import Beside

SMALLEST = 1e-30  # a departure in an image without any contrast is as good as infinite
WORKING_BYTES = 8  # of a sample in the working type, at most


@dataclass(frozen=True, eq=False, slots=True)
class Chart:
    """One map in the making: what it shows, and where."""

    kind: str
    target: Path
    plan: OutputPlan


@dataclass(frozen=True, eq=False, slots=True)
class Charting:
    """The maps of one output.

    Parameters
    ----------
    order
        The output's, on the source that the maps are written after.
    part
        What of that source the maps are of.
    job
        The network's, for all members of its ensemble.
    """

    order: Order
    part: Source
    job: Job
    compared: Compared
    charts: tuple[Chart, ...]

    def missing(self) -> Self:
        """Return those maps alone that are not there."""
        return replace(self, charts=tuple(chart for chart in self.charts if not chart.target.exists()))

    def check(self) -> int:
        """Return the bytes that the maps may take. Raises UsageError or OutputError where they cannot be made."""
        disk = self.order.manner.disk
        for chart in self.charts:
            check_target(chart.target, self.order.item, disk.inputs, overwrite=disk.overwrite)
        return sum(needed_bytes(self._nowhere(chart), chart.plan, spooled=False) for chart in self.charts)

    def beside(self) -> Beside:
        """Return what memory holds beside the tiles of the spread, the map that takes most."""
        chart = self.charts[-1]
        return held_by_spread(self.job) + held_by_output(self.part, chart.plan, self._nowhere(chart))

    def foreseen(self, forecast: Forecast) -> Forecast:
        """Return the forecast of the output along with that of its maps."""
        chart = self.charts[-1]
        sink, members = self._nowhere(chart), len(ensemble(self.job))
        results = members * tile_samples(self.job) * math.prod(self.job.fitted.factors) * len(chart.plan.channels)
        memory = memory_of(self.job, chart.plan, sink) + results * WORKING_BYTES
        return replace(
            forecast,
            seconds=(1 + members) * forecast.seconds,
            memory_bytes=max(forecast.memory_bytes, memory),
            maps_bytes=sum(raw_bytes(chart.plan) for chart in self.charts),
        )

    def produce(self) -> Product:
        """Write the maps. Raises OutputError where one cannot be written; the output itself is there already."""
        output = reopened(self.order.session, self.order.item, self.order.target)
        try:
            stages = self._stages()
            seen, told = _as_map(output, "")[0], self.order.manner.step

            def pieces(kind: str, axis: int) -> Iterator[Piece]:
                return staged(seen, stages[kind], axis) if kind in stages else spread(self.job, axis, told)

            for chart in reversed(self.charts):  # the spread first: memory may run out on it, and all begins again
                self._write(chart, lambda axis, kind=chart.kind: pieces(kind, axis))  # type: ignore[misc]  # a default
        finally:
            output.close()
        return Product((), self.job.route, maps=tuple(chart.target for chart in self.charts))

    def _stages(self) -> dict[str, Stage]:
        """Return what makes the maps of a finished output."""
        source, observation, images = self.compared.source, self.compared.observation, self.compared.images
        found = spreads(source, images)
        least = [least_departure(spread, source.encoding) or SMALLEST for spread in found]
        return {
            "residual": Residual(source, observation, images),
            "departure": Departure(source, observation, images, least),
        }

    def _nowhere(self, chart: Chart) -> Sink:
        """Return a sink that nothing is written with, to be asked."""
        nowhere = hidden_path(chart.target, "nowhere") / chart.target.name
        return create_sink(self.order.session.plugins, self.order.item.domain, nowhere, self.part, chart.plan)

    def _write(self, chart: Chart, pieces: Callable[[int], Iterator[Piece]]) -> None:
        """Write the pieces, which ascend along the axis that is asked for, or leave no trace."""
        session, item, disk, plan = self.order.session, self.order.item, self.order.manner.disk, chart.plan
        checksums = []
        with Staging(chart.target, disk.inputs, overwrite=disk.overwrite) as staging:
            sink = create_sink(session.plugins, item.domain, staging.path, self.part, plan)
            with Guard(chart.target), sink:
                for slab in assemble(pieces(sink.slab.axis), plan, sink.slab):
                    checksums.append(checksum(slab.stored, plan.encoding, sink.slab.axis))
                    sink.write(slab.window, slab.frame, slab.stored, slab.valid)
            written = Written(sink.slab, checksums, sink.lossless)
            verify(self.order, self.part, staged=staging.path, plan=plan, written=written)
            staging.publish(getattr(sink, "side_files", ()))


def map_targets(order: Order) -> tuple[Path, ...]:
    """Return where the maps of an order's output lie: ``scan_x2_residual.nii.gz`` beside ``scan_x2.nii.gz``."""
    suffix = _as_map(order.source, order.item.suffix)[1]
    stem = order.target.name.removesuffix(order.item.suffix)
    return tuple(order.target.with_name(f"{stem}_{kind}{suffix}") for kind in KINDS)


def charting_of(order: Order) -> Charting:
    """Return the maps of an order's output, planned.

    Raises UsageError where its output cannot be compared with its input, and as `prepared` does.
    """
    source, suffix = _as_map(order.source, order.item.suffix)
    if not suffix:
        raise UsageError(f"{order.item.path}: maps lie beside an output of one file; choose a format that is one")
    ready = prepared(replace(order, source=source, manner=_manner(order)))
    if ready.compared is None:
        told = [finding.text for finding in ready.findings if finding.code == AGREEMENT_CODE]
        reason = told[0] if told else "it has no image channel to map"
        raise UsageError(f"{order.item.path}: {reason}; leave --maps out")
    plans = (map_plan(ready.plan, kind, ready.compared.images) for kind in KINDS)
    charts = tuple(Chart(*chart) for chart in zip(KINDS, map_targets(order), plans, strict=True))
    charting = Charting(order, ready.part, replace(ready.job, stages=()), ready.compared, charts)
    return replace(charting, job=with_room(charting.job, order.enlarger, _manner(order).wishes, charting.beside()))


def _as_map(source: Source, suffix: str) -> tuple[Source, str]:
    """Return the source that maps are written after, and the suffix of their files."""
    return source.for_maps() if isinstance(source, MappableSource) else (source, suffix)


def _manner(order: Order) -> Manner:
    """Return how the job of the spread is made: mirrored networks run layer by layer, as trained."""
    manner, region = order.manner, order.manner.region
    if region is not None:
        region = Region.of_window(region.window_on(order.source), order.source.roles)
    wishes = replace(manner.wishes, backend="plain")
    return replace(manner, keeping=Keeping(), wishes=wishes, region=region, step=None)
