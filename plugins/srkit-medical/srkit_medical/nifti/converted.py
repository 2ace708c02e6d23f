"""A DICOM series read as the NIfTI volume that it becomes: same voxels, same places, axes as dcm2niix orders them.

Columns run as in the DICOM picture, rows from its last to its first, slices along the normal; the world is RAS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Self

import nibabel
import numpy as np

from srkit.domain import Item, Options
from srkit.errors import InputError
from srkit.grid import FloatArray, Role, Window
from srkit.image import Block, Channel, Encoding
from srkit_medical.dicom.reading import Elements, UnfitError, quiet, read_attributes
from srkit_medical.dicom.source import DicomSource, open_series
from srkit_medical.nifti.geometry import Forms, is_sheared
from srkit_medical.nifti.header import VolumeHeader
from srkit_medical.nifti.names import AS_NIFTI
from srkit_medical.nifti.rules import CONVERTED
from srkit_medical.nifti.source import NiftiSource

_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SCANNER = 1


class ConvertedSource(NiftiSource):
    """A DICOM source with the header of a NIfTI file that does not exist; what it derives from is `dicom`."""

    agreement_rules = CONVERTED

    def __init__(self, dicom: DicomSource) -> None:
        self.dicom = dicom
        affine = affine_of(dicom)
        sheared = is_sheared(affine)
        header = _header_of(dicom, affine, sheared=sheared)
        # A qform holds no shear, not even that of rounded positions, and turns near 180 degrees only roughly.
        qform = None if sheared else np.asarray(header.fields.get_qform(), dtype=np.float64)
        forms = Forms(affine, "sform", affine, _SCANNER, qform, 0 if sheared else _SCANNER)
        super().__init__(header, forms, np.empty(0), label=False)
        self.quantity = dicom.quantity
        self.channels: tuple[Channel, ...] = dicom.channels
        self.roles: Mapping[Role, int] = {"column": 0, "row": 1, "slice": 2}
        self.fixed_axes: Mapping[int, str] = {2 - axis: reason for axis, reason in dicom.fixed_axes.items()}

    def read(self, window: Window, frame: int = 0) -> Block:
        """Return the values of `window`: ``(1, i, j, k)``, from the slices that it needs."""
        block = self.dicom.read(self._in_series(window), frame)
        turned = [
            None if array is None else np.ascontiguousarray(array[:, :, ::-1, :].transpose(0, 3, 2, 1))
            for array in (block.values, block.valid)
        ]
        assert turned[0] is not None
        return Block(turned[0], turned[1])

    def part(self, window: Window) -> Self:
        """Return the slices of `window` as a volume of their own. Raises UsageError where slices would be cut."""
        return type(self)(self.dicom.part(self._in_series(window)))

    def _in_series(self, window: Window) -> Window:
        rows = self.grid.shape[1]
        (i, j, k), (i_stop, j_stop, k_stop) = window.start, window.stop
        return Window((k, rows - j_stop, i), (k_stop, rows - j, i_stop))

    def close(self) -> None:
        """Forget the slices read last."""
        self.dicom.close()


def open_converted(item: Item, options: Options) -> ConvertedSource:
    """Open the series or the Enhanced object of `item` as a NIfTI volume.

    Raises InputError where NIfTI cannot say where the slices lie, and as `open_series` does.
    """
    enhanced = item.key.startswith(AS_NIFTI[1])
    key = item.key.removeprefix(AS_NIFTI[1 if enhanced else 0])
    source = open_series(replace(item, suffix=".dcm" if enhanced else "", key=key), options)
    if not source.series.stack.even:
        raise InputError(f"{item.path}: {source.series.stack.unscalable}; NIfTI cannot say that, keep it as DICOM")
    return ConvertedSource(source)


def affine_of(dicom: DicomSource) -> FloatArray:
    """Return the ``(4, 4)`` map from (column, row from the last one, slice) to RAS mm."""
    rows = dicom.grid.shape[1]
    turn = np.zeros((4, 4))
    turn[2, 0] = turn[0, 2] = turn[3, 3] = 1
    turn[1, 1], turn[1, 3] = -1, rows - 1
    return np.asarray(_TO_RAS @ dicom.grid.affine @ turn, dtype=np.float64)


def _header_of(dicom: DicomSource, affine: FloatArray, *, sheared: bool) -> VolumeHeader:
    slices, rows, columns = dicom.grid.shape
    shape = (columns, rows, slices, *((dicom.frames,) if dicom.frames > 1 else ()))
    encoding: Encoding = dicom.encoding
    slope, intercept = float(np.float32(encoding.slope)), float(np.float32(encoding.intercept))
    fields = nibabel.Nifti1Header(endianness="<")
    fields.set_data_dtype(encoding.dtype)
    fields.set_data_shape(shape)
    fields.set_xyzt_units("mm", "sec")
    fields.set_zooms((*np.linalg.norm(affine[:3, :3], axis=0), *([_time_step(dicom)] if dicom.frames > 1 else ())))
    fields.set_sform(affine, _SCANNER)
    if not sheared:
        fields.set_qform(affine, _SCANNER)
    fields.set_dim_info(slice=2)
    path = dicom.series.first.path
    return VolumeHeader(path, path, "nifti1", fields, shape, encoding.dtype, slope, intercept, 352)


def _time_step(dicom: DicomSource) -> float:
    """Return seconds from volume to volume, 0 where the frames are no times or the series does not say."""
    if dicom.series.told_apart_by in ("EchoTime", "DiffusionBValue"):
        return 0.0
    try:
        with quiet():
            return (Elements(read_attributes(dicom.series.first.path)).number("RepetitionTime") or 0.0) / 1000
    except UnfitError:
        return 0.0
