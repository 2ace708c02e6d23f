"""Reads a staged volume back with nibabel and compares every statement of its header with what must be true.

It computes the geometry by its own route (corners of the physical box), not by the sink's formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from srkit.domain import Finding
from srkit.grid import FloatArray, Grid
from srkit.image import OutputPlan, Source
from srkit_medical.nifti.compression import BROKEN, is_gzip
from srkit_medical.nifti.description import read_description, sidecar_of
from srkit_medical.nifti.names import suffix_of
from srkit_medical.nifti.rewrite import (
    SLICE_TIMING,
    description,
    kept_extensions,
    own_fields,
    scaled_through_slices,
)
from srkit_medical.nifti.sidecars import FALSE_THROUGH_SLICES, TABLES
from srkit_medical.nifti.source import NiftiSource

TOLERANCE = 1e-4
"""Millimetres by which float32 forms may be off at the corners."""

KEPT = {
    "xyzt_units": "N6",
    "toffset": "N6",
    "dim_info": "N6",
    "intent_code": "N13",
    "intent_p1": "N13",
    "intent_p2": "N13",
    "intent_p3": "N13",
    "intent_name": "N13",
    "aux_file": "N13",
    "cal_min": "N13",
    "cal_max": "N13",
}


def verify_file(source: Source, staged: Path, plan: OutputPlan) -> list[Finding]:
    """Return a failure for each statement of a staged output that is not true."""
    if not isinstance(source, NiftiSource):
        return []
    try:
        image = _loaded(staged)
    except (*BROKEN, ImageFileError, HeaderDataError, ValueError) as error:
        return [Finding("failure", f"the output cannot be read back ({type(error).__name__})", "N19")]
    checks = [_shape(source, image, plan), _storage(image, plan), _packing(staged), _sidecars(source, staged, plan)]
    if source.header.kind == "mgh":
        checks += [_mgh_geometry(source, image, plan), _scan_numbers(source, image)]
    else:
        checks += [_format(source, staged, image, plan), _geometry(source, image, plan), _fields(source, image, plan)]
        checks += [_slice_timing(source, image, plan), _extensions(source, image, plan)]
    return [finding for check in checks for finding in check]


def _loaded(staged: Path) -> Any:
    if suffix_of(staged).lower() != ".mgh":
        return nibabel.load(staged)
    with staged.open("rb") as file:  # nibabel leaves a plain .mgh file open
        return nibabel.MGHImage.from_stream(file)


def _failure(text: str, code: str) -> Finding:
    return Finding("failure", text, code)


def _shape(source: NiftiSource, image: Any, plan: OutputPlan) -> Iterator[Finding]:
    expected = (*plan.grid.shape, *source.header.shape[plan.grid.ndim :])
    if tuple(int(n) for n in image.shape) != expected:
        yield _failure(f"the output has shape {image.shape} instead of {expected}", "G9")


def _storage(image: Any, plan: OutputPlan) -> Iterator[Finding]:
    dtype = image.get_data_dtype().newbyteorder("=")
    if dtype != plan.encoding.dtype:
        yield _failure(f"the output stores {dtype} instead of {plan.encoding.dtype}", "N8")
    slope, intercept = getattr(image.dataobj, "slope", 1.0), getattr(image.dataobj, "inter", 0.0)
    if not np.allclose((slope, intercept), (plan.encoding.slope, plan.encoding.intercept), rtol=1e-6, atol=0):
        yield _failure("the output has another slope or intercept than its values were stored with", "N7")


def _packing(staged: Path) -> Iterator[Finding]:
    packed = suffix_of(staged).lower() in (".nii.gz", ".mgz")
    if packed != is_gzip(staged):
        yield _failure("the output is packed where its name says that it is not, or the other way round", "N14")
    elif packed and _first_bytes(staged)[3:8] != bytes(5):  # no flags, hence no name; no date
        yield _failure("the output's gzip header holds a name or a date", "N18")


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(10)


def _format(source: NiftiSource, staged: Path, image: Any, plan: OutputPlan) -> Iterator[Finding]:
    second = source.header.kind == "nifti2" or max(image.shape) > 32767
    if isinstance(image.header, nibabel.Nifti2Header) != second:
        yield _failure("the output has changed between NIfTI-1 and NIfTI-2", "N14")
    if isinstance(image.header, nibabel.Nifti1Header) and isinstance(image, nibabel.Nifti1Pair):
        single = bytes(image.header["magic"].tobytes())[1:2] == b"+"
        if single == (suffix_of(staged).lower() == ".hdr"):
            yield _failure("the output's magic does not say how many files it has", "N14")


def _geometry(source: NiftiSource, image: Any, plan: OutputPlan) -> Iterator[Finding]:
    header, forms = image.header, source.forms
    codes = int(header["sform_code"]), int(header["qform_code"])
    if codes != (forms.sform_code, forms.qform_code):
        yield _failure(f"the output has form codes {codes}, not {(forms.sform_code, forms.qform_code)}", "N1")
    shape = np.array([*plan.grid.shape, *[1] * (3 - plan.grid.ndim)])
    old_shape = np.array([*source.grid.shape, *[1] * (3 - source.grid.ndim)])
    named = {"sform": (forms.sform, header.get_sform), "qform": (forms.qform, header.get_qform)}
    for name, (form, read) in named.items():
        if form is not None and _off(form, old_shape, _read(read), shape) > _tolerance(form, old_shape):
            yield _failure(f"the output's {name} does not cover the same box as the source's", "N1")
    zooms = np.asarray(header["pixdim"][1 : plan.grid.ndim + 1], dtype=np.float64)
    expected = _zooms(source, plan)
    if not np.allclose(zooms, expected, rtol=1e-5, atol=0):
        yield _failure(f"the output says voxel sizes {zooms.tolist()} instead of {expected.tolist()}", "N4")


def _read(form: Callable[[], FloatArray]) -> FloatArray:
    """Return what a header's form says, NaN if that is no affine."""
    try:
        return np.asarray(form(), dtype=np.float64)
    except (HeaderDataError, ValueError):
        return np.full((4, 4), np.nan)


