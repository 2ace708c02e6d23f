"""Files that go with a volume: the BIDS description and the diffusion tables."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from srkit.image import OutputPlan
from srkit_medical.nifti.description import read_description, sidecar_of
from srkit_medical.nifti.rewrite import scaled_through_slices
from srkit_medical.nifti.source import NiftiSource

TABLES = (".bval", ".bvec", ".bvals", ".bvecs")
FALSE_THROUGH_SLICES = ("SliceTiming", "SliceThickness", "SpacingBetweenSlices", "dcmmeta_affine", "dcmmeta_shape")
FALSE_IN_PLANE = ("ReconMatrixPE", "EffectiveEchoSpacing", "DwellTime", "dcmmeta_affine", "dcmmeta_shape")
"""Keys that speak of rows, columns or slices that are no more (dcm2niix and BIDS names)."""


def write_sidecars(source: NiftiSource, target: Path, plan: OutputPlan) -> None:
    """Write the side files of `target`: the description with what became false removed, the tables as they are."""
    volume = source.header.path
    description = read_description(volume)
    if description:
        text = json.dumps(new_description(description, source, plan), indent=2, ensure_ascii=False)
        sidecar_of(target, ".json").write_text(text + "\n", encoding="utf-8")
    for suffix in TABLES:
        if sidecar_of(volume, suffix).is_file():
            shutil.copyfile(sidecar_of(volume, suffix), sidecar_of(target, suffix))


def new_description(old: Mapping[str, Any], source: NiftiSource, plan: OutputPlan) -> dict[str, Any]:
    """Return the description of an output: true statements of `old`, and how the output came about."""
    through = scaled_through_slices(source, plan)
    rows_changed = any(
        plan.grid.shape[source.roles[role]] != source.grid.shape[source.roles[role]] for role in ("row", "column")
    )
    false = {*(FALSE_THROUGH_SLICES if through else ()), *(FALSE_IN_PLANE if rows_changed else ())}
    new = {key: value for key, value in old.items() if key not in false}
    if isinstance(old.get("ImageType"), list) and old["ImageType"][:1] == ["ORIGINAL"]:
        new["ImageType"] = ["DERIVED", *old["ImageType"][1:]]
    origin = plan.provenance
    new["SRKit"] = {
        "Version": origin.version,
        "Model": origin.model,
        "ModelSHA256": origin.model_sha256,
        "Scale": origin.scale,
        "Perceptual": origin.perceptual,
        "SourceSpacing": list(source.grid.spacing),
        "SourceSliceThickness": old.get("SliceThickness"),
        "Normalizer": dict(origin.normalizer),
        "Strength": origin.strength,
        "Consistency": dict(origin.consistency),
    }
    return new
