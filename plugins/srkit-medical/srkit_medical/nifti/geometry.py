"""Where the voxels of a file lie: its two forms (sform, qform), and which of them counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from nibabel.spatialimages import HeaderDataError

from srkit.errors import InputError
from srkit.grid import FloatArray, Grid, Role, Window
from srkit_medical.nifti.header import VolumeHeader

Use = Literal["auto", "sform", "qform"]
ANISOTROPIC = 1.25
"""An axis this much coarser than both others is taken for the slice axis."""


@dataclass(frozen=True, eq=False, slots=True)
class Forms:
    """The statements of a header about the position of its voxels, and the one that is believed.

    Matrices are ``(4, 4)`` float64 from voxel centres to RAS in the file's own unit of length; None where the code is 0
    or the format has no such form.
    """

    affine: FloatArray
    used: Literal["sform", "qform", "pixdim", "mgh"]
    sform: FloatArray | None = None
    sform_code: int = 0
    qform: FloatArray | None = None
    qform_code: int = 0

    @property
    def differ(self) -> bool:
        """Whether both forms are there and disagree by more than 1 % of a voxel size or 0.1 mm at the origin."""
        if self.sform is None or self.qform is None:
            return False
        sizes = spacing(self.sform), spacing(self.qform)
        steps = np.abs(self.sform[:3, :3] - self.qform[:3, :3]).max() > 0.01 * min(sizes[0])
        return bool(steps or np.abs(self.sform[:3, 3] - self.qform[:3, 3]).max() > 0.1)


def forms_of_part(forms: Forms, shape: tuple[int, ...], window: Window) -> Forms:
    """Return the forms of the voxels in `window` of an image of `shape`; those of bare voxel sizes are centred."""
    if forms.used == "pixdim":
        centred = [(n - m) / 2 for n, m in zip(shape, window.shape, strict=True)]
        return replace(forms, affine=_shifted(forms.affine, centred))
    move = window.start
    return replace(
        forms,
        affine=_shifted(forms.affine, move),
        sform=None if forms.sform is None else _shifted(forms.sform, move),
        qform=None if forms.qform is None else _shifted(forms.qform, move),
    )


def _shifted(affine: FloatArray, voxels: Sequence[float]) -> FloatArray:
    result = affine.copy()
    result[:3, 3] += affine[:3, : len(voxels)] @ np.asarray(voxels, dtype=np.float64)
    return result


def spacing(affine: FloatArray) -> tuple[float, ...]:
    """Return the column norms of an affine."""
    return tuple(float(x) for x in np.linalg.norm(affine[:3, :3], axis=0))


def is_sheared(affine: FloatArray) -> bool:
    """Tell whether the axes of an affine leave the right angle by more than a thousandth."""
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(columns.T @ columns - np.eye(3)).max() > 1e-3)


def forms_of(header: VolumeHeader, *, use: Use = "auto", assume_scanner: bool = False) -> Forms:
    """Return the forms of a header: sform if its code is above 0, else qform, else voxel sizes alone.

    Raises InputError if the form that counts is not finite or singular, or if `use` names one that is not there.
    """
    if header.kind == "mgh":
        affine = np.asarray(header.fields.get_affine(), dtype=np.float64)
        _check(header, affine, "the geometry")
        return Forms(affine, "mgh")
    fields = header.fields
    sform_code, qform_code = int(fields["sform_code"]), int(fields["qform_code"])
    sform = np.asarray(fields.get_sform(), dtype=np.float64) if sform_code > 0 else None
    qform = _qform(header) if qform_code > 0 else None
    if sform is None and qform is None and qform_code > 0:
        raise InputError(f"{header.path}: its only form, the qform, is broken; repair the header")
    if sform is None and qform is None:
        return _without_forms(header, assume_scanner=assume_scanner)
    affine, used = _believed(header, use, sform, qform)
    _check(header, affine, used)
    return Forms(affine, used, sform, sform_code, qform, 0 if qform is None else qform_code)


def _without_forms(header: VolumeHeader, *, assume_scanner: bool) -> Forms:
    base = np.asarray(header.fields.get_base_affine(), dtype=np.float64)
    base = base if base.shape == (4, 4) else _embedded(base)
    return Forms(base, "sform", base, 1, base, 1) if assume_scanner else Forms(base, "pixdim")


def _embedded(affine: FloatArray) -> FloatArray:
    """Return the affine of two axes, or of three and time, as one of three."""
    result = np.eye(4)
    n = min(affine.shape[0] - 1, 3)
    result[:n, :n] = affine[:n, :n]
    result[:n, 3] = affine[:n, -1]
    return result


def _believed(
    header: VolumeHeader, use: Use, sform: FloatArray | None, qform: FloatArray | None
) -> tuple[FloatArray, Literal["sform", "qform"]]:
    if sform is not None and use != "qform":
        return sform, "sform"
    if qform is not None and use != "sform":
        return qform, "qform"
    raise InputError(f"{header.path}: has no valid {use}; leave the option `use` away")


def _qform(header: VolumeHeader) -> FloatArray | None:
    try:
        qform = np.asarray(header.fields.get_qform(), dtype=np.float64)
    except (ValueError, HeaderDataError):
        return None
    return qform if np.isfinite(qform).all() else None


def _check(header: VolumeHeader, affine: FloatArray, name: str) -> None:
    columns = affine[:3, : min(3, len(header.spatial))]
    if not np.isfinite(affine).all():
        raise InputError(f"{header.path}: {name} holds values that are no numbers; repair the header")
    norms = np.linalg.norm(columns, axis=0)
    if (norms == 0).any() or np.linalg.matrix_rank(columns / norms, tol=1e-4) < columns.shape[1]:
        raise InputError(f"{header.path}: {name} is singular: two axes point the same way; repair the header")


def grid_of(header: VolumeHeader, forms: Forms) -> Grid:
    """Return the grid of the spatial axes, in file order; world is RAS in the file's own unit of length."""
    ndim = len(header.spatial)
    affine = np.delete(forms.affine, 2, axis=1) if ndim == 2 else forms.affine
    return Grid(header.spatial, affine, "RAS")


def roles_of(header: VolumeHeader, grid: Grid) -> dict[Role, int]:
    """Return which axis is column, row and slice.

    The slice axis is the one that dim_info names, else the one that is clearly the coarsest, else the last.
    """
    if grid.ndim == 2:
        return {"column": 0, "row": 1}
    named = header.fields.get_dim_info()[2] if header.kind != "mgh" else None
    through = named if named is not None and named < 3 else _coarsest(grid.spacing)
    column, row = (axis for axis in range(3) if axis != through)
    return {"column": column, "row": row, "slice": through}


def _coarsest(sizes: tuple[float, ...]) -> int:
    axis = int(np.argmax(sizes))
    others = max(size for index, size in enumerate(sizes) if index != axis)
    return axis if sizes[axis] > ANISOTROPIC * others else 2
