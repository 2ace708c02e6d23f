"""Unique identifiers that follow from what they name: same input, model and options give the same UID.

They lie under 2.25 (UUID-derived), so no registration is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from srkit.image import OutputPlan
from srkit_medical.dicom.archive import opened

if TYPE_CHECKING:
    from srkit_medical.dicom.grouping import Series
    from srkit_medical.dicom.instance import Instance


def uid_of(*parts: str | bytes) -> str:
    """Return ``2.25.`` and the first 128 bits of the SHA-256 of `parts` as a number; at most 44 characters."""
    digest = sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return f"2.25.{int.from_bytes(digest.digest()[:16], 'big')}"


IMPLEMENTATION = uid_of("srkit", "implementation class")
CREATOR = uid_of("srkit", "instance creator")


def series_uid(series: Series, plan: OutputPlan) -> str:
    """Return the SeriesInstanceUID of an output: of its sources, the model and everything asked for."""
    made = plan.provenance
    asked = {
        "model": made.model,
        "sha256": made.model_sha256,
        "version": made.version,
        "scale": plan.scale,
        "shape": plan.grid.shape,
        "normalizer": made.normalizer,
        "strength": made.strength,
        "consistency": made.consistency,
        "options": plan.options,
    }
    text = json.dumps(asked, sort_keys=True, default=str)
    return uid_of("series", text, *_identities(series.instances))


def study_uid(series: Series) -> str:
    """Return the study's own UID; of sources that name none, one that all outputs of their series share.

    Archives refuse an object without it.
    """
    first = series.first
    if first.study:
        return first.study
    contents = [content_of(path) for path in series.paths]
    return uid_of("study", first.series, *([] if first.series else contents))


def instance_uid(series: str, index: int, pixels: bytes) -> str:
    """Return the SOPInstanceUID of slice `index` of an output series: other pixels, other UID."""
    return uid_of("instance", series, str(index), sha256(pixels).digest())


def _identities(instances: Iterable[Instance]) -> list[str | bytes]:
    return [part for instance in instances for part in (instance.uid or content_of(instance.path), _place(instance))]


def _place(instance: Instance) -> str:
    """Return which part of its file an instance is: two volumes of one file are two outputs."""
    return f"{instance.frame_index} {instance.tile}"


def content_of(path: Path) -> bytes:
    """Return a digest of a whole file, which stands in for a missing SOPInstanceUID."""
    with opened(path) as file:
        return sha256(file.read()).digest()
