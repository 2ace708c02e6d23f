"""DICOM in, NIfTI out: the voxels lie where dcm2niix puts them, through the whole of srkit."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from srkit_medical.dicom.uids import uid_of

import srkit

DATA = Path(os.environ.get("SRKIT_DATA", Path(__file__).parents[3].parent / "shared" / "data")) / "medical" / "dicom"
OBLIQUE = (0.9396926, 0.3420201, 0.0, -0.3213938, 0.8830222, 0.3420201)
PLANES = {
    "axial": (1, 0, 0, 0, 1, 0),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "coronal": (1, 0, 0, 0, 0, -1),
    "oblique": OBLIQUE,
}


def write(folder: Path, plane: str = "oblique", kind: str = "MR", step: np.ndarray | None = None) -> Path:
    """Write five slices into `folder`."""
    folder.mkdir()
    directions = np.array(PLANES[plane], dtype=float)
    along = np.cross(directions[:3], directions[3:]) * 4.0 if step is None else step
    for k in range(5):
        dataset: Dataset = dcmread(str(get_testdata_file(f"{kind}_small.dcm")))
        dataset.ImageOrientationPatient = [f"{x:.10g}" for x in directions]
        dataset.ImagePositionPatient = [f"{x:.10g}" for x in np.array([-31.5, 12.25, 40.125]) + k * along]
        dataset.PixelSpacing = [0.9, 0.7]
        dataset.InstanceNumber = k + 1
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid_of("test", str(k))
        dataset.PixelData = np.roll(dataset.pixel_array, 3 * k, axis=0).tobytes()
        dataset.save_as(folder / f"{4 - k}.dcm")
    return folder


def upscaled(folder: Path, out: Path, scale: str, domain: str) -> nibabel.Nifti1Image:
    """Return the NIfTI file that `folder` becomes, somewhere in `out`."""
    report = srkit.upscale(folder, out, scale=scale, model="nearest", domain=domain, options={domain: {"to": "nifti"}})
    (result,) = [result for result in report.results if result.status != "skipped"]
    assert (result.status, result.reason) == ("done", "")
    (path,) = out.rglob("*.nii.gz")
    return nibabel.load(path)


def judged(folder: Path, tmp_path: Path) -> nibabel.Nifti1Image:
    """Return what dcm2niix makes of `folder`, axes in canonical order: it turns 3-D acquisitions, and only those.

    Philips' numbers are those shown (`-p n`), as srkit reads them.
    """
    if shutil.which("dcm2niix") is None:
        pytest.skip("dcm2niix is not installed; `make judges` installs it")
    out = tmp_path / "judge"
    out.mkdir()
    subprocess.run(
        ["dcm2niix", "-z", "n", "-b", "n", "-p", "n", "-f", "volume", "-o", out, folder],
        capture_output=True,
        check=True,
    )
    (path,) = out.glob("*.nii")
    return nibabel.as_closest_canonical(nibabel.load(path))


@pytest.mark.parametrize("kind", ["MR", "CT"])
@pytest.mark.parametrize("plane", PLANES)
def test_voxels_and_affine_are_those_of_dcm2niix(tmp_path: Path, plane: str, kind: str) -> None:
    folder = write(tmp_path / "in", plane, kind)
    image = upscaled(folder, tmp_path / "out", "1", {"MR": "mri", "CT": "ct"}[kind])
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
    image, judge = nibabel.as_closest_canonical(image), judged(folder, tmp_path)
    assert np.abs(image.affine - judge.affine).max() < 1e-4
    assert image.header.get_zooms() == pytest.approx(judge.header.get_zooms())
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), np.asanyarray(judge.dataobj))


@pytest.mark.parametrize("scale", ["2", "1,1,2", "3,2,2"])
def test_an_enlarged_volume_covers_the_same_box(tmp_path: Path, scale: str) -> None:
    folder = write(tmp_path / "in")
    image = nibabel.as_closest_canonical(upscaled(folder, tmp_path / "out", scale, "mri"))
    judge = judged(folder, tmp_path)
    for corner in ((-0.5, -0.5, -0.5), (1, 1, 1)):
        ends = [np.where(np.array(corner) < 0, -0.5, np.array(i.shape) - 0.5) for i in (image, judge)]
        places = [nibabel.affines.apply_affine(i.affine, end) for i, end in zip((image, judge), ends, strict=True)]
        np.testing.assert_allclose(*places, atol=1e-4)


def test_it_says_where_it_comes_from_and_nothing_of_the_patient(tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    image = upscaled(folder, tmp_path / "out", "2", "mri")
    assert image.header["descrip"].item().startswith(b"srkit")
    name = str(dcmread(folder / "0.dcm").PatientName).encode()
    assert name
    assert name not in image.header.binaryblock


def test_a_folder_of_series_becomes_a_folder_of_volumes(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    write(tmp_path / "archive" / "one")
    report = srkit.upscale(
        tmp_path / "archive", tmp_path / "out", scale="2", model="nearest", domain="mri",
        options={"mri": {"to": "nifti"}},
    )  # fmt: skip
    assert report.exit_code == 0
    assert (tmp_path / "out" / "one.nii.gz").is_file()


def test_a_tilted_gantry_keeps_its_shear(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", "axial", "CT", step=np.array([0.0, 1.5, 5.0]))
    image = upscaled(folder, tmp_path / "out", "2", "ct")
    assert int(image.header["qform_code"]) == 0
    np.testing.assert_allclose(image.affine[:3, 2], [0, -1.5, 5], atol=1e-5)


REAL = (
    "ct_philips_implicit", "ct_siemens_j2k", "ct_toshiba_intercept0", "mr_ge_fmri_4d", "mr_ge_genesis_wrist",
    "mr_hitachi_oblique_noise", "mr_philips_4d_oblique", "mr_philips_noise",
    "mr_siemens_decubitus_left", "mr_siemens_mosaic_human", "mr_siemens_mosaic_phantom", "mr_siemens_sag",
    "mr_four_codecs_noise/jpeg_lossless",
)  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_series_lie_where_dcm2niix_puts_them(tmp_path: Path, name: str) -> None:
    if not DATA.is_dir():
        pytest.skip("no real data; set SRKIT_DATA")
    image = upscaled(DATA / name, tmp_path / "out", "1", name.split("_")[0].replace("mr", "mri"))
    image = nibabel.as_closest_canonical(image)
    judge = judged(DATA / name, tmp_path)
    assert np.abs(image.affine - judge.affine).max() < 1e-3
    assert image.header.get_zooms() == pytest.approx(judge.header.get_zooms(), abs=1e-3)
    np.testing.assert_allclose(np.squeeze(image.get_fdata()), np.squeeze(judge.get_fdata()), rtol=1e-5)


@pytest.mark.parametrize("name", ["6_1.dcm", "6_4.dcm"])
def test_real_enhanced_volumes_lie_where_dcm2niix_puts_them(tmp_path: Path, name: str) -> None:
    path = DATA / "enh_mr_siemens_xa10_4d_phantom" / name
    if not path.is_file():
        pytest.skip("no real data; set SRKIT_DATA")
    (tmp_path / "in").mkdir()
    shutil.copy(path, tmp_path / "in")
    image = nibabel.as_closest_canonical(upscaled(tmp_path / "in", tmp_path / "out", "1", "mri"))
    judge = judged(tmp_path / "in", tmp_path)
    assert np.abs(image.affine - judge.affine).max() < 1e-3
    np.testing.assert_array_equal(image.get_fdata(), judge.get_fdata())


def test_a_stack_of_a_real_file_becomes_a_volume_of_its_own(tmp_path: Path) -> None:
    folder = DATA / "enh_mr_philips_fieldmap_phantom"
    if not folder.is_dir():
        pytest.skip("no real data; set SRKIT_DATA")
    image = upscaled(folder, tmp_path / "out", "2", "mri")
    assert image.shape == (128, 128, 32)
    assert [path.name for path in (tmp_path / "out").glob("*.nii.gz")] == ["IM_0027_fMAP-stack-01.nii.gz"]


def test_rounded_positions_are_met_as_closely_as_they_are_rounded(tmp_path: Path) -> None:
    """Steps of 6.96 and 7.06 mm, rounded to 0.1 mm in each direction, are their mean to srkit."""
    folder = DATA / "mr_ge_oblique_pd"
    if not folder.is_dir():
        pytest.skip("no real data; set SRKIT_DATA")
    image = upscaled(folder, tmp_path / "out", "1", "mri")
    given = [np.array(dcmread(path).ImagePositionPatient, dtype=float) for path in folder.iterdir()]
    last_row = image.shape[1] - 1  # where DICOM begins to count
    places = np.array([image.affine @ [0, last_row, k, 1] for k in range(image.shape[2])])[:, :3] * [-1, -1, 1]
    assert max(np.linalg.norm(places - position, axis=1).min() for position in given) <= 0.1


def test_a_window_of_slices_is_where_it_was(tmp_path: Path) -> None:
    folder = write(tmp_path / "in")
    whole = upscaled(folder, tmp_path / "whole", "1,1,2", "mri")
    options = {"mri": {"to": "nifti"}}
    (result,) = srkit.upscale(
        folder, tmp_path / "cut", scale="1,1,2", model="nearest", window=":,:,1:4", options=options
    ).results
    cut = nibabel.load(result.output)
    np.testing.assert_array_equal(np.asarray(cut.dataobj), np.asarray(whole.dataobj)[..., 2:8])
    np.testing.assert_allclose(cut.affine @ [0, 0, 0, 1], whole.affine @ [0, 0, 2, 1], atol=1e-4)


def test_padding_that_nifti_cannot_tell_is_no_fault_of_the_output(tmp_path: Path) -> None:
    """Samples of the padding value are values like any others there."""
    folder = write(tmp_path / "in")
    for path in folder.iterdir():
        dataset = dcmread(path)
        dataset.add_new(0x00280120, "SS", int(dataset.pixel_array[0, 0]))
        dataset.save_as(path)
    upscaled(folder, tmp_path / "out", "1,1,2", "mri")
    (path,) = (tmp_path / "out").glob("*.nii.gz")
    found = srkit.verify(folder, path, domain="mri", options={"mri": {"to": "nifti"}})
    assert found.good, found.findings
    assert "N11" not in dict(found.passed)
