"""Which slice of an output comes from where: its plane, its sources, its number. Arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

from srkit.image import OutputPlan
from srkit_medical.dicom.geometry import Plane
from srkit_medical.dicom.grouping import Series
from srkit_medical.dicom.instance import Instance


@dataclass(frozen=True, slots=True)
class DerivedSlice:
    """One slice of an output series.

    Parameters
    ----------
    index
        Running index over all frames, in ascending position within a frame.
    number, in_stack
        From 1 in the source's direction: over all frames, and within its own.
    nearest
        The instance whose attributes the slice inherits.
    sources
        The instances that bracket it, or that it lies over; exactly one where slices are not scaled. Those that were
        missing are stood for by their neighbours.
    location
        SliceLocation, None where it cannot be told.
    """

    index: int
    number: int
    in_stack: int
    plane: Plane
    nearest: Instance
    sources: tuple[Instance, ...]
    location: float | None
    spacing_mm: float | None
    thickness_mm: float | None

    @property
    def file_name(self) -> str:
        """Name of its file: a running number, nothing else."""
        return f"{self.number:04d}.dcm"

    @property
    def named_sources(self) -> list[Instance]:
        """The sources to which a reference can be made, one of each file."""
        return list({source.uid: source for source in self.sources if source.has_identity}.values())


def derived_slice(series: Series, plan: OutputPlan, frame: int, index: int) -> DerivedSlice:
    """Return slice `index` (ascending position) of `frame` of the output that `plan` describes.

    `spacing_mm` is None where slices are uneven or single, `thickness_mm` where the source's stays true.
    """
    count, rows, columns = plan.grid.shape
    stack, sources = series.stack, series.frames[frame]
    old = len(sources)
    place = round(stack.place(index, count), 9) if count != old else float(index)
    around = max(0.0, (old / count - 1) / 2)  # a slice thicker than the source's lies over several of them
    low, high = (min(max(k, 0), old - 1) for k in (floor(place - around), ceil(place + around)))
    nearest = sources[min(max(round(place), 0), old - 1)]
    own_plane = stack.plane(index, count) if count != old else nearest.plane
    even = stack.even and old > 1
    location = series.slice_location(place) if count != old else nearest.location
    in_stack = count - index if series.is_descending else index + 1
    return DerivedSlice(
        index=frame * count + index,
        number=frame * count + in_stack,
        in_stack=in_stack,
        plane=own_plane.resampled(nearest.shape, (rows, columns)),
        nearest=nearest,
        sources=tuple(dict.fromkeys(real for source in sources[low : high + 1] for real in source.origins)),
        location=location,
        spacing_mm=stack.step_mm * old / count if even else None,
        thickness_mm=stack.step_mm * old / count if count != old else None,
    )


def derived_slices(series: Series, plan: OutputPlan) -> list[DerivedSlice]:
    """Return every slice of the output, frames outermost."""
    return [derived_slice(series, plan, t, k) for t in range(plan.frames) for k in range(plan.grid.shape[0])]


def keeps_private(plan: OutputPlan, derived: DerivedSlice) -> bool:
    """Tell whether private attributes go into the output: on request, except from a mosaic, whose layout they tell."""
    return bool(plan.options.get("keep_private")) and derived.nearest.tile is None
