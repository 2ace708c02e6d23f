"""Puts instances together to series: volumes on one grid, ordered by position and then by time.

Neither file names nor InstanceNumber nor SliceLocation say where a slice lies.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from srkit.domain import Skipped
from srkit.errors import SrkitError
from srkit_medical.dicom.geometry import MIN_SLICES, SAME_PLACE_MM, UNEVEN_MM, UNEVEN_SHARE, Stack, depths, stack_of
from srkit_medical.dicom.instance import ORDERS, Instance
from srkit_medical.dicom.pixels import read_stored
from srkit_medical.dicom.reading import UnfitError
from srkit_medical.dicom.rescale import is_varied
from srkit_medical.dicom.uids import content_of

_WHOLE_VOLUME_ORDERS = ("TemporalPositionIdentifier", "AcquisitionNumber", "DiffusionBValue", "EchoTime")


@dataclass(frozen=True, slots=True)
class Series:
    """Slices of one volume or of several on the same grid.

    Parameters
    ----------
    frames
        Per frame (time point) the instances in ascending position along the normal.
    stack
        Geometry of each frame.
    told_apart_by
        Keyword of the element that orders the frames; empty for one frame.
    """

    frames: tuple[tuple[Instance, ...], ...]
    stack: Stack
    told_apart_by: str = ""

    @property
    def first(self) -> Instance:
        """The lowest slice of the first frame, which stands for what all have in common."""
        return self.frames[0][0]

    @property
    def instances(self) -> tuple[Instance, ...]:
        """All instances, frame by frame."""
        return tuple(instance for frame in self.frames for instance in frame)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Its files, each once, that of the first slice first."""
        return tuple(dict.fromkeys(instance.path for instance in self.instances))

    def slice_location(self, place: float) -> float | None:
        """Return SliceLocation at a fractional slice index, None where the source's do not run evenly."""
        given = [instance.location for instance in self.frames[0]]
        known = [location for location in given if location is not None]
        if len(known) < max(2, len(given)):
            return None
        step = (known[-1] - known[0]) / (len(known) - 1)
        even = known[0] + step * np.arange(len(known))
        is_even = np.abs(even - known).max() <= max(UNEVEN_MM, UNEVEN_SHARE * abs(step))
        return known[0] + step * place if is_even else None

    @property
    def filled(self) -> int:
        """How many slices of each frame were missing, and are made of their neighbours."""
        return sum(instance.gap is not None for instance in self.frames[0])

    @property
    def is_rescaled_by_slice(self) -> bool:
        """Tell whether slices have slopes and intercepts of their own."""
        return is_varied(self.instances)

    @property
    def is_interpolated_between(self) -> bool:
        """Tell whether half as many slices were acquired as there are: scanners double them by zero-filling (ZIP2)."""
        first = self.first
        return first.domain == "mri" and first.images is not None and 2 * first.images == len(self.frames[0])

    @property
    def is_descending(self) -> bool:
        """Tell whether the source numbers its slices against their positions."""
        first, last = self.frames[0][0].number, self.frames[0][-1].number
        return first is not None and last is not None and first > last


def group(instances: Iterable[Instance]) -> tuple[list[Series], list[Skipped]]:
    """Return the series among `instances`, and what cannot be put into one."""
    found: list[Series] = []
    skipped: list[Skipped] = []
    for relatives in _by_series(instances):
        bundles = [part for kin in by_kin(relatives) for part in by_plane(kin)]
        volumes = max((len(bundle) for bundle in bundles), default=0)
        for bundle in bundles:
            if len(bundle) == 1 and len(bundles) > 1 and volumes >= MIN_SLICES and _is_turned(bundle, bundles):
                reason = "is turned against the other slices of its series (a localizer)"
                skipped.append(Skipped(bundle[0].path, reason, failed=False, copy=True))
                continue
            series, rest = _settled(bundle)
            found += series
            skipped += rest
    return found, skipped


def _is_turned(bundle: list[Instance], bundles: list[list[Instance]]) -> bool:
    normal = bundle[0].plane.normal
    return any(len(b) >= MIN_SLICES and abs(b[0].plane.normal @ normal) < 0.99 for b in bundles)


def _settled(bundle: list[Instance]) -> tuple[list[Series], list[Skipped]]:
    try:
        kept, copies = _without_copies(bundle)
        return _arranged(kept), copies
    except (UnfitError, SrkitError) as error:
        reason = error.reason if isinstance(error, UnfitError) else "its copies cannot be compared"
        first, *others = sorted({instance.path for instance in bundle})
        told = f"stands for a series of {len(others) + 1} files that is refused: {reason}"
        return [], [Skipped(first, told, others=tuple(others))]


def _by_series(instances: Iterable[Instance]) -> list[list[Instance]]:
    """Part by series; copies of a series in several folders are a series each."""
    groups: dict[Any, list[Instance]] = defaultdict(list)
    for instance in instances:
        where = "" if instance.series else str(instance.path.parent)
        groups[instance.study, instance.series, where].append(instance)
    return [part for members in groups.values() for part in _by_folder_of_copies(members)]


