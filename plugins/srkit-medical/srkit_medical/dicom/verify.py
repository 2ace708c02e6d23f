"""Verifies a staged series: every file against what it must say, and the files against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydicom import Dataset, FileDataset

from srkit.domain import Finding
from srkit.image import OutputPlan, Source
from srkit_medical.dicom import uids
from srkit_medical.dicom.checks import CHECKS, Evidence, Fault
from srkit_medical.dicom.derived import DerivedSlice, derived_slices
from srkit_medical.dicom.enhanced.source import EnhancedSource
from srkit_medical.dicom.enhanced.verify import verify_enhanced
from srkit_medical.dicom.reading import READ_ERRORS, UnfitError, quiet, read_whole
from srkit_medical.dicom.source import DicomSource

CONSTANT = (
    "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "SeriesDate", "SeriesTime", "StudyInstanceUID",
    "PatientID", "Modality", "FrameOfReferenceUID",
)  # fmt: skip
"""Elements with one value for a whole series; per-slice dates are an error to `dcentvfy`."""


def verify_series(source: Source, staged: Path, plan: OutputPlan) -> list[Finding]:
    """Return a `failure` per fault of the series in folder `staged`; none where all is true.

    `Finding.code` is the number of the fault in the list of those that no validator notices, else the row.
    """
    if not isinstance(source, DicomSource):
        return []
    if isinstance(source, EnhancedSource):
        return verify_enhanced(source, staged, plan)
    expected = derived_slices(source.series, plan)
    with quiet():
        faults = [*_folder_faults(staged, expected), *_file_faults(source, staged, plan, expected)]
    return [Finding("failure", text, code) for code, text in faults]


def _folder_faults(staged: Path, expected: Sequence[DerivedSlice]) -> Iterator[Fault]:
    there = {path.name for path in staged.glob("*.dcm")}
    wanted = {derived.file_name for derived in expected}
    if there != wanted:
        yield "W3", f"{len(there & wanted)} of {len(wanted)} files are there, and {len(there - wanted)} others"


def _file_faults(
    source: DicomSource, staged: Path, plan: OutputPlan, expected: Sequence[DerivedSlice]
) -> Iterator[Fault]:
    series_uid = uids.series_uid(source.series, plan) if plan.provenance.is_known else ""
    first: Dataset | None = None
    seen: set[str] = set()
    for derived in expected:
        output = _read(staged / derived.file_name)
        nearest = _read(derived.nearest.path)
        if output is None or nearest is None:
            yield "W3", f"{derived.file_name} or its source cannot be read"
            continue
        series_uid = series_uid or str(output.get("SeriesInstanceUID", ""))  # of a finished series: one for all
        case = Evidence(output, nearest, derived, source.series, plan, series_uid)
        yield from ((code, f"{derived.file_name}: {text}") for code, text in _checked(case))
        first = first or output
        yield from _against_others(output, first, seen)


def _against_others(output: Dataset, first: Dataset, seen: set[str]) -> Iterator[Fault]:
    uid = str(output.get("SOPInstanceUID", ""))
    if uid in seen:
        yield "8", "two files have the same SOPInstanceUID"
    seen.add(uid)
    for keyword in CONSTANT:
        if output.get(keyword) != first.get(keyword):
            yield "W4", f"{keyword} is not the same in all files"


def _checked(case: Evidence) -> list[Fault]:
    try:
        return [fault for check in CHECKS for fault in check(case)]
    except READ_ERRORS:
        return [("W3", "an attribute cannot be read back")]


def _read(path: Path) -> FileDataset | None:
    try:
        return read_whole(path)
    except UnfitError:
        return None
