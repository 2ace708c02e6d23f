"""Series at ratios that are no whole numbers: the geometry that the tags tell, judged by readers we did not write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from srkit_medical.dicom.uids import uid_of

import srkit

Make = Callable[..., Path]
OBLIQUE = (0.9396926, 0.3420201, 0.0, -0.3213938, 0.8830222, 0.3420201)
AIMS = ("1.3,0.5,2.1", "0.6,0.7,5", "isotropic", "2,2,7.5")
"""Rows, columns and slices, finer and coarser; the source's are 0.9 or 0.45, 0.7 or 0.35, and 5 mm apart."""


def in_space(dataset: Dataset, k: int) -> None:
    dataset.FrameOfReferenceUID = uid_of("frame")


@pytest.fixture(params=["MR", "CT"])
def folder(request: pytest.FixtureRequest, make: Make) -> Path:
    small = {"MR": (0.9, 0.7), "CT": (0.45, 0.35)}  # pydicom's slices have 64 and 128 rows
    return make(kind=request.param, orientation=OBLIQUE, spacing=small[request.param], edit=in_space)


def enlarged(folder: Path, out: Path, aim: str) -> tuple[list[Path], srkit.UpscaleReport]:
    how = {"isotropic": True} if aim == "isotropic" else {"spacing": aim}
    report = srkit.upscale(folder, out, model="bspline", **how)
    return sorted(out.glob("*.dcm")), report


def stacked(files: list[Path]) -> list[Dataset]:
    datasets = [dcmread(path) for path in files]
    across = np.cross(OBLIQUE[:3], OBLIQUE[3:])
    return sorted(datasets, key=lambda dataset: float(across @ np.array(dataset.ImagePositionPatient, float)))


def corners(datasets: list[Dataset]) -> np.ndarray:
    """Return the eight outer corners of a stack, from the tags and by DICOM's own formula (C.7.6.2.1.1)."""
    first, last, count = datasets[0], datasets[-1], len(datasets)
    start, end = (np.array(dataset.ImagePositionPatient, float) for dataset in (first, last))
    step = (end - start) / (count - 1)
    across, down = np.array(OBLIQUE[:3]), np.array(OBLIQUE[3:])
    rows, columns = (float(x) for x in first.PixelSpacing)
    return np.array(
        [
            start + step * k + down * rows * r + across * columns * c
            for k in (-0.5, count - 0.5)
            for r in (-0.5, first.Rows - 0.5)
            for c in (-0.5, first.Columns - 0.5)
        ]
    )


@pytest.mark.parametrize("aim", AIMS)
def test_the_tags_tell_the_same_box_and_the_effective_spacing(folder: Path, tmp_path: Path, aim: str) -> None:
    files, report = enlarged(folder, tmp_path / "out", aim)
    before, after = stacked(sorted(folder.iterdir())), stacked(files)
    assert report.results[0].status == "done"
    assert np.abs(corners(after) - corners(before)).max() < 1e-4
    thickness = 5 * len(before) / len(after)
    for dataset in after:
        spacing = [float(x) for x in dataset.PixelSpacing]
        np.testing.assert_allclose(
            spacing,
            [float(before[0].PixelSpacing[0]) * before[0].Rows / dataset.Rows,
             float(before[0].PixelSpacing[1]) * before[0].Columns / dataset.Columns],
            rtol=1e-6,
        )  # fmt: skip
        if len(after) != len(before):
            np.testing.assert_allclose(float(dataset.SliceThickness), thickness, rtol=1e-6)
        else:
            assert dataset.SliceThickness == before[0].SliceThickness
        assert "srkit" in dataset.DerivationDescription
    np.testing.assert_allclose(report.results[0].spacing[2], thickness, rtol=1e-6)


@pytest.mark.parametrize("aim", ["1.3,0.5,2.1", "2,2,7.5"])
def test_a_slice_names_the_sources_that_it_lies_between_or_over(make: Make, tmp_path: Path, aim: str) -> None:
    folder = make(kind="CT", count=6, orientation=OBLIQUE, edit=in_space)
    files, _ = enlarged(folder, tmp_path / "out", aim)
    before, after = stacked(sorted(folder.iterdir())), stacked(files)
    across = np.cross(OBLIQUE[:3], OBLIQUE[3:])
    places = [float(across @ np.array(dataset.ImagePositionPatient, float)) for dataset in before]
    for dataset in after:
        place = float(across @ np.array(dataset.ImagePositionPatient, float))
        named = [item.ReferencedSOPInstanceUID for item in dataset.SourceImageSequence]
        reach = max(5.0, (float(dataset.SliceThickness) + 5) / 2)
        near = [d.SOPInstanceUID for d, p in zip(before, places, strict=True) if abs(p - place) < reach - 1e-6]
        assert named == near


