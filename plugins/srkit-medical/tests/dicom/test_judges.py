"""Outside judges: dciodvfy, dcentvfy, dcm2niix, SimpleITK and highdicom on outputs made in code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from srkit_medical.dicom.uids import uid_of

Make = Callable[..., Path]
OBLIQUE = (0.9396926, 0.3420201, 0.0, -0.3213938, 0.8830222, 0.3420201)
pytestmark = pytest.mark.slow


def in_space(dataset: Dataset, k: int) -> None:
    dataset.FrameOfReferenceUID = uid_of("frame")


@pytest.fixture(params=["MR", "CT"])
def folder(request: pytest.FixtureRequest, make: Make) -> Path:
    return make(kind=request.param, orientation=OBLIQUE, edit=in_space)


def complaints(run_judge, files: Iterable[Path], kind: str) -> set[str]:
    """Return the lines of `kind` (Error, Warning) that dciodvfy gives for `files`."""
    lines = "\n".join(run_judge("dciodvfy", "-new", path) for path in files).splitlines()
    return {line for line in lines if line.startswith(kind)}


@pytest.mark.parametrize("scale", ["2", "1,1,4", "2,3,2"])
def test_dciodvfy_finds_no_error_that_the_source_did_not_have(folder: Path, enlarge, run_judge, scale: str) -> None:
    output = enlarge(folder, scale)
    before = complaints(run_judge, sorted(folder.iterdir())[:2], "Error")
    assert complaints(run_judge, output.files[:4], "Error") <= before


def test_dcentvfy_is_silent_on_source_and_output_together(folder: Path, enlarge, run_judge) -> None:
    output = enlarge(folder, "2,2,2")
    assert run_judge("dcentvfy", *sorted(folder.iterdir()), *output.files) == run_judge(
        "dcentvfy", *sorted(folder.iterdir())
    )


def converted(run_judge, folder: Path, target: Path) -> nibabel.Nifti1Image:
    """Return the one volume that dcm2niix makes of `folder`."""
    target.mkdir()
    said = run_judge("dcm2niix", "-z", "n", "-b", "n", "-f", "volume", "-o", target, folder)
    assert "Warning" not in said.replace("Warning: Expected", "")
    (path,) = target.glob("*.nii")
    return nibabel.load(path)


@pytest.mark.parametrize("factors", [(2, 2, 2), (4, 2, 3), (1, 1, 4)])
def test_dcm2niix_finds_the_affine_that_the_scale_asks_for(
    make: Make, enlarge, run_judge, tmp_path: Path, factors: tuple[int, int, int]
) -> None:
    folder = make(kind="CT", orientation=OBLIQUE, edit=in_space)
    rows, columns, slices = factors
    before = converted(run_judge, folder, tmp_path / "a")
    after = converted(run_judge, enlarge(folder, f"{rows},{columns},{slices}").folder, tmp_path / "b")
    scale = np.array([columns, rows, slices], dtype=float)  # NIfTI's first axis runs along columns
    step = np.eye(4)
    step[:3, :3] = np.diag(1 / scale)
    step[:3, 3] = (1 / scale - 1) / 2
    assert after.shape == tuple(int(n) for n in np.array(before.shape) * scale)
    assert np.abs(after.affine - before.affine @ step).max() < 1e-4


def test_simpleitk_finds_the_grid_that_the_scale_asks_for(folder: Path, enlarge) -> None:
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    output = enlarge(folder, "3,2,2")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(output.folder))
    image = sitk.ReadImage(names)
    assert image.GetSize() == output.plan.grid.shape[::-1]
    np.testing.assert_allclose(image.GetSpacing(), output.plan.grid.spacing[::-1], atol=1e-4)
    np.testing.assert_allclose(image.GetOrigin(), output.plan.grid.world((0, 0, 0)), atol=1e-3)
    values = output.source.read(output.source.extent).values[0]
    repeated = values.repeat(2, 0).repeat(3, 1).repeat(2, 2)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), repeated)


def test_highdicom_finds_a_regular_volume(folder: Path, enlarge) -> None:
    highdicom = pytest.importorskip("highdicom", reason="highdicom is not installed")
    output = enlarge(folder, "2,2,2")
    volume = highdicom.get_volume_from_series([dcmread(path) for path in output.files])
    np.testing.assert_allclose(sorted(volume.spacing), sorted(output.plan.grid.spacing), atol=1e-4)
    corners = {tuple(np.round(corner, 3)) for corner in output.plan.grid.world(_ends(output.plan.grid.shape))}
    found = {tuple(np.round(volume.map_indices_to_reference(np.array([i]))[0], 3)) for i in _ends(volume.shape)}
    assert corners == found


def _ends(shape: tuple[int, ...]) -> np.ndarray:
    return np.array(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij")).reshape(3, -1).T


def test_dcmtk_style_readers_find_no_stale_length(folder: Path, enlarge, run_judge) -> None:
    said = run_judge("dcdump", enlarge(folder).files[0])
    assert "Error" not in said
