"""The table of attributes, row by row: what stays, what goes, and what is new in every object."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian
from srkit_medical.dicom import uids
from srkit_medical.dicom.verify import verify_series

Make = Callable[..., Path]


def _item(**values: object) -> Sequence:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return Sequence([item])


KEPT = {
    "SpecificCharacterSet": "ISO_IR 100", "PatientName": "N\xe4me", "PatientComments": "told", "StudyID": "S",
    "StudyDate": "20200102", "StudyTime": "0304",
    "AccessionNumber": "A", "AcquisitionDate": "20200103", "AcquisitionTime": "0506", "AcquisitionDateTime": "",
    "ContentDate": "20200104", "ContentTime": "0708", "ReferencedImageSequence": _item(ReferencedSOPInstanceUID="1.2"),
    "RequestAttributesSequence": _item(ScheduledProcedureStepID="7"), "ProtocolName": "P",
    "IrradiationEventUID": "1.2.3", "SynchronizationFrameOfReferenceUID": "1.2.4", "FrameOfReferenceUID": "1.2.5",
    "PositionReferenceIndicator": "XY", "PatientPosition": "FFP", "AcquisitionMatrix": [0, 48, 32, 0],
    "PercentSampling": "80", "PercentPhaseFieldOfView": "75", "NumberOfPhaseEncodingSteps": 99,
    "ReconstructionDiameter": "250", "SpatialResolution": "0.7", "KVP": "120", "ExposureTime": "500", "EchoTime": "12",
    "RepetitionTime": "500", "FlipAngle": "30", "RescaleSlope": "2", "RescaleIntercept": "-4", "RescaleType": "US",
    "RealWorldValueMappingSequence": _item(RealWorldValueSlope=2.0), "WindowCenter": [40, 50], "WindowWidth": [80, 90],
    "WindowCenterWidthExplanation": ["a", "b"], "VOILUTFunction": "LINEAR", "PixelPaddingRangeLimit": 3,
    "LossyImageCompression": "01", "LossyImageCompressionRatio": "5", "LossyImageCompressionMethod": "ISO_10918_1",
    "BurnedInAnnotation": "NO", "RecognizableVisualFeatures": "NO", "PatientIdentityRemoved": "YES",
    "DeidentificationMethod": "by hand", "DeidentificationMethodCodeSequence": _item(CodeValue="113100"),
    "Manufacturer": "M", "ManufacturerModelName": "MM", "DeviceSerialNumber": "77", "StationName": "ST",
    "OriginalAttributesSequence": _item(ModifyingSystem="before", PixelSpacing=[9, 9]), "ICCProfile": b"profile ",
    "PresentationLUTShape": "IDENTITY", "Laterality": "", "ConversionType": "WSD", "TriggerTime": "70",
}  # fmt: skip
"""Rows marked K, and attributes that no row names: an output says what its source says, empty or not."""

GONE = {
    "ReferencedPerformedProcedureStepSequence": _item(ReferencedSOPInstanceUID="1.2"), "ImagerPixelSpacing": [1, 1],
    "NominalScannedPixelSpacing": [1, 1], "PixelSpacingCalibrationType": "GEOMETRY",
    "PixelSpacingCalibrationDescription": "c", "SpatialLocationsPreserved": "YES",
    "IconImageSequence": _item(Rows=8, Columns=8), "DigitalSignaturesSequence": _item(MACIDNumber=1),
    "MACParametersSequence": _item(MACIDNumber=1), "EncryptedAttributesSequence": _item(EncryptedContent=b"00"),
    "DataSetTrailingPadding": b"\0\0", "SmallestPixelValueInSeries": 1, "LargestPixelValueInSeries": 2,
    "InstanceCreationDate": "20200101", "InstanceCreationTime": "01",
}  # fmt: skip
"""Rows marked X."""


def told(attributes: dict[str, object]) -> Callable[[Dataset, int], None]:
    """Return an edit that sets attributes, whatever a slice said before."""

    def edit(dataset: Dataset, k: int) -> None:
        dataset.pop("PixelPaddingValue", None)
        for keyword, value in attributes.items():
            if keyword.startswith(("Smallest", "Largest", "PixelPadding")):
                dataset.add_new(keyword, "SS", value)
            else:
                setattr(dataset, keyword, value)

    return edit


def test_what_stays_true_is_said_as_the_source_says_it(make: Make, enlarge) -> None:
    output = enlarge(make(edit=told(KEPT)))
    assert verify_series(output.source, output.folder, output.plan) == []
    before, after = dcmread(output.source.series.first.path), output.datasets[0]
    assert {keyword for keyword in KEPT if after.get(keyword) != before.get(keyword)} == set()


def test_all_else_of_a_source_is_in_the_output_but_for_what_the_table_changes(make: Make, enlarge) -> None:
    output = enlarge(make())
    before, after = dcmread(output.source.series.first.path), output.datasets[0]
    differing = {e.keyword for e in before if not e.tag.is_private and after.get(e.tag) != e}
    assert {"SOPInstanceUID", "SeriesInstanceUID", "ImagePositionPatient", "PixelSpacing", "PixelData"} <= differing
    assert differing <= {
        "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "ImageType", "InstanceCreatorUID", "Rows", "Columns",
        "PixelSpacing", "ImagePositionPatient", "SpacingBetweenSlices", "PixelData", "SmallestImagePixelValue",
        "LargestImagePixelValue", "InstanceCreationDate", "InstanceCreationTime", "DataSetTrailingPadding",
        "ImageComments",
    }  # fmt: skip
    added = {e.keyword for e in after} - {e.keyword for e in before}
    assert added <= {
        "SeriesDescription", "DerivationDescription", "DerivationCodeSequence", "SourceImageSequence",
        "ReferencedSeriesSequence", "ContributingEquipmentSequence", "ContentQualification", "ImageComments",
        "InstanceCreatorUID", "SpacingBetweenSlices",
    }  # fmt: skip


def test_what_is_no_longer_true_is_gone(make: Make, enlarge) -> None:
    output = enlarge(make(edit=told(GONE)))
    assert all(keyword in dcmread(output.source.series.first.path) for keyword in GONE)
    assert not [keyword for dataset in output.datasets for keyword in GONE if keyword in dataset]


@pytest.mark.parametrize(
    ("number", "offset", "expected"),
    [("3", 9000, 9003), ("", 9000, 9000), ("3", 100, 103), ("2147483000", 9000, 9000)],
)
def test_an_object_has_numbers_and_a_creator_of_its_own(
    make: Make, enlarge, number: str, offset: int, expected: int
) -> None:
    for dataset in enlarge(make(edit=told({"SeriesNumber": number})), series_number_offset=offset).datasets:
        assert dataset.SeriesNumber == expected
        assert dataset.InstanceCreatorUID == uids.CREATOR
        for uid in (dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.InstanceCreatorUID):
            assert len(uid) <= 64
            assert not any(part.startswith("0") and part != "0" for part in uid.split("."))


def test_the_file_has_a_header_of_its_own(make: Make, enlarge) -> None:
    for dataset in enlarge(make()).datasets:
        meta = dataset.file_meta
        assert meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (
            dataset.SOPClassUID,
            dataset.SOPInstanceUID,
        )
        assert meta.ImplementationClassUID == uids.IMPLEMENTATION
        assert meta.ImplementationVersionName == "SRKIT_0.1.0"
        assert "SourceApplicationEntityTitle" not in meta
