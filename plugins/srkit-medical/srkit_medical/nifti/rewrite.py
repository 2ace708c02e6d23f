"""Rewrites a NIfTI header for an output: what is still true stays, what moved is computed, what became false goes."""

from __future__ import annotations

import struct
from typing import Any

import nibabel
import numpy as np

from srkit.grid import FloatArray, index_map
from srkit.image import OutputPlan
from srkit_medical.nifti.geometry import is_sheared, spacing
from srkit_medical.nifti.header import Extension
from srkit_medical.nifti.source import NiftiSource

LONGEST_AXIS = 32767
PRIVATE_EXTENSIONS = {2: "DICOM header", 6: "comment"}
SLICE_TIMING = ("slice_code", "slice_start", "slice_end", "slice_duration")
OWN_FIELDS = ("sizeof_hdr", "magic", "dim", "eol_check")
"""Fields that NIfTI-1 and NIfTI-2 do not share."""


def output_header(source: NiftiSource, plan: OutputPlan, *, single: bool) -> tuple[Any, tuple[Extension, ...]]:
    """Return nibabel's header object of an output, little endian and complete, and the extensions that stay.

    `single` says whether header and voxels share a file.
    """
    shape = (*plan.grid.shape, *source.header.shape[len(plan.grid.shape) :])
    fields = _editable(source, shape, single=single)
    _set_storage(fields, source, plan)
    _set_geometry(fields, source, plan)
    if scaled_through_slices(source, plan):
        for name in SLICE_TIMING:
            fields[name] = 0
    fields["descrip"] = description(plan).encode("ascii", "replace")
    for name, value in own_fields(plan).items():
        fields[name] = value
    extensions = kept_extensions(source, keep_private=bool(plan.options.get("keep_extensions", False)))
    fields["vox_offset"] = data_offset(fields, extensions) if single else 0
    return fields, extensions


def own_fields(plan: OutputPlan) -> dict[str, Any]:
    """Return what a map says in place of its source: neither what its values were, nor how to show them."""
    if plan.map_kind is None:
        return {}
    numbers = ("intent_code", "intent_p1", "intent_p2", "intent_p3", "cal_min", "cal_max")
    return {**dict.fromkeys(numbers, 0), "intent_name": plan.map_kind.encode("ascii")}


def description(plan: OutputPlan) -> str:
    """Return what goes into `descrip`: at most 79 characters."""
    origin = plan.provenance
    how = "SR" if origin.model_sha256 else "interpolated"
    how = how if plan.map_kind is None else f"{plan.map_kind} of {how}"
    mark = " AI" if origin.model_sha256 else ""
    mixed = "" if origin.strength == 1 else f" strength {origin.strength:g}"
    agreeing = " consistent" if origin.consistency else ""
    return f"srkit {origin.version} {how} x{origin.scale}{mark}{mixed}{agreeing} {origin.model}"[:79]


def kept_extensions(source: NiftiSource, *, keep_private: bool) -> tuple[Extension, ...]:
    """Return the extensions that go into the output: DICOM headers and comments stay out unless asked for."""
    found = source.header.extensions
    return found if keep_private else tuple(e for e in found if e.code not in PRIVATE_EXTENSIONS)


def scaled_through_slices(source: NiftiSource, plan: OutputPlan) -> bool:
    """Tell whether the output has other slices than the file."""
    axis = source.roles.get("slice")
    return source.resliced or (axis is not None and plan.grid.shape[axis] != source.grid.shape[axis])


def step_matrix(source: NiftiSource, plan: OutputPlan) -> FloatArray:
    """Return the ``(4, 4)`` matrix from output indices to source indices, also for images of two axes."""
    step = np.eye(4)
    small = index_map(plan.grid, source.grid)
    axes = [*range(plan.grid.ndim), 3]
    step[np.ix_(axes, axes)] = small
    return step


def header_bytes(fields: Any, extensions: tuple[Extension, ...], *, single: bool) -> bytes:
    """Return everything in front of the voxels."""
    body = b"".join(_packed(extension) for extension in extensions)
    mark = bytes([1 if extensions else 0, 0, 0, 0])
    start = bytes(fields.binaryblock) + mark + body
    return start.ljust(int(fields["vox_offset"]), b"\0") if single else start


def data_offset(fields: Any, extensions: tuple[Extension, ...]) -> int:
    """Return where the voxels of a single file start, a multiple of 16."""
    size = len(fields.binaryblock) + 4 + sum(len(_packed(extension)) for extension in extensions)
    return -(-size // 16) * 16


def _packed(extension: Extension) -> bytes:
    size = -(-(len(extension.payload) + 8) // 16) * 16
    return struct.pack("<2i", size, extension.code) + extension.payload.ljust(size - 8, b"\0")


def _editable(source: NiftiSource, shape: tuple[int, ...], *, single: bool) -> Any:
    old = source.header.fields
    is_second = source.header.kind == "nifti2" or max(shape) > LONGEST_AXIS
    klass = nibabel.Nifti2Header if is_second else nibabel.Nifti1Header
    fields = klass(endianness="<", check=False)
    for name in fields:
        if name in old and name not in OWN_FIELDS:  # NIfTI-2 has no glmax and such
            fields[name] = old[name]
    number = b"2" if is_second else b"1"
    fields["magic"] = b"n" + (b"+" if single else b"i") + number if single else b"ni" + number
    fields["dim"] = [len(shape), *shape, *[1] * (7 - len(shape))]
    for name in ("glmax", "glmin"):  # extrema of the voxels that were
        if name in fields:
            fields[name] = 0
    return fields


def _set_storage(fields: Any, source: NiftiSource, plan: OutputPlan) -> None:
    fields.set_data_dtype(plan.encoding.dtype)
    unscaled = plan.encoding.slope == 1.0 and plan.encoding.intercept == 0.0
    if not (unscaled and source.header.slope == 1.0 and source.header.intercept == 0.0):
        fields["scl_slope"], fields["scl_inter"] = plan.encoding.slope, plan.encoding.intercept


def _set_geometry(fields: Any, source: NiftiSource, plan: OutputPlan) -> None:
    forms, step = source.forms, step_matrix(source, plan)
    fields["qform_code"], fields["sform_code"] = forms.qform_code, forms.sform_code
    ndim = plan.grid.ndim
    fields["pixdim"][1 : ndim + 1] = fields["pixdim"][1 : ndim + 1].astype(np.float64) * np.diag(step)[:ndim]
    if forms.used == "pixdim":
        return
    sform = forms.affine @ step if forms.sform is None else forms.sform @ step
    fields.set_sform(sform, forms.sform_code)
    if forms.qform is not None:
        _set_qform(fields, forms.qform @ step, source)
    elif not is_sheared(sform):
        fields.set_qform(sform, 0)
    else:
        fields["pixdim"][1 : ndim + 1] = spacing(sform)[:ndim]


def _set_qform(fields: Any, qform: FloatArray, source: NiftiSource) -> None:
    """Move the qform's origin; its rotation stays as it was to the bit, its voxel sizes are in pixdim already."""
    if source.forms.qform_code and source.header.fields["qform_code"] > 0:
        fields["qoffset_x"], fields["qoffset_y"], fields["qoffset_z"] = qform[:3, 3]
    else:
        fields.set_qform(qform, source.forms.qform_code)