def _by_folder_of_copies(members: list[Instance]) -> list[list[Instance]]:
    homes: dict[str, set[str]] = defaultdict(set)
    for instance in members:
        homes[instance.uid].add(str(instance.path.parent))
    if all(len(folders) == 1 for uid, folders in homes.items() if uid):
        return [members]
    parts: dict[str, list[Instance]] = defaultdict(list)
    for instance in members:
        parts[str(instance.path.parent)].append(instance)
    return list(parts.values())


def by_kin(members: list[Instance]) -> list[list[Instance]]:
    """Part by what slices of one volume have in common."""
    parts: dict[Any, list[Instance]] = defaultdict(list)
    for instance in members:
        parts[instance.kin].append(instance)
    return list(parts.values())


def by_plane(members: list[Instance]) -> list[list[Instance]]:
    """Part by direction and spacing."""
    parts: list[list[Instance]] = []
    for instance in members:
        home = next((part for part in parts if part[0].plane.is_parallel(instance.plane)), None)
        if home is None:
            parts.append([instance])
        else:
            home.append(instance)
    return parts


def _without_copies(bundle: list[Instance]) -> tuple[list[Instance], list[Skipped]]:
    """Keep one of each SOPInstanceUID (of each tile), or, of files without one, of each content."""
    kept: dict[Any, Instance] = {}
    copies: list[Skipped] = []
    for instance in sorted(bundle, key=lambda i: i.path):
        twin = kept.setdefault((instance.uid or content_of(instance.path), instance.tile), instance)
        if twin is instance:
            continue
        if not np.array_equal(read_stored(twin), read_stored(instance)):
            raise UnfitError("two files claim the same SOPInstanceUID (0008,0018) with different pixels")
        if instance.tile is None or instance.tile.row == instance.tile.column == 0:
            copies.append(Skipped(instance.path, f"is a copy of {twin.path.name}, which is kept", failed=False))
    return list(kept.values()), copies


def _arranged(bundle: list[Instance]) -> list[Series]:
    """Return one series, or one per acquisition where only those have each position equally often."""
    try:
        return [arrange(bundle)]
    except UnfitError:
        index = ORDERS.index("AcquisitionNumber")
        parts: dict[Any, list[Instance]] = defaultdict(list)
        for instance in bundle:
            parts[instance.orders[index]].append(instance)
        if len(parts) == 1 or len(parts) == len(bundle):
            raise
        return [arrange(part) for part in parts.values()]


def arrange(bundle: Sequence[Instance]) -> Series:
    """Return the series that `bundle` is. Raises UnfitError where it is not one or several whole volumes."""
    _check_scales(bundle)
    places = _places(bundle)
    count = len(places[0])
    if any(len(place) != count for place in places):
        lonely = next(k for k, place in enumerate(places) if len(place) != count)
        raise UnfitError(
            f"slice position {lonely + 1} of {len(places)} is there {len(places[lonely])} times, the first {count}"
        )
    keyword = "" if count == 1 else _telling_order(places)
    index = ORDERS.index(keyword or "InstanceNumber")
    ordered = places if count == 1 else [sorted(place, key=lambda i: (i.orders[index], i.path)) for place in places]
    return series_of(tuple(tuple(place[t] for place in ordered) for t in range(count)), keyword)


def series_of(frames: tuple[tuple[Instance, ...], ...], keyword: str) -> Series:
    """Return the series of `frames`, each in ascending position, that `keyword` tells apart."""
    slab_mm = frames[0][0].spacing_mm or frames[0][0].thickness_mm
    stacks = [stack_of([instance.plane for instance in frame], slab_mm) for frame in frames]
    return Series(frames, _common(stacks), keyword)


def _check_scales(bundle: Sequence[Instance]) -> None:
    if len({instance.philips_scale for instance in bundle}) > 1:
        raise UnfitError(
            "its slices have scales of their own in Philips' private (2005,100E); convert it with dcm2niix"
        )
    if is_varied(bundle) and any(instance.padding is not None for instance in bundle):
        raise UnfitError("its slopes differ from slice to slice, and with them what its PixelPaddingValue means")


def _places(bundle: Sequence[Instance]) -> list[list[Instance]]:
    normal_depths = depths([instance.plane for instance in bundle])
    places: list[list[Instance]] = []
    previous = -np.inf
    for index in np.argsort(normal_depths, kind="stable"):
        instance = bundle[int(index)]
        if normal_depths[index] - previous > SAME_PLACE_MM:
            places.append([])
            previous = normal_depths[index]
        elif np.linalg.norm(places[-1][0].plane.position - instance.plane.position) > 2 * SAME_PLACE_MM:
            raise UnfitError("two of its slices lie in one plane side by side")
        places[-1].append(instance)
    return places


def _telling_order(places: Sequence[Sequence[Instance]]) -> str:
    for index, keyword in enumerate(ORDERS):
        values = [[instance.orders[index] for instance in place] for place in places]
        distinct = all(None not in row and len(set(row)) == len(row) for row in values)
        if distinct and (keyword not in _WHOLE_VOLUME_ORDERS or len({frozenset(row) for row in values}) == 1):
            return keyword
    raise UnfitError("slices lie at the same place, and nothing tells the volumes apart")


def _common(stacks: Sequence[Stack]) -> Stack:
    """Return the first stack, marked with any fault of the others."""
    fault = next((stack.unscalable for stack in stacks if stack.unscalable), "")
    return replace(stacks[0], unscalable=fault, even=all(stack.even for stack in stacks))
