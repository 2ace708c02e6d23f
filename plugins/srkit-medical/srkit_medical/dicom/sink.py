"""Writes a derived series, one file a slice."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from pydicom import Dataset, FileDataset, dcmwrite

from srkit.errors import OutputError, UsageError
from srkit.grid import Slab, Window
from srkit.image import Array, BoolArray, OutputPlan, Sink, Source
from srkit_medical.dicom import attributes, lineage, scrub, uids
from srkit_medical.dicom.compressing import require_encoder, syntax_for
from srkit_medical.dicom.derived import DerivedSlice, derived_slice, keeps_private
from srkit_medical.dicom.enhanced.sink import EnhancedSink
from srkit_medical.dicom.enhanced.source import EnhancedSource
from srkit_medical.dicom.moments import delay_acquisition
from srkit_medical.dicom.reading import READ_ERRORS, UnfitError, quiet, read_whole
from srkit_medical.dicom.source import SLICE, DicomSource


class DicomSink:
    """A folder of numbered files; each slice is written once, complete."""

    def __init__(self, target: Path, source: DicomSource, plan: OutputPlan) -> None:
        self.slab = Slab(SLICE, 1)
        self.lossless = True
        self._target = target
        self._source = source
        self._plan = plan
        self._series_uid = uids.series_uid(source.series, plan)
        self._study_uid = uids.study_uid(source.series)
        self._first: Dataset | None = None
        self._written = 0

    def __enter__(self) -> Self:
        """Make the folder, and read what all slices have in common."""
        try:
            self._target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self._target}: the folder cannot be made ({error.strerror})") from error
        self._first = self._read(self._source.series.first.path)
        return self

    def write(self, window: Window, frame: int, stored: Array, valid: BoolArray | None) -> None:
        """Write the slices of `window`; padding is stored among the samples already."""
        for offset, index in enumerate(range(window.start[SLICE], window.stop[SLICE])):
            self._write_slice(derived_slice(self._source.series, self._plan, frame, index), stored[0, offset])
            self._written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Check that every slice came."""
        expected = self._plan.frames * self._plan.grid.shape[SLICE]
        if error is None and self._written != expected:
            raise OutputError(f"{self._target}: {self._written} of {expected} slices were written")

    def _write_slice(self, derived: DerivedSlice, stored: Array) -> None:
        self._check_samples(stored)
        dataset = self._read(derived.nearest.path)
        path = self._target / derived.file_name
        try:
            with quiet():
                self._fill(dataset, derived, stored)
                dcmwrite(path, dataset, enforce_file_format=True)  # save_as refuses what was big endian
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
        except READ_ERRORS:
            # The cause is not chained: pydicom's text holds the whole element.
            raise OutputError(f"{path}: an attribute of {derived.nearest.path.name} cannot be written") from None

    def _fill(self, dataset: FileDataset, derived: DerivedSlice, stored: Array) -> None:
        series, plan = self._source.series, self._plan
        first = self._first if self._first is not None else dataset
        if not dataset.original_encoding[1]:
            scrub.swap_words(dataset)
        scrub.scrub(dataset, keep_private=keeps_private(plan, derived))
        attributes.set_identity(dataset, first, plan, self._series_uid)
        attributes.set_study(dataset, self._study_uid)
        attributes.set_geometry(dataset, series, plan, derived)
        attributes.set_rescale(dataset, series, plan)
        attributes.set_loss(dataset, series)
        lineage.set_derivation(dataset, series, plan, derived)
        lineage.set_references(dataset, derived)
        lineage.set_dates(dataset, first)
        if derived.nearest.tile is not None:
            delay_acquisition(dataset, derived.nearest.tile.delay_s)
        attributes.set_pixels(dataset, stored, series.first.layout, syntax_for(plan))
        uid = uids.instance_uid(self._series_uid, derived.index, dataset.PixelData)
        attributes.set_file_meta(dataset, uid, derived.nearest.sop_class, plan)

    def _check_samples(self, stored: Array) -> None:
        layout = self._source.series.first.layout
        low, high = layout.limits
        if stored.dtype != layout.dtype or stored.min() < low or stored.max() > high:
            raise OutputError(f"{self._target}: samples do not fit {layout.stored} bits of {layout.dtype}")

    def _read(self, path: Path) -> FileDataset:
        try:
            return read_whole(path)
        except UnfitError as error:
            raise OutputError(f"{path}: {error.reason}") from None


def create_series(target: Path, source: Source, plan: OutputPlan) -> Sink:
    """Return a sink for a series derived from `source`, in the folder `target`.

    Raises UsageError where the plan asks for what a DICOM series cannot be.
    """
    if not isinstance(source, DicomSource):
        raise UsageError("a DICOM series can only be written with a DICOM series as its source")
    if plan.format not in (None, "dicom"):
        raise UsageError(f"a DICOM series cannot be written as {plan.format!r}; leave out the format")
    if plan.encoding != source.encoding:
        raise UsageError("a derived DICOM series stores samples as its source does; leave out the type")
    if plan.frames != source.frames:
        raise UsageError(f"the source has {source.frames} time points, the plan {plan.frames}")
    if syntax_for(plan).is_compressed:
        require_encoder(syntax_for(plan), source.series.first.layout, target)
    if isinstance(source, EnhancedSource):
        return EnhancedSink(target, source, plan)
    return DicomSink(target, source, plan)
