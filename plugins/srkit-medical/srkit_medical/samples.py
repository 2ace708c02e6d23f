"""Real MRI for the demonstration, from packages: the MNI152 T1 template, and an Enhanced MR header without pixels."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from srkit import Sample, packaged_file

if TYPE_CHECKING:
    from pydicom import Dataset

T1 = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
ENHANCED = "tests/data/philips_mprage.dcm.gz"
SLABS = {
    "train": ((20, 36), (36, 52), (52, 66), (112, 128), (128, 144)),
    "val": ((70, 78),),
    "reference": ((92, 108),),
}
"""Axial slices of each part; at least four slices lie between parts, for neighbours look alike."""

STUDY = "2.25.152009"
SERIES_TIME = ("20090101", "120000")


def t1_samples(folder: Path) -> Sequence[Sample]:
    """Cut the T1 volume into slabs for training, validation and comparison, and write some of it as DICOM."""
    original = packaged_file("nilearn", T1)
    volume = _Volume(original)
    rows = ["path,split"]
    for split in ("train", "val"):
        for first, last in SLABS[split]:
            path = folder / "mri-train" / f"z{first:03d}-{last - 1:03d}.nii.gz"
            volume.write_slab(path, first, last)
            rows.append(f"{path.name},{split}")
    (folder / "mri-train" / "split.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    first, last = SLABS["reference"][0]
    reference = folder / "mri-reference" / f"z{first:03d}-{last - 1:03d}.nii.gz"
    volume.write_slab(reference, first, last)
    volume.write_series(folder / "mri-series", first, last)
    source = "MNI152 T1 template at 1 mm (ICBM 2009a, an average of 152 brains), from nilearn's package data"
    return (
        Sample("T1 slabs for training", "mri", folder / "mri-train", "train", f"Axial slabs of the {source}."),
        Sample(
            "T1 slab held out of training",
            "mri",
            reference,
            "reference",
            f"Axial slices {first} to {last - 1} of the {source}. Training saw other slices of the same volume; at "
            "least four slices between them were not used.",
            rows_up=True,
        ),
        Sample("T1 volume", "mri", original, "upscale", f"The whole {source}, unchanged.", rows_up=True),
        Sample(
            "T1 as a DICOM series",
            "mri",
            folder / "mri-series",
            "upscale",
            f"Written for this demonstration from the template's real voxels: slices {first} to {last - 1} as a "
            "classic single-frame MR series. Its header is made up; nobody was scanned.",
        ),
    )


def enhanced_samples(folder: Path) -> Sequence[Sample]:
    """Unpack the Enhanced MR object that nibabel ships among its tests."""
    path = folder / "mri-enhanced" / "philips_mprage.dcm"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.decompress(packaged_file("nibabel", ENHANCED).read_bytes()))
    story = "A real Philips Enhanced MR header from nibabel's tests; its makers emptied the pixels."
    return (Sample("Enhanced MR, header only", "mri", path, "inspect", story),)


class _Volume:
    """The T1 volume: even in rows and columns, so that a factor of 2 fits."""

    def __init__(self, path: Path) -> None:
        import nibabel

        self._image = nibabel.load(path)
        voxels = np.asanyarray(self._image.dataobj)
        self._voxels = voxels[: voxels.shape[0] // 2 * 2, : voxels.shape[1] // 2 * 2]

    def write_slab(self, path: Path, first: int, last: int) -> None:
        """Write slices `first` to `last` (not included) as NIfTI, where they lie in the volume."""
        import nibabel

        affine = self._image.affine.copy()
        affine[:3, 3] += first * affine[:3, 2]
        image = nibabel.Nifti1Image(self._voxels[..., first:last], affine)
        image.set_sform(affine, 4)  # MNI space
        image.set_qform(affine, 4)
        image.header.set_xyzt_units("mm")
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(image, path)

    def write_series(self, folder: Path, first: int, last: int) -> None:
        """Write slices as a classic MR series, one file each: rows towards the back, columns towards the left."""
        folder.mkdir(parents=True)
        to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ self._image.affine
        columns, rows = self._voxels.shape[:2]
        for number, k in enumerate(range(first, last), start=1):
            dataset = _instance(number)
            dataset.ImagePositionPatient = [float(x) for x in (to_lps @ [columns - 1, rows - 1, k, 1])[:3]]
            dataset.ImageOrientationPatient = [float(x) for x in (*-to_lps[:3, 0], *-to_lps[:3, 1])]
            dataset.SliceLocation = float(to_lps[2, 2] * k + to_lps[2, 3])
            dataset.PixelSpacing = [float(np.linalg.norm(to_lps[:3, 1])), float(np.linalg.norm(to_lps[:3, 0]))]
            dataset.SliceThickness = dataset.SpacingBetweenSlices = float(np.linalg.norm(to_lps[:3, 2]))
            pixels = np.ascontiguousarray(self._voxels[::-1, ::-1, k].T.astype("<u2"))
            dataset.Rows, dataset.Columns = pixels.shape
            dataset.PixelData = pixels.tobytes()
            _save(dataset, folder / f"IM{number:04d}.dcm")


def _instance(number: int) -> Dataset:
    from pydicom import Dataset
    from pydicom.uid import MRImageStorage

    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, f"{STUDY}.3.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{STUDY}.1", f"{STUDY}.2"
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = f"{STUDY}.4", ""
    dataset.StudyDate = dataset.SeriesDate = SERIES_TIME[0]
    dataset.StudyTime = dataset.SeriesTime = SERIES_TIME[1]
    dataset.PatientName, dataset.PatientID = "MNI152^Template", "MNI152"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.Modality, dataset.Manufacturer, dataset.StudyID = "MR", "srkit demonstration", "1"
    dataset.SeriesDescription, dataset.PatientPosition = "MNI152 T1 voxels as DICOM", "HFS"
    dataset.BodyPartExamined = "BRAIN"
    dataset.SeriesNumber, dataset.InstanceNumber, dataset.AcquisitionNumber = 1, number, 1
    _describe(dataset)
    return dataset


def _describe(dataset: Dataset) -> None:
    """Fill in what the MR module demands: unknown to us where it may be empty, of a T1 acquisition where not."""
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "GR", "SP", ""
    dataset.MRAcquisitionType, dataset.EchoTrainLength = "3D", 1
    dataset.EchoTime = dataset.RepetitionTime = None
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.WindowCenter, dataset.WindowWidth = 128, 256


def _save(dataset: Dataset, path: Path) -> None:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)


SAMPLES: Mapping[str, Any] = {"T1": t1_samples, "Enhanced MR": enhanced_samples}