@pytest.mark.slow
@pytest.mark.parametrize("aim", AIMS)
def test_dcm2niix_and_simpleitk_find_the_grid(folder: Path, tmp_path: Path, run_judge, aim: str) -> None:
    files, _ = enlarged(folder, tmp_path / "out", aim)
    affines = []
    for name, place in (("before", folder), ("after", files[0].parent)):
        (tmp_path / name).mkdir()
        run_judge("dcm2niix", "-z", "n", "-b", "n", "-f", "volume", "-o", tmp_path / name, place)
        (path,) = (tmp_path / name).glob("*.nii")
        affines.append(nibabel.load(path))
    before, after = affines
    ratio = np.array(after.shape) / np.array(before.shape)
    step = np.eye(4)
    step[:3, :3], step[:3, 3] = np.diag(1 / ratio), (1 / ratio - 1) / 2
    assert np.abs(after.affine - before.affine @ step).max() < 1e-4
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(files[0].parent)))
    np.testing.assert_allclose(image.GetSpacing(), np.linalg.norm(after.affine[:3, :3], axis=0), atol=1e-4)
    assert image.GetSize() == after.shape


@pytest.mark.slow
@pytest.mark.parametrize("aim", ["1.3,0.5,2.1", "isotropic"])
def test_dciodvfy_finds_no_error_that_the_source_did_not_have(
    folder: Path, tmp_path: Path, run_judge, aim: str
) -> None:
    files, _ = enlarged(folder, tmp_path / "out", aim)
    found = [
        {line for path in paths for line in run_judge("dciodvfy", "-new", path).splitlines() if line[:5] == "Error"}
        for paths in (sorted(folder.iterdir())[:2], files[:4])
    ]
    assert found[1] <= found[0]


def test_uneven_slices_are_refused_along_slices_alone(make: Make, tmp_path: Path) -> None:
    def uneven(dataset: Dataset, k: int) -> None:
        if k == 5:
            dataset.ImagePositionPatient = [
                x + 3 * n for x, n in zip(dataset.ImagePositionPatient, (0, 0, 1), strict=True)
            ]

    folder = make(edit=uneven)
    with pytest.raises(srkit.InputError, match="slice cannot be scaled: the slices lie unevenly"):
        srkit.upscale(folder, tmp_path / "a", model="bspline", isotropic=True)
    report = srkit.upscale(folder, tmp_path / "b", model="bspline", spacing="0.5,0.5")
    before = {tuple(dcmread(p).ImagePositionPatient)[2] for p in folder.iterdir()}
    assert report.results[0].status == "done"
    assert {tuple(dcmread(p).ImagePositionPatient)[2] for p in (tmp_path / "b").glob("*.dcm")} == before


@pytest.mark.parametrize("how", [{"isotropic": True}, {"scale": "2,2,3"}])
def test_a_finished_series_is_verified_without_knowing_how_it_came_about(
    make: Make, tmp_path: Path, how: dict[str, object]
) -> None:
    folder, out = make(kind="CT", orientation=OBLIQUE, edit=in_space), tmp_path / "out"
    srkit.upscale(folder, out, model="bspline", manifest=True, **how)
    assert srkit.verify(folder, out).good
    spoilt = dcmread(out / "0002.dcm")
    spoilt.SeriesInstanceUID = dcmread(folder / "000.dcm").SeriesInstanceUID
    spoilt.save_as(out / "0002.dcm")
    with pytest.raises(srkit.UsageError, match="item"):
        srkit.verify(folder, out)
    for path in out.glob("*.dcm"):
        dataset = dcmread(path)
        dataset.SeriesInstanceUID = dcmread(folder / "000.dcm").SeriesInstanceUID
        dataset.save_as(path)
    found = srkit.verify(folder, out).findings
    assert {finding.code for finding in found if finding.level == "failure"} == {"7"}


REAL = {
    "mr_ge_genesis_wrist": {"isotropic": True},
    "mr_ge_oblique_pd": {"spacing": "1,1,1"},
    "ct_siemens_j2k": {"spacing": "0.5,0.7"},
    "enh_mr_philips_fieldmap_phantom": {"spacing": "3,2.5,4.5"},
    "mr_hyperfine_multiframe_noise": {"spacing": 1.7},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_series_come_to_a_spacing_and_stand_up_to_verification(real: Path, name: str, tmp_path: Path) -> None:
    report = srkit.upscale(
        real / name, tmp_path / "out", model="bspline", domain="ct" if "ct" in name else None, **REAL[name]
    )
    done = [result for result in report.results if result.status == "done"]
    assert done
    assert not [result.reason for result in report.results if result.status == "failed"]
    for before, after in zip(_images(real / name), _images(tmp_path / "out"), strict=False):
        extents = [np.array(item.shape) * item.spacing for item in (before, after)]
        np.testing.assert_allclose(extents[1], extents[0], rtol=1e-5)


def _images(folder: Path) -> list[Any]:
    """Return what is an item in `folder`; what was left out of a file has no shape."""
    return [found for found in srkit.inspect(folder) if found.shape]