def _zooms(source: NiftiSource, plan: OutputPlan) -> FloatArray:
    """Return the voxel sizes that belong into pixdim: the qform's, else those of the form that counts."""
    ratio = np.array(source.grid.shape) / np.array(plan.grid.shape)
    form = source.forms.affine if source.forms.qform is None else source.forms.qform
    return np.asarray(np.linalg.norm(form[:3, : plan.grid.ndim], axis=0) * ratio, dtype=np.float64)


def _off(old: FloatArray, old_shape: Any, new: FloatArray, shape: Any) -> float:
    """Return how far apart the outer corners of two grids lie; infinite where one is not finite."""
    if not np.isfinite(new).all():
        return float("inf")
    corners = [Grid(tuple(n), a).corners() for n, a in ((old_shape, old), (shape, new))]
    return float(np.abs(corners[0] - corners[1]).max())


def _tolerance(form: FloatArray, shape: Any) -> float:
    """Return 1e-4, or what float32 can say where the numbers are large (micrometres)."""
    largest = np.abs(Grid(tuple(shape), form).corners()).max()
    return max(TOLERANCE, float(largest) * 4 * float(np.finfo(np.float32).eps))


def _fields(source: NiftiSource, image: Any, plan: OutputPlan) -> Iterator[Finding]:
    old, new, own = source.header.fields, image.header, own_fields(plan)
    for name, code in KEPT.items():
        if not np.array_equal(own.get(name, old[name]), new[name]):
            yield _failure(f"the output has lost or changed {name}", code)
    rest = slice(plan.grid.ndim + 1, None)
    if not np.array_equal(old["pixdim"][rest], new["pixdim"][rest], equal_nan=True):
        yield _failure("the output has lost or changed its time step (pixdim[4] and beyond)", "N6")
    said, expected = new["descrip"].item(), description(plan).encode("ascii", "replace")
    if said != expected if plan.provenance.is_known else not said.startswith(b"srkit "):
        yield _failure("the output does not say in descrip where it comes from", "N13")


def _slice_timing(source: NiftiSource, image: Any, plan: OutputPlan) -> Iterator[Finding]:
    stale = scaled_through_slices(source, plan)
    for name in SLICE_TIMING:
        expected = 0 if stale else source.header.fields[name]
        if image.header[name] != expected:
            yield _failure(f"the output's {name} is not true of its slices", "N6")


def _extensions(source: NiftiSource, image: Any, plan: OutputPlan) -> Iterator[Finding]:
    kept = kept_extensions(source, keep_private=bool(plan.options.get("keep_extensions", False)))
    if [e.get_code() for e in image.header.extensions] != [e.code for e in kept]:
        yield _failure("the output has other header extensions than it should have", "N13")


def _mgh_geometry(source: NiftiSource, image: Any, plan: OutputPlan) -> Iterator[Finding]:
    off = _off(source.forms.affine, source.grid.shape, image.affine, plan.grid.shape)
    if off > _tolerance(source.forms.affine, source.grid.shape):
        yield _failure("the output does not cover the same box as the source", "N17")


def _scan_numbers(source: NiftiSource, image: Any) -> Iterator[Finding]:
    for name in ("tr", "flip_angle", "te", "ti", "fov"):
        if image.header[name] != source.header.fields[name]:
            yield _failure(f"the output has lost or changed {name}", "N17")


def _sidecars(source: NiftiSource, staged: Path, plan: OutputPlan) -> Iterator[Finding]:
    volume = source.header.path
    old, new = read_description(volume), read_description(staged)
    if old and "SRKit" not in new:
        yield _failure("the description beside the output does not say where it comes from", "N20")
    if scaled_through_slices(source, plan) and any(key in new for key in FALSE_THROUGH_SLICES):
        yield _failure("the description beside the output speaks of slices that are no more", "N20")
    for suffix in TABLES:
        table = sidecar_of(volume, suffix)
        copy = sidecar_of(staged, suffix)
        if table.is_file() and not (copy.is_file() and copy.read_bytes() == table.read_bytes()):
            yield _failure(f"the {suffix} table is not beside the output", "N15")
