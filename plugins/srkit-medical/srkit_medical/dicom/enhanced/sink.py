"""Writes a derived Enhanced object: frames are spooled beside the target, and the file follows when all are there."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from pydicom import dcmwrite

from srkit.errors import OutputError
from srkit.grid import Slab, Window
from srkit.image import Array, BoolArray, OutputPlan
from srkit_medical.dicom import attributes, uids
from srkit_medical.dicom.compressing import as_item, encoded, set_pixel_data, syntax_for
from srkit_medical.dicom.derived import derived_slices
from srkit_medical.dicom.enhanced.attributes import set_common, set_frames
from srkit_medical.dicom.enhanced.parts import whole_header
from srkit_medical.dicom.enhanced.source import EnhancedSource
from srkit_medical.dicom.reading import READ_ERRORS, UnfitError, quiet
from srkit_medical.dicom.source import SLICE


class EnhancedSink:
    """One multi-frame file; frames lie volume by volume, in ascending position."""

    def __init__(self, target: Path, source: EnhancedSource, plan: OutputPlan) -> None:
        self.slab = Slab(SLICE, 1)
        self.lossless = True
        self._target = target
        self._spool = target.with_name(f"{target.name}.frames")
        self._source = source
        self._plan = plan
        self._syntax = syntax_for(plan)
        self._file: BinaryIO | None = None
        self._digest = sha256()
        self._written = 0

    def __enter__(self) -> Self:
        """Begin the spool."""
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._spool.open("wb")
            self._file.write(as_item(b"") if self._syntax.is_compressed else b"")
        except OSError as error:
            raise OutputError(f"{self._target}: cannot be written ({error.strerror})") from error
        return self

    def write(self, window: Window, frame: int, stored: Array, valid: BoolArray | None) -> None:
        """Append the frames of `window`."""
        layout = self._source.series.first.layout
        low, high = layout.limits
        if stored.dtype != layout.dtype or stored.min() < low or stored.max() > high or self._file is None:
            raise OutputError(f"{self._target}: samples do not fit {layout.stored} bits of {layout.dtype}")
        data = b"".join(self._encoded(frame_samples) for frame_samples in stored[0])
        try:
            self._file.write(data)
        except OSError as error:
            raise OutputError(f"{self._target}: cannot be written ({error.strerror})") from error
        self._digest.update(data)
        self._written += stored.shape[1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the file from the spool, and remove the spool."""
        try:
            if error is None:
                self._finish()
            elif self._file is not None:
                self._file.close()
        finally:
            self._spool.unlink(missing_ok=True)

    def _encoded(self, samples: Array) -> bytes:
        if self._syntax.is_compressed:
            return as_item(encoded(samples, self._source.series.first.layout, self._syntax))
        return np.ascontiguousarray(samples, dtype=samples.dtype.newbyteorder("<")).tobytes()

    def _finish(self) -> None:
        expected = self._plan.frames * self._plan.grid.shape[SLICE]
        if self._written != expected or self._file is None:
            raise OutputError(f"{self._target}: {self._written} of {expected} frames were written")
        try:
            if self._file.tell() % 2:
                self._file.write(b"\0")
            self._file.close()
            with quiet(), self._spool.open("rb") as pixels:
                self._write_file(pixels)
        except OSError as error:
            raise OutputError(f"{self._target}: cannot be written ({error.strerror})") from error
        except (UnfitError, *READ_ERRORS):
            # The cause is not chained: pydicom's text holds the whole element.
            raise OutputError(f"{self._target}: an attribute of the source cannot be written") from None

    def _write_file(self, pixels: BinaryIO) -> None:
        series, plan = self._source.series, self._plan
        dataset, starts = whole_header(series)
        series_uid = uids.series_uid(series, plan)
        set_common(dataset, series, plan, series_uid)
        set_frames(dataset, series, plan, derived_slices(series, plan), starts)
        attributes.set_rescale(dataset, series, plan)
        dataset.Rows, dataset.Columns = plan.grid.shape[1:]
        set_pixel_data(dataset, pixels, series.first.layout, self._syntax)
        uid = uids.instance_uid(series_uid, 0, self._digest.digest())
        attributes.set_file_meta(dataset, uid, series.first.sop_class, plan)
        dcmwrite(self._target, dataset, enforce_file_format=True)
