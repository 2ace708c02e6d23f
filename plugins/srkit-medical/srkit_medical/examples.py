"""Small volumes made in code, for the contract tests of `srkit.testing`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from srkit.testing import Example

if TYPE_CHECKING:
    from pydicom import Dataset

NIFTI_TOLERANCE = 1e-4
"""Samples: a NIfTI header holds float32."""

OBLIQUE = np.array([[0.96, -0.28, 0.0], [0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])
SPACING_MM = np.array([0.9, 1.1, 4.0])
ROOT_UID = "2.25.1234567890"


def blob(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Return a bright ball on a dark, uneven ground, int16 ``(*shape)`` of 0 to about 1000."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    ball = 900 * np.exp(-2 * sum(x**2 for x in axes))
    return np.asarray(np.rint(ball + np.random.default_rng(0).uniform(0, 60, shape)), np.int16)


def write_nifti(root: Path, *, domain: str = "mri", slope: float = 1.0, intercept: float = 0.0) -> Example:
    """Write an oblique, anisotropic int16 volume."""
    import nibabel

    affine = np.eye(4)
    affine[:3, :3] = OBLIQUE * SPACING_MM
    affine[:3, 3] = [-20.0, 11.5, 40.25]
    image = nibabel.Nifti1Image(blob((12, 10, 6)), affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_slope_inter(slope, intercept)
    nibabel.save(image, root / "volume.nii.gz")
    return Example(domain, root, tolerance=NIFTI_TOLERANCE)


def write_ct_nifti(root: Path) -> Example:
    """Write a volume whose values are the stored ones less 1024."""
    return write_nifti(root, domain="ct", slope=1.0, intercept=-1024.0)


def write_pet_nifti(root: Path) -> Example:
    """Write a volume of activities in Bq/ml."""
    return write_nifti(root, domain="pet", slope=2.5)


def write_mri_series(root: Path) -> Example:
    """Write a classic MR series."""
    return _write_series(root, "mri")


def write_ct_series(root: Path) -> Example:
    """Write a classic CT series."""
    return _write_series(root, "ct")


def _write_series(root: Path, domain: str) -> Example:
    voxels = blob((6, 12, 10))
    for k, pixels in enumerate(voxels):
        dataset = _instance(domain, k)
        dataset.Rows, dataset.Columns = pixels.shape
        dataset.PixelData = pixels.tobytes()
        _save(dataset, root / f"IM{len(voxels) - k:04d}")
    return Example(domain, root)


def _instance(domain: str, k: int) -> Dataset:
    from pydicom import Dataset
    from pydicom.uid import CTImageStorage, MRImageStorage

    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage if domain == "ct" else MRImageStorage
    dataset.SOPInstanceUID = f"{ROOT_UID}.3.{k + 1}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{ROOT_UID}.1", f"{ROOT_UID}.2"
    dataset.FrameOfReferenceUID = f"{ROOT_UID}.4"
    dataset.Modality = "CT" if domain == "ct" else "MR"
    dataset.PatientID, dataset.PatientName = "example", "Example^Made"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.AccessionNumber = "", "", ""
    dataset.StudyID, dataset.ReferringPhysicianName, dataset.PositionReferenceIndicator = "1", "", ""
    dataset.StudyDate, dataset.StudyTime, dataset.Manufacturer = "20240101", "120000", "srkit"
    dataset.SeriesNumber, dataset.InstanceNumber, dataset.AcquisitionNumber = 3, k + 1, 1
    dataset.PatientPosition = "HFS"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL" if domain == "ct" else "M"]
    _describe_physics(dataset, domain)
    _describe_pixels(dataset, k)
    return dataset


def _describe_physics(dataset: Dataset, domain: str) -> None:
    if domain == "ct":
        dataset.KVP, dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 120, 1, -1024, "HU"
        return
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "SE", "NONE", ""
    dataset.MRAcquisitionType, dataset.EchoTime, dataset.RepetitionTime, dataset.EchoTrainLength = "2D", 15, 500, 1


def _describe_pixels(dataset: Dataset, k: int) -> None:
    columns, rows, normal = OBLIQUE.T
    position = np.array([-20.0, 11.5, 40.25]) + k * SPACING_MM[2] * normal
    dataset.ImageOrientationPatient = [round(float(x), 6) for x in (*columns, *rows)]
    dataset.ImagePositionPatient = [round(float(x), 6) for x in position]
    dataset.PixelSpacing = [float(SPACING_MM[1]), float(SPACING_MM[0])]
    dataset.SliceThickness = float(SPACING_MM[2])
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0


def _save(dataset: Dataset, path: Path) -> None:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)


EXAMPLES: Mapping[str, Any] = {
    "mri NIfTI": write_nifti,
    "pet NIfTI": write_pet_nifti,
    "mri DICOM": write_mri_series,
    "ct NIfTI": write_ct_nifti,
    "ct DICOM": write_ct_series,
}
