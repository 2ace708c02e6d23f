"""Reads a NIfTI or MGH volume by windows: memory-mapped, never whole as floats."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from srkit.domain import Item, Options
from srkit.errors import InputError
from srkit.grid import Grid, Role, Slab, Window
from srkit.image import Block, Channel, Encoding
from srkit_medical.nifti.compression import is_gzip, unpacked_copy
from srkit_medical.nifti.geometry import Forms, forms_of, forms_of_part, grid_of, is_sheared, roles_of
from srkit_medical.nifti.header import VolumeHeader, mgh_footer_size, read_header, with_footer
from srkit_medical.nifti.labels import is_label_map
from srkit_medical.nifti.quantities import quantity_of
from srkit_medical.nifti.rules import AGREEMENT_RULES, MGH, NIFTI

SLAB_SAMPLES = 1 << 22


class NiftiSource:
    """One opened NIfTI or MGH file.

    The grid's axes are the file's own (i, j, k), its world is RAS in the file's unit of length (millimetres unless
    `xyzt_units` says otherwise). Infinite and NaN samples are invalid.

    Attributes
    ----------
    header, forms
        What the file says; the sink carries it over.
    quantity
        What a calibrated map shows (``T1``); empty for grey values.
    resliced
        Whether this is a part without some of the file's slices: what the file says of them is no longer true.
    rules, agreement_rules
        What the verification of an output checks, by number.
    """

    agreement_rules = AGREEMENT_RULES

    def __init__(self, header: VolumeHeader, forms: Forms, voxels: npt.NDArray[Any], *, label: bool) -> None:
        self.header, self.forms, self.is_label = header, forms, label
        self.quantity = quantity_of(header.path)
        self.rules: Mapping[str, str] = MGH if header.kind == "mgh" else NIFTI
        self.grid: Grid = grid_of(header, forms)
        self.channels: tuple[Channel, ...] = (
            Channel("labels" if label else "intensity", "category" if label else "image"),
        )
        self.encoding = Encoding(header.dtype.newbyteorder("="), header.slope, header.intercept)
        self.frames = header.frames
        self.roles: Mapping[Role, int] = roles_of(header, self.grid)
        self.fixed_axes: Mapping[int, str] = {}
        self.slab = slab_of(self.grid.shape)
        self.extent = Window.whole(self.grid.shape)
        self.resliced = False
        self._voxels: npt.NDArray[Any] | None = voxels

    def read(self, window: Window, frame: int = 0) -> Block:
        """Return the samples of `window`: ``(1, i, j, k)``."""
        if self._voxels is None:
            raise ValueError(f"{self.header.path} was closed before it was read")
        if not self.extent.contains(window) or not 0 <= frame < self.frames:
            raise ValueError(f"window {window} of frame {frame} lies outside of {self.grid.shape} x {self.frames}")
        index: tuple[Any, ...] = (*window.slices, frame)
        stored = np.ascontiguousarray(self._voxels[index], dtype=self.encoding.dtype)
        values = self.encoding.decode(stored[np.newaxis])
        valid = np.isfinite(values) if values.dtype.kind == "f" and stored.dtype.kind == "f" else None
        return Block(values, None if valid is None or valid.all() else valid)

    def part(self, window: Window) -> Self:
        """Return the voxels of `window` as a volume of their own, where they lie; the mapped file is shared."""
        if self._voxels is None:
            raise ValueError(f"{self.header.path} was closed before it was divided")
        part = copy(self)
        part.forms = forms_of_part(self.forms, self.grid.shape, window)
        part.header = replace(self.header, shape=(*window.shape, *self.header.shape[self.grid.ndim :]))
        part.grid = grid_of(part.header, part.forms)
        part.extent = Window.whole(window.shape)
        through = self.roles.get("slice")
        part.resliced = self.resliced or (through is not None and window.shape[through] != self.grid.shape[through])
        part._voxels = self._voxels[window.slices]
        return part

    def close(self) -> None:
        """Let go of the file, and of its unpacked copy."""
        self._voxels = None


def slab_of(shape: tuple[int, ...]) -> Slab:
    """Return slabs along the last axis, the slowest in the file, of some four million samples."""
    plane = int(np.prod(shape[:-1], dtype=np.int64))
    return Slab(len(shape) - 1, max(1, min(shape[-1], SLAB_SAMPLES // plane)))


def open_file(item: Item, options: Options) -> NiftiSource:
    """Open a volume.

    Raises InputError if the file is broken, cut short, or holds what is no grey-value image.
    """
    header = read_header(item.path, components=bool(options.get("per_component", False)))
    forms = forms_of(header, use=options.get("use", "auto"), assume_scanner=bool(options.get("assume_scanner", False)))
    header, voxels = _mapped(header)
    header = narrowed(header, voxels)
    label = is_label_map(header, voxels, asked=bool(options.get("label", False)))
    if options.get("deshear", False) and header.kind != "mgh" and len(header.spatial) == 3 and is_sheared(forms.affine):
        from srkit_medical.nifti.deshear import straightened

        through = roles_of(header, grid_of(header, forms))["slice"]
        header, forms, voxels = straightened(header, forms, voxels, through=through, label=label)
    return NiftiSource(header, forms, voxels, label=label)


def _mapped(header: VolumeHeader) -> tuple[VolumeHeader, npt.NDArray[Any]]:
    """Return the voxels, mapped, and the header with what follows the voxels (MGH keeps the scan's numbers there)."""
    shape, size = (*header.spatial, header.frames), header.offset + header.data_size
    tail = mgh_footer_size(header)
    with _unpacked(header.data_path, size, tail) as file:
        file.seek(size)
        header = with_footer(header, file.read(tail))
        return header, np.memmap(file, header.dtype, mode="r", offset=header.offset, shape=shape, order="F")


def narrowed(header: VolumeHeader, voxels: npt.NDArray[Any]) -> VolumeHeader:
    """Return the header of 64-bit integers as one of 32 bits. Raises InputError where the numbers do not fit."""
    if header.dtype.kind not in "iu" or header.dtype.itemsize < 8:
        return header
    limits = np.iinfo(np.int32)
    for plane in range(voxels.shape[-2]):
        part = voxels[..., plane, :]
        if part.min() < limits.min or part.max() > limits.max:
            raise InputError(f"{header.path}: holds 64-bit integers too large for 32; scale or cast it first")
    return replace(header, dtype=np.dtype(np.int32))


def _unpacked(path: Path, size: int, tail: int) -> IO[bytes]:
    return unpacked_copy(path, size, tail=tail) if is_gzip(path) else path.open("rb")
