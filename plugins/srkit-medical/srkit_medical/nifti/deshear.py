"""Resamples a volume with sheared axes (a tilted gantry) onto axes at right angles, where a user asks for it.

In-plane axes stay as far as they can: the slice axis turns to the normal. The new box encloses the old one; around
it lies the lowest value.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from srkit.grid import FloatArray, Grid
from srkit_medical.nifti.geometry import Forms
from srkit_medical.nifti.header import VolumeHeader

Voxels = npt.NDArray[Any]
CUBIC, LINEAR, NEAREST = 3, 1, 0


def straightened(
    header: VolumeHeader, forms: Forms, voxels: Voxels, *, through: int, label: bool
) -> tuple[VolumeHeader, Forms, Voxels]:
    """Return header, forms and voxels ``(i, j, k, frames)`` on axes at right angles; labels are repeated."""
    shape, affine = _enclosing(header.spatial, forms.affine, through)
    code = forms.sform_code or forms.qform_code
    fields = header.fields.copy()
    fields.set_data_shape((*shape, *header.shape[3:]))
    fields.set_sform(affine, code)
    fields.set_qform(affine, code)
    straight = Forms(affine, "sform", affine, code, affine, code)
    found = _resampled(voxels, np.linalg.inv(forms.affine) @ affine, shape, label=label)
    return replace(header, fields=fields, shape=(*shape, *header.shape[3:])), straight, found


def _enclosing(shape: tuple[int, ...], affine: FloatArray, through: int) -> tuple[tuple[int, ...], FloatArray]:
    """Return shape and affine of the smallest box at right angles, of the same spacing in plane, around a grid."""
    order = [axis for axis in range(3) if axis != through] + [through]
    directions, sizes = np.linalg.qr(affine[:3, order])
    linear = np.empty((3, 3))
    linear[:, order] = directions * np.diag(sizes)
    corners = Grid(shape, affine).corners() @ np.linalg.inv(linear).T
    low, high = corners.min(axis=0), corners.max(axis=0)
    count = tuple(int(n) for n in np.ceil(high - low - 1e-3))
    straight = np.eye(4)
    straight[:3, :3] = linear
    straight[:3, 3] = linear @ ((low + high - np.array(count)) / 2 + 0.5)
    return count, straight


def _resampled(voxels: Voxels, step: FloatArray, shape: tuple[int, ...], *, label: bool) -> Voxels:
    """Return the voxels at old indices ``step @ new index``, frame by frame, in a file that has no name."""
    with tempfile.TemporaryFile(prefix="srkit-") as file:
        found = np.memmap(file, voxels.dtype, "w+", shape=(*shape, voxels.shape[3]), order="F")
    for frame in range(voxels.shape[3]):
        values = np.asarray(voxels[..., frame], dtype=np.float64)
        order = NEAREST if label else CUBIC if np.isfinite(values).all() else LINEAR
        ground = 0.0 if label else float(np.nanmin(values))
        moved = ndimage.affine_transform(values, step[:3, :3], step[:3, 3], shape, order=order, cval=ground)
        if voxels.dtype.kind in "iu":
            limits = np.iinfo(voxels.dtype)
            moved = np.clip(np.rint(moved), limits.min, limits.max)
        found[..., frame] = moved
    return found
