"""Every series at hand, doubled in plane by the path of the command, before every outside judge.

Each judge also hears the source, of which a copy is made that all of them can read: uncompressed, and with the class
and the identifiers that some de-identified files lack. Needs the shared data, or what pydicom and nibabel bring.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from srkit_medical.dicom.discover import discover_series
from srkit_medical.dicom.source import DicomSource, open_series
from srkit_medical.dicom.uids import uid_of

import srkit

pytestmark = pytest.mark.slow

OPTIONS = {domain: {"include_derived": True} for domain in ("ct", "mri", "pet")}
DATA = Path(os.environ.get("SRKIT_DATA", Path(__file__).parents[4].parent / "shared" / "data")) / "medical" / "dicom"
SHARED = sorted(path.name for path in DATA.glob("*") if path.is_dir())
PACKAGES = "packages"
PYDICOM = (
    "CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm", "MR_small_padded.dcm", "J2K_pixelrep_mismatch.dcm",
    "JPGExtended.dcm", "examples_overlay.dcm",
)  # fmt: skip
FALSE_ALARMS = ("Unable to determine GE Slice timing", "Empty protocol name")
"""What dcm2niix says where it misses private attributes, or names that a source does not have either."""
_TESTED_FILES = 4  # of a series; what is the same in all of them need not be read again


@dataclass(frozen=True)
class Case:
    """A series, the copy of it that judges read, and what became of it."""

    source: DicomSource
    copy: Path
    output: Path

    @property
    def copies(self) -> list[Path]:
        return sorted(self.copy.iterdir())

    @property
    def outputs(self) -> list[Path]:
        return [self.output] if self.output.is_file() else sorted(self.output.iterdir())

    @property
    def is_part(self) -> bool:
        """Tell whether its file holds other stacks too."""
        return len(self.source.series.instances) < sum(_frames_in(path) for path in self.copies)

    @property
    def first_volume(self) -> list[Path]:
        """The copies of the first time point, in ascending position."""
        names = [instance.path for instance in self.source.series.instances]
        order = list(dict.fromkeys(names))
        return [self.copies[order.index(instance.path)] for instance in self.source.series.frames[0]]


def _frames_in(path: Path) -> int:
    return int(dcmread(path, stop_before_pixels=True, force=True).get("NumberOfFrames") or 1)


def _readable(path: Path, target: Path, ordinal: int) -> None:
    """Write a copy of `path` without compression, with a class and identifiers if it lacks them."""
    with disable_value_validation():
        dataset = dcmread(path, force=True)
        if dataset.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian).is_encapsulated:
            samples = pixel_array(dataset, raw=True)
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            dataset.add_new("PixelData", "OW", samples.tobytes() + b"\0" * (samples.nbytes % 2))
        if dataset.get("SOPClassUID"):
            dataset.save_as(target)
            return
        dataset.SOPClassUID = dataset.file_meta.get("MediaStorageSOPClassUID", "")
        dataset.SOPInstanceUID = uid_of("copy", str(ordinal))
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(target)


def _samples_of_packages(folder: Path) -> Path:
    """Return a folder of what pydicom and nibabel bring: slices in odd encodings, and two mosaics."""
    folder.mkdir()
    for name in PYDICOM:
        (folder / name).write_bytes((Path(pydicom.__file__).parent / "data" / "test_files" / name).read_bytes())
    for path in (Path(nibabel.__file__).parent / "nicom" / "tests" / "data").iterdir():
        if path.suffix == ".dcm":
            (folder / path.name).write_bytes(path.read_bytes())
        elif path.name.startswith("siemens_dwi"):
            (folder / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    return folder


@pytest.fixture(scope="module", params=[*SHARED, PACKAGES])
def cases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """Return all series of a folder with their outputs; folders without any are for other tests."""
    work = tmp_path_factory.mktemp("series")
    root = _samples_of_packages(work / "in") if request.param == PACKAGES else DATA / request.param
    items = {(i.path, i.key): i for i in discover_series(root, OPTIONS) if isinstance(i, srkit.Item)}
    if not items:
        return []
    report = srkit.upscale(root, work / "out", scale=2, model="nearest", options=OPTIONS)
    done = {(r.path, r.key): r.output for r in report.results if r.status == "done"}
    assert set(done) == set(items)
    return [_case(item, done[key], work / f"copy-{n}") for n, (key, item) in enumerate(items.items())]


def _case(item: srkit.Item, output: Path | None, copy: Path) -> Case:
    assert output is not None
    source = open_series(item, {})
    copy.mkdir()
    for n, path in enumerate(dict.fromkeys(instance.path for instance in source.series.instances)):
        _readable(path, copy / f"{n:04d}.dcm", n)
    return Case(source, copy, output)


Judge = Callable[..., str]


def _errors(run_judge: Judge, files: list[Path]) -> set[str]:
    lines = [line for path in files for line in run_judge("dciodvfy", "-new", path).splitlines()]
    return {re.sub(r"\[\d+\]", "", line) for line in lines if line.startswith("Error")}  # frames have other numbers


def test_dciodvfy_finds_no_error_that_the_source_did_not_have(cases: list[Case], run_judge: Judge) -> None:
    for case in cases:
        step = -(-len(case.outputs) // _TESTED_FILES)
        assert _errors(run_judge, case.outputs[::step]) <= _errors(run_judge, case.copies)


def test_dcentvfy_finds_no_conflict_of_source_and_output(cases: list[Case], run_judge: Judge) -> None:
    for case in cases:
        together = run_judge("dcentvfy", *case.copies, *case.outputs)
        assert set(together.splitlines()) <= set(run_judge("dcentvfy", *case.copies).splitlines())


@dataclass(frozen=True)
class Converted:
    """What dcm2niix made of a folder, by the suffix of its name, and what it complained of."""

    volumes: dict[str, nibabel.Nifti1Image]
    complaints: set[str]


def _converted(run_judge: Judge, path: Path, target: Path) -> Converted:
    target.mkdir()
    said = run_judge("dcm2niix", "-z", "n", "-b", "n", "-f", "volume", "-o", target, path)
    lines = {re.sub(r"\S*/\S*", "PATH", line) for line in said.splitlines() if "Warning" in line or "Error" in line}
    volumes = {found.stem.removeprefix("volume"): nibabel.load(found) for found in sorted(target.glob("*.nii"))}
    return Converted(volumes, {line for line in lines if not any(alarm in line for alarm in FALSE_ALARMS)})


def _halved(*axes: int) -> np.ndarray[Any, Any]:
    """Return the map from indices of an image doubled along two of three axes to those of its source."""
    step = np.eye(4)
    for axis in axes:
        step[axis, axis], step[axis, 3] = 0.5, -0.25
    return step


def _in_plane(volume: nibabel.Nifti1Image, source: DicomSource) -> list[int]:
    """Return the axes of a volume, which dcm2niix turns at times, that are not that of the slices."""
    normal = source.series.first.plane.normal * (-1, -1, 1)  # DICOM's axes point to the left and back
    along = np.abs(normal @ volume.affine[:3, :3] / np.array(volume.header.get_zooms()[:3]))
    return [axis for axis in range(3) if axis != np.argmax(along)]


def _tolerance_mm(case: Case) -> float:
    """Return how far dcm2niix may be off: it turns tilted slices upright, in whole samples."""
    tilt = dcmread(case.copies[0], stop_before_pixels=True).get("GantryDetectorTilt") or 0
    return 0.1 * min(case.source.series.first.plane.spacing) if tilt else 1e-4


def test_dcm2niix_makes_the_same_volumes_at_half_the_spacing(
    cases: list[Case], run_judge: Judge, tmp_path: Path
) -> None:
    for n, case in enumerate(cases):
        before = _converted(run_judge, case.copy, tmp_path / f"{n}-before")
        folder = case.output if case.output.is_dir() else _alone(case.output, tmp_path / f"{n}-alone")
        after = _converted(run_judge, folder, tmp_path / f"{n}-after")
        if not before.volumes:
            continue  # it reads no such source
        assert after.complaints <= before.complaints
        expected = {suffix for suffix in before.volumes if "_ROI" not in suffix}  # overlays are left out
        assert case.is_part or set(after.volumes) == expected
        for suffix, volume in after.volumes.items():
            if "_Tilt" in suffix or "_Eq" in suffix:
                continue  # resampled by dcm2niix
            whole = before.volumes[suffix if suffix in before.volumes else min(before.volumes)]
            ours, theirs = nibabel.as_closest_canonical(volume), nibabel.as_closest_canonical(whole)
            axes = _in_plane(theirs, case.source)
            assert ours.shape == tuple(2 * n if axis in axes else n for axis, n in enumerate(theirs.shape))
            assert np.abs(ours.affine - theirs.affine @ _halved(*axes)).max() < _tolerance_mm(case)


def _alone(path: Path, folder: Path) -> Path:
    folder.mkdir()
    (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def sitk() -> Any:
    """Return SimpleITK, which keeps quiet."""
    module = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    module.ProcessObject.SetGlobalWarningDisplay(False)
    return module


def _image(sitk: Any, files: list[Path]) -> Any:
    names = [str(path) for path in files]
    return sitk.ReadImage(names if len(names) > 1 else names[0])


def test_simpleitk_sees_the_same_box_with_the_same_values(cases: list[Case], sitk: Any) -> None:
    for case in cases:
        count = case.source.grid.shape[0]
        output = case.outputs if len(case.outputs) == 1 else case.outputs[:count]
        is_mosaic = case.source.series.first.tile is not None
        if case.is_part or is_mosaic:
            continue  # it reads all stacks of a file as one, and a mosaic as a sheet
        before = _image(sitk, case.first_volume if len(output) > 1 else case.copies)
        after = _image(sitk, _ascending(output))
        spacing, step = np.array(before.GetSpacing()), np.array([0.5, 0.5, 1])
        direction = np.array(before.GetDirection()).reshape(3, 3)
        np.testing.assert_allclose(after.GetSpacing(), spacing * step, atol=1e-4)
        np.testing.assert_allclose(after.GetDirection(), before.GetDirection(), atol=1e-6)
        origin = before.GetOrigin() + direction @ (spacing * (step - 1) / 2)
        np.testing.assert_allclose(after.GetOrigin(), origin, atol=1e-3)
        doubled = sitk.GetArrayFromImage(before).repeat(2, 1).repeat(2, 2)
        np.testing.assert_allclose(sitk.GetArrayFromImage(after), doubled, atol=1e-6)


def _ascending(files: list[Path]) -> list[Path]:
    """Return slices in the order of their positions."""
    headers = [dcmread(path, stop_before_pixels=True) for path in files]
    if len(files) == 1:
        return files
    orientation = np.array(headers[0].ImageOrientationPatient, dtype=float)
    normal = np.cross(orientation[:3], orientation[3:])
    depths = [normal @ np.array(header.ImagePositionPatient, dtype=float) for header in headers]
    return [files[k] for k in np.argsort(depths)]


def _volume(files: list[Path]) -> Any:
    highdicom = pytest.importorskip("highdicom", reason="highdicom is not installed")
    if len(files) > 1:
        return highdicom.get_volume_from_series([dcmread(path) for path in files])
    return highdicom.imread(files[0]).get_volume()


def _accepted(cases: list[Case]) -> Iterator[tuple[Case, Any]]:
    """Yield the cases whose source highdicom takes for a volume."""
    for case in cases:
        try:
            yield case, _volume(case.first_volume if len(case.copies) > 1 else case.copies)
        except (ValueError, RuntimeError, AttributeError, TypeError, KeyError):
            continue


def test_highdicom_takes_the_output_where_it_takes_the_source(cases: list[Case]) -> None:
    for case, before in _accepted([case for case in cases if case.source.series.first.tile is None]):
        after = _volume(case.outputs if len(case.outputs) == 1 else case.outputs[: case.source.grid.shape[0]])
        slices, rows, columns = before.spatial_shape
        assert after.spatial_shape == (slices, 2 * rows, 2 * columns)
        assert np.abs(after.affine - before.affine @ _halved(1, 2)).max() < 1e-4
        np.testing.assert_allclose(after.array, before.array.repeat(2, 1).repeat(2, 2), atol=1e-6)
