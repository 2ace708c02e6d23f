"""Writes a volume slab by slab: header first, voxels in file order, straight into the file or through gzip."""

from __future__ import annotations

import struct
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self, cast

import numpy as np
from isal import igzip

from srkit.errors import OutputError
from srkit.grid import Window
from srkit.image import Array, BoolArray, OutputPlan, Source
from srkit_medical.nifti import mgh, rewrite
from srkit_medical.nifti.names import stem_of, suffix_of
from srkit_medical.nifti.sidecars import write_sidecars
from srkit_medical.nifti.source import NiftiSource, slab_of

LEVEL = 3


class NiftiSink:
    """Writes ``.nii``, ``.nii.gz``, ``.hdr`` with ``.img``, ``.mgz`` or ``.mgh``, as the target's name says.

    The same voxels and plan give the same bytes: gzip headers hold neither date nor name.
    """

    lossless = True

    def __init__(self, target: Path, source: NiftiSource, plan: OutputPlan) -> None:
        self.slab = slab_of(plan.grid.shape)
        self._target, self._source, self._plan = target, source, plan
        self._head, self._foot, order = _frame(target, source, plan)
        self._dtype = plan.encoding.dtype.newbyteorder(order)
        self._expected = [(w, f) for f in range(plan.frames) for w in self.slab.windows(plan.grid.shape)]
        self._next = 0
        self._stack = ExitStack()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Create the files and write the header."""
        suffix = suffix_of(self._target).lower()
        with self._failing():
            if suffix == ".hdr":
                self._target.write_bytes(self._head)
                self._file = self._stack.enter_context(_paired(self._target).open("xb"))
            else:
                file = self._stack.enter_context(self._target.open("xb"))
                packed = suffix in (".nii.gz", ".mgz")
                self._file = self._stack.enter_context(_gzip(file)) if packed else file
                self._file.write(self._head)
        return self

    def write(self, window: Window, frame: int, stored: Array, valid: BoolArray | None) -> None:
        """Append one slab ``(1, i, j, k)``; slabs come in file order, frames outermost."""
        if self._file is None or self._next >= len(self._expected) or self._expected[self._next] != (window, frame):
            raise OutputError(f"{self._target}: slab {window} of frame {frame} is out of order")
        self._next += 1
        with self._failing():
            self._file.write(np.asarray(stored[0], dtype=self._dtype).tobytes(order="F"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the files; without an error, finish them and write the side files."""
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._failing():
            with self._stack:
                if self._next != len(self._expected):
                    raise OutputError(f"{self._target}: {len(self._expected) - self._next} slabs were never written")
                cast(IO[bytes], self._file).write(self._foot)
            write_sidecars(self._source, self._target, self._plan)

    def _failing(self) -> _Failing:
        return _Failing(self._target)


class _Failing:
    """Turns errors of the system into OutputError."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise OutputError(f"{self._target}: cannot be written: {error.strerror or error}") from error


def create_file(target: Path, source: Source, plan: OutputPlan) -> NiftiSink:
    """Return the sink of an output in the format that the name of `target` says.

    Raises OutputError if the source's statements cannot be said in that format.
    """
    if not isinstance(source, NiftiSource):
        raise OutputError(f"{target}: only NIfTI and MGH items can be written as such; keep the item's own format")
    return NiftiSink(target, source, plan)


def _frame(target: Path, source: NiftiSource, plan: OutputPlan) -> tuple[bytes, bytes, Literal["<", ">"]]:
    """Return what stands before and after the voxels, and the byte order."""
    own, packed = (".mgh", ".mgz") if source.header.kind == "mgh" else (".nii", ".nii.gz")
    suffix = suffix_of(target).lower() or own
    is_mgh = suffix in (".mgz", ".mgh")
    if suffix not in (".nii", ".nii.gz", ".hdr", ".mgz", ".mgh") or is_mgh != (source.header.kind == "mgh"):
        raise OutputError(f"{target}: the item is written as {own} or {packed}; change the suffix of the output")
    if is_mgh:
        fields = mgh.output_header(source, plan)
        return mgh.header_bytes(fields), mgh.footer_bytes(fields), ">"
    single = suffix != ".hdr"
    try:
        fields, extensions = rewrite.output_header(source, plan, single=single)
    except (ValueError, struct.error) as error:
        raise OutputError(f"{target}: the output's numbers do not fit into a NIfTI header: {error}") from error
    return rewrite.header_bytes(fields, extensions, single=single), b"", "<"


def _paired(header: Path) -> Path:
    return header.with_name(stem_of(header) + ".img")


def _gzip(file: IO[bytes]) -> Any:
    return igzip.IGzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=file, mtime=0)
