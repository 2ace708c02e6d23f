"""The table of attributes: a derived data set starts as a copy of its nearest source, and each row is applied to it.

What no row names is kept: the patient, the study, the order, the scanner and the acquisition stay what they were.
"""

from __future__ import annotations

from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

from srkit.image import Array, OutputPlan
from srkit_medical.dicom import compressing, lineage, scrub, uids
from srkit_medical.dicom.derived import DerivedSlice
from srkit_medical.dicom.geometry import Plane
from srkit_medical.dicom.grouping import Series
from srkit_medical.dicom.reading import Elements, UnfitError
from srkit_medical.dicom.storage import TABLED, Layout

SERIES_NUMBER_OFFSET = 9000
LARGEST_INTEGER = 2**31 - 1
"""What an integer string holds (PS3.5, 6.2)."""
TEXT_LENGTH = 64
PET = "1.2.840.10008.5.1.4.1.1.128"
"""PET Image Storage, whose ImageType knows no SECONDARY (PS3.3, C.8.9.4.1.3)."""


def ds(number: float) -> str:
    """Return a decimal string of at most 16 characters, as precise as that allows."""
    return str(format_number_as_ds(float(number) + 0.0))


def set_identity(dataset: Dataset, first: Dataset, plan: OutputPlan, series_uid: str) -> None:
    """Make it an instance of a new series in the same study; its own UID comes with the pixels."""
    dataset.SeriesInstanceUID = series_uid
    dataset.SeriesNumber = str(_series_number(first, plan))
    mark = "SR AI " if lineage.is_learned(plan) else f"SR {plan.provenance.model} "
    described = str(first.get("SeriesDescription") or "")
    dataset.SeriesDescription = (mark + described).encode("ascii", "replace").decode()[:TEXT_LENGTH].strip()
    flavours = [value for value in list(dataset.get("ImageType") or ())[2:] if value != "MOSAIC"]
    dataset.ImageType = ["DERIVED", "PRIMARY" if dataset.get("SOPClassUID") == PET else "SECONDARY", *flavours]
    dataset.ContentQualification = "RESEARCH"
    dataset.InstanceCreatorUID = uids.CREATOR


def _series_number(first: Dataset, plan: OutputPlan) -> int:
    """Return the source's number and the offset; the offset alone where there is no number, or their sum is none."""
    offset = int(plan.options.get("series_number_offset", SERIES_NUMBER_OFFSET))
    try:
        number = offset + (Elements(first).whole("SeriesNumber") or 0)
    except UnfitError:
        return offset
    return number if abs(number) <= LARGEST_INTEGER else offset


def set_study(dataset: Dataset, study_uid: str) -> None:
    """Name the study where the source does not."""
    if not dataset.get("StudyInstanceUID"):
        dataset.StudyInstanceUID = study_uid


def set_geometry(dataset: Dataset, series: Series, plan: OutputPlan, derived: DerivedSlice) -> None:
    """Write position, spacings and numbers; orientation and frame of reference stay those of the source."""
    plane: Plane = derived.plane
    dataset.ImagePositionPatient = [ds(x) for x in plane.position]
    dataset.PixelSpacing = [ds(x) for x in plane.spacing]
    dataset.InstanceNumber = str(derived.number)
    if derived.thickness_mm is not None:
        dataset.SliceThickness = ds(derived.thickness_mm)
    resliced = plan.grid.shape[0] != len(series.frames[0])
    wanted = derived.nearest.domain == "mri" or resliced or "SpacingBetweenSlices" in dataset
    if derived.spacing_mm is not None and wanted:
        dataset.SpacingBetweenSlices = ds(derived.spacing_mm)
    if resliced or derived.nearest.tile is not None or derived.nearest.gap is not None:
        _set_or_remove(dataset, "SliceLocation", None if derived.location is None else ds(derived.location))
    if dataset.get("ImagesInAcquisition") != len(series.instances):  # else readers look for as many volumes
        _set_or_remove(dataset, "ImagesInAcquisition", None)
    if resliced or series.filled:
        _set_or_remove(dataset, "ImagesInAcquisition", str(plan.frames * plan.grid.shape[0]))
        _set_or_remove(dataset, "NumberOfSlices", plan.grid.shape[0])
        _set_or_remove(dataset, "ImageIndex", derived.number)
    scrub.set_nested_spacings(dataset)


def set_rescale(dataset: Dataset, series: Series, plan: OutputPlan) -> None:
    """Where slices had scales of their own, write the one that the samples are stored on, at the top or in its group.

    What was stated about the old samples goes: a mapping to real-world values, private scales.
    """
    if series.first.table is not None:
        _set_tabled(dataset)
    if not series.is_rescaled_by_slice:
        return
    nested = list(scrub.nested_datasets(dataset))
    for data in (dataset, *nested):
        if "RealWorldValueMappingSequence" in data:
            del data["RealWorldValueMappingSequence"]
    scrub.drop_scales(dataset, keep_private=bool(plan.options.get("keep_private")))
    groups = [item for data in nested for item in data.get("PixelValueTransformationSequence") or ()]
    for data in groups or (dataset,):
        data.RescaleSlope, data.RescaleIntercept = ds(plan.encoding.slope), ds(plan.encoding.intercept)


def _set_tabled(dataset: Dataset) -> None:
    """Say that samples are the values now, which a table made of those of the source."""
    kind = dataset.ModalityLUTSequence[0].get("ModalityLUTType")
    del dataset.ModalityLUTSequence
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = "1", "0", str(kind or "US")
    dataset.BitsAllocated, dataset.BitsStored = TABLED.allocated, TABLED.stored
    dataset.HighBit, dataset.PixelRepresentation = TABLED.stored - 1, int(TABLED.signed)


def set_pixels(dataset: Dataset, stored: Array, layout: Layout, syntax: UID) -> None:
    """Write ``(rows, columns)`` stored samples; how they are stored stays that of the source."""
    dataset.Rows, dataset.Columns = stored.shape
    frame = compressing.encoded(stored, layout, syntax)
    data = compressing.as_item(b"") + compressing.as_item(frame) if syntax.is_compressed else frame
    compressing.set_pixel_data(dataset, data, layout, syntax)


def set_loss(dataset: Dataset, series: Series) -> None:
    """Say that pixels went through a lossy compression if those of any source did."""
    if any("lossy" in instance.notes for instance in series.instances):
        dataset.LossyImageCompression = "01"


def set_file_meta(dataset: FileDataset, uid: str, sop_class: str, plan: OutputPlan) -> None:
    """Give the file a fresh header: the transfer syntax of the plan, our implementation, an empty preamble."""
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = uid
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = compressing.syntax_for(plan)
    meta.ImplementationClassUID = uids.IMPLEMENTATION
    meta.ImplementationVersionName = f"SRKIT_{plan.provenance.version}".upper()[:16]
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128


def _set_or_remove(dataset: Dataset, keyword: str, value: str | int | None) -> None:
    if keyword not in dataset:
        return
    if value is None:
        del dataset[keyword]
    else:
        setattr(dataset, keyword, value)
