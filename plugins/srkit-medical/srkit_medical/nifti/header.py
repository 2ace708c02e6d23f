"""Reads the header of a NIfTI or MGH file, and refuses what cannot be treated, before any voxel is touched."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError

from srkit.errors import InputError
from srkit_medical.nifti.compression import BROKEN, check_claim, peek, unpacking
from srkit_medical.nifti.names import stem_of, suffix_of

Kind = Literal["nifti1", "nifti2", "mgh", "analyze"]
MGH_OFFSET = 284
GOOD_RAS = slice(28, 30)
MGH_TYPES = (0, 1, 3, 4, 10)
LONGEST_EXTENSION = 64 << 20
NOT_IMAGES = {
    1004: "matrices",
    1005: "symmetric matrices",
    1006: "displacement vectors",
    1007: "vectors",
    1008: "points",
    1009: "triangles",
    1010: "quaternions",
    2003: "colours",
    2004: "colours",
}
"""Intent codes of files whose numbers are no grey values."""
COMPONENTS = (1004, 1005, 1006, 1007)
"""Those whose components are numbers on a grid all the same."""


@dataclass(frozen=True, slots=True)
class Extension:
    """A NIfTI header extension: its code and its payload as it stands in the file."""

    code: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class VolumeHeader:
    """What a file says about its voxels.

    Parameters
    ----------
    path, data_path
        The file with the header and the one with the voxels; the same unless it is a pair.
    kind
        ``nifti1``, ``nifti2`` or ``mgh``.
    fields
        nibabel's header object; not to be changed.
    shape
        All axes: up to three spatial ones, then time, then components or trailing ones of length 1.
    dtype
        Stored type, with its byte order.
    slope, intercept
        1 and 0 where the file does not scale.
    offset
        First byte of the voxels in the (unpacked) data file.
    """

    path: Path
    data_path: Path
    kind: Kind
    fields: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    slope: float
    intercept: float
    offset: int
    extensions: tuple[Extension, ...] = ()

    @property
    def spatial(self) -> tuple[int, ...]:
        """Lengths of the two or three spatial axes."""
        return self.shape[:3]

    @property
    def frames(self) -> int:
        """Number of volumes."""
        return math.prod(self.shape[3:])

    @property
    def data_size(self) -> int:
        """Bytes of all voxels."""
        return math.prod(self.shape) * self.dtype.itemsize


def sniff(head: bytes) -> tuple[Kind | None, str]:
    """Return what the first 540 bytes of a file are, and its byte order (``<`` or ``>``)."""
    if len(head) < MGH_OFFSET:
        return None, "<"
    for order in "<>":
        (size,) = struct.unpack(f"{order}i", head[:4])
        if size == 348 and len(head) >= 348:
            return ("nifti1" if head[344:348] in (b"n+1\0", b"ni1\0") else "analyze"), order
        if size == 540 and head[4:8] in (b"n+2\0", b"ni2\0"):
            return "nifti2", order
    version, *dims, kind = struct.unpack(">6i", head[:24])
    is_mgh = version == 1 and min(dims) > 0 and kind in MGH_TYPES
    return ("mgh" if is_mgh else None), ">"


def read_header(path: Path, *, components: bool = False) -> VolumeHeader:
    """Return the header of a file, tested. A pair is named by its ``.hdr`` file.

    With `components`, a fifth axis (of vectors, tensors) is taken as more volumes on the same grid.

    Raises InputError if the header is broken, claims more voxels than the file can hold, or describes voxels that
    no grey-value network may treat (complex numbers, colours, vectors).
    """
    try:
        kind, order = sniff(peek(path, 540))
        if kind == "mgh":
            header = _read_mgh(path)
        elif kind in ("nifti1", "nifti2"):
            header = _read_nifti(path, kind, order, components=components)
        else:
            raise InputError(f"{path}: is not a NIfTI or MGH file, or its header is damaged; fetch it again")
        check_claim(header.data_path, header.offset + header.data_size)
    except BROKEN as error:
        raise InputError(f"{path}: cannot be read ({type(error).__name__}); fetch it again") from error
    return header


# --- NIfTI ---------------------------------------------------------------------------------------------------------


def _read_nifti(path: Path, kind: Kind, order: str, *, components: bool) -> VolumeHeader:
    klass = nibabel.Nifti1Header if kind == "nifti1" else nibabel.Nifti2Header
    size = klass.template_dtype.itemsize
    with unpacking(path) as file:
        fields = klass(file.read(size), endianness=order, check=False)
        single = bytes(fields["magic"].tobytes())[1:2] == b"+"
        offset = _offset(path, fields, size if single else None)
        extensions = _extensions(file.read(offset - size if single else LONGEST_EXTENSION), order)
    shape = _shape(path, fields)
    _fix_zooms(path, fields, min(3, len(shape)))
    _check_kind(path, int(fields["intent_code"]), shape, components=components)
    slope, intercept = _scaling(path, fields)
    data_path = path if single else data_file_of(path)
    dtype = _dtype(path, fields)
    return VolumeHeader(path, data_path, kind, fields, shape, dtype, slope, intercept, offset, extensions)


def data_file_of(path: Path) -> Path:
    """Return the ``.img`` file of a ``.hdr`` file. Raises InputError if there is none."""
    suffix = suffix_of(path)
    image = ".IMG" if suffix.isupper() else ".img"
    names = [stem_of(path) + image, stem_of(path) + image + ".gz"]
    for name in names:
        if path.with_name(name).is_file():
            return path.with_name(name)
    raise InputError(f"{path}: is one half of a pair, and {names[0]} is not beside it; bring both")


def _offset(path: Path, fields: Any, header_size: int | None) -> int:
    offset = float(fields["vox_offset"])
    if header_size is None:
        return int(offset) if math.isfinite(offset) and offset >= 0 else 0
    if not math.isfinite(offset) or not header_size + 4 <= offset <= header_size + LONGEST_EXTENSION:
        raise InputError(f"{path}: says that its voxels start at byte {offset:g}, which cannot be; the header is wrong")
    return int(offset)


def _extensions(data: bytes, order: str) -> tuple[Extension, ...]:
    found: list[Extension] = []
    start = 4
    if data[:1] in (b"", b"\0"):
        return ()
    while start + 8 <= len(data):
        size, code = struct.unpack(f"{order}2i", data[start : start + 8])
        if size < 8 or start + size > len(data):
            break
        found.append(Extension(code, data[start + 8 : start + size]))
        start += size
    return tuple(found)


def _shape(path: Path, fields: Any) -> tuple[int, ...]:
    dim = [int(n) for n in fields["dim"]]
    if not 1 <= dim[0] <= 7 or any(n < 1 for n in dim[1 : dim[0] + 1]):
        raise InputError(
            f"{path}: has axes of length {dim[1:]} ({dim[0]} in use), which cannot be; the header is wrong"
        )
    shape = tuple(dim[1 : dim[0] + 1])
    if len(shape) < 2:
        raise InputError(f"{path}: has one axis; srkit treats images of two or three")
    return shape


def _fix_zooms(path: Path, fields: Any, ndim: int) -> None:
    zooms = fields["pixdim"][1 : ndim + 1]
    if not np.isfinite(zooms).all() or (zooms == 0).any():
        raise InputError(f"{path}: has voxels of size {zooms.tolist()}, which cannot be; repair pixdim in the header")
    fields["pixdim"][1 : ndim + 1] = np.abs(zooms)
    if fields["pixdim"][0] not in (-1, 1):
        fields["pixdim"][0] = 1  # as the standard says of a qfac of 0


def _check_kind(path: Path, code: int, shape: tuple[int, ...], *, components: bool) -> None:
    if components and (code not in NOT_IMAGES or code in COMPONENTS):
        return
    alone = "name the option `per_component` to treat each alone"
    advice = f"{alone}, or leave it out" if code in COMPONENTS else "leave it out"
    if code in NOT_IMAGES:
        raise InputError(f"{path}: holds {NOT_IMAGES[code]} by its intent code {code}, not grey values; {advice}")
    if math.prod(shape[4:]) > 1:
        raise InputError(f"{path}: has more than four axes {shape}; {alone}")


def _scaling(path: Path, fields: Any) -> tuple[float, float]:
    slope, intercept = float(fields["scl_slope"]), float(fields["scl_inter"])
    if slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0
    if not math.isfinite(intercept):
        raise InputError(f"{path}: has scl_inter {intercept}, which is no number; repair the header")
    return slope, intercept


def _dtype(path: Path, fields: Any) -> np.dtype[Any]:
    try:
        dtype = np.dtype(fields.get_data_dtype())
    except (HeaderDataError, KeyError) as error:
        raise InputError(f"{path}: has an unknown data type in its header; repair it") from error
    return _supported(path, dtype)


def _supported(path: Path, dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "c":
        reason = "holds complex numbers; take the magnitude first"
    elif dtype.names:
        reason = "holds colours (RGB); medical networks treat grey values, take one channel first"
    elif dtype.kind == "f" and dtype.itemsize > 8:
        reason = "holds 128-bit floats; store it with 64-bit floats first"
    elif dtype.itemsize == 0:  # what nibabel has no type for on this machine
        reason = "holds single bits, or numbers of 128 bits or more; store it with 32-bit floats first"
    elif dtype.kind not in "iuf":
        reason = f"holds data of type {dtype}, which is no grey value; convert it first"
    else:
        return dtype
    raise InputError(f"{path}: {reason}")


# --- MGH -----------------------------------------------------------------------------------------------------------


def _read_mgh(path: Path) -> VolumeHeader:
    klass = nibabel.freesurfer.mghformat.MGHHeader
    head = peek(path, MGH_OFFSET)
    blank = bytes(klass.template_dtype.itemsize)
    fields = klass(head[: klass._hdrdtype.itemsize] + blank[klass._hdrdtype.itemsize :], check=False)
    if head[GOOD_RAS] == bytes(2):  # nibabel would fill in a geometry of its own
        raise InputError(f"{path}: says nothing about where its voxels lie (goodRASFlag 0); add the geometry first")
    _check_mgh_geometry(path, fields)
    dims = tuple(int(n) for n in fields["dims"])
    shape = dims if dims[3] > 1 else dims[:3]
    dtype = _supported(path, np.dtype(fields.get_data_dtype()).newbyteorder(">"))
    return VolumeHeader(path, path, "mgh", fields, shape, dtype, 1.0, 0.0, MGH_OFFSET)


def _check_mgh_geometry(path: Path, fields: Any) -> None:
    delta = np.asarray(fields["delta"], dtype=np.float64)
    if not np.isfinite(delta).all() or (delta <= 0).any():
        raise InputError(f"{path}: has voxels of size {delta.tolist()}, which cannot be; repair the header")


def mgh_footer_size(header: VolumeHeader) -> int:
    """Return how many bytes of an MGH header stand behind the voxels; 0 for other formats."""
    return int(header.fields._ftrdtype.itemsize) if header.kind == "mgh" else 0


def with_footer(header: VolumeHeader, footer: bytes) -> VolumeHeader:
    """Return the header with the bytes that stand behind the voxels; a footer that is cut short says nothing."""
    size = mgh_footer_size(header)
    if not size or len(footer) < size:
        return header
    block = bytes(header.fields.binaryblock)[:-size] + footer
    return replace(header, fields=type(header.fields)(block, check=False))
