"""Rewrites an MGH header for an output. The scan's own numbers (TR, TE, TI, flip angle) stay."""

from __future__ import annotations

from typing import Any

import numpy as np

from srkit.errors import OutputError
from srkit.image import OutputPlan
from srkit_medical.nifti.header import MGH_OFFSET
from srkit_medical.nifti.rewrite import step_matrix
from srkit_medical.nifti.source import NiftiSource

CODES = {"uint8": 0, "int32": 1, "float32": 3, "int16": 4, "uint16": 10}


def output_header(source: NiftiSource, plan: OutputPlan) -> Any:
    """Return nibabel's MGH header of an output. Raises OutputError if MGH has no such data type."""
    if plan.encoding.dtype.name not in CODES:
        raise OutputError(f"MGH files cannot hold {plan.encoding.dtype.name}; name a .nii.gz output")
    fields = source.header.fields.copy()
    affine = source.forms.affine @ step_matrix(source, plan)
    size = np.linalg.norm(affine[:3, :3], axis=0)
    fields["dims"] = [*plan.grid.shape, plan.frames]
    fields["type"] = CODES[plan.encoding.dtype.name]
    fields["delta"] = size
    fields["Mdc"] = (affine[:3, :3] / size).T
    fields["Pxyz_c"] = (affine @ [*(np.array(plan.grid.shape) / 2), 1])[:3]
    return fields


def header_bytes(fields: Any) -> bytes:
    """Return everything in front of the voxels."""
    return bytes(fields.binaryblock)[: fields._hdrdtype.itemsize].ljust(MGH_OFFSET, b"\0")


def footer_bytes(fields: Any) -> bytes:
    """Return what follows the voxels: the scan's numbers."""
    return bytes(fields.binaryblock)[fields._hdrdtype.itemsize :]
