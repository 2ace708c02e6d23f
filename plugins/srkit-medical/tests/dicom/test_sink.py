"""Writing: the table of attributes, row by row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from srkit_medical.dicom.sink import create_series
from srkit_medical.dicom.uids import uid_of
from srkit_medical.dicom.verify import verify_series

import srkit
from srkit.errors import OutputError, UsageError
from srkit.grid import Window

Make = Callable[..., Path]
OBLIQUE = (0.9396926, 0.3420201, 0.0, -0.3213938, 0.8830222, 0.3420201)
STALE_IF_KEPT = {
    "OverlayData", "IconImageSequence", "DigitalSignaturesSequence", "ReferencedPerformedProcedureStepSequence",
    "ImagerPixelSpacing", "NominalScannedPixelSpacing", "DataSetTrailingPadding",
}  # fmt: skip


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def rich(dataset: Dataset, k: int) -> None:
    """Give a slice one of everything that the table speaks of."""
    dataset.ImageType = ["ORIGINAL", "PRIMARY", *list(dataset.ImageType)[2:], "NORM"]
    dataset.FrameOfReferenceUID = uid_of("frame")
    dataset.SeriesDescription = "T1 K\xf6rper " + "long " * 10
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SeriesDate, dataset.SeriesTime = "20040119", f"0727{k:02d}"
    dataset.TriggerTime = str(100 * k)
    dataset.DerivationDescription = "resampled before"
    dataset.ImageComments = "kept"
    dataset.WindowCenter, dataset.WindowWidth = [600, 40], [1600, 80]
    dataset.LossyImageCompression, dataset.LossyImageCompressionRatio = "01", "5"
    dataset.ImagesInAcquisition = 6
    dataset.AcquisitionMatrix = [0, 64, 64, 0]
    dataset.SpacingBetweenSlices = "99"
    dataset.ImagerPixelSpacing = dataset.NominalScannedPixelSpacing = [1, 1]
    dataset.ReferencedPerformedProcedureStepSequence = Sequence([_item(ReferencedSOPInstanceUID="1.2")])
    dataset.ReferencedImageSequence = Sequence(
        [_item(ReferencedSOPClassUID=dataset.SOPClassUID, ReferencedSOPInstanceUID="1.2.3")]
    )
    dataset.RequestAttributesSequence = Sequence([_item(ScheduledProcedureStepID="7")])
    dataset.IconImageSequence = Sequence([_item(Rows=8, Columns=8)])
    dataset.add_new(0x60003000, "OW", b"\0" * 8)
    dataset.add_new(0x60000010, "US", 64)
    block = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    block.add_new(0x0E, "FL", 0.25)
    block.add_new(0x10, "LO", "private")
    dataset.RequestAttributesSequence[0].private_block(0x0029, "NESTED", create=True).add_new(1, "LO", "private")
    dataset.PixelMeasuresSequence = Sequence([_item(PixelSpacing=[1, 1], SpacingBetweenSlices="99")])
    dataset.preamble = b"CANARY" + b"\0" * 122
    dataset.file_meta.SourceApplicationEntityTitle = "CANARY"


@pytest.fixture
def rich_folder(make: Make) -> Path:
    return make(edit=rich, orientation=OBLIQUE)


def test_every_slice_is_one_numbered_file(rich_folder: Path, enlarge) -> None:
    assert [path.name for path in enlarge(rich_folder, "2,2,2").files] == [f"{k:04d}.dcm" for k in range(1, 13)]


def test_positions_and_spacings_follow_the_closed_form(rich_folder: Path, enlarge) -> None:
    across, down = np.array(OBLIQUE[:3]), np.array(OBLIQUE[3:])
    step = 5 * np.cross(across, down)
    for k, dataset in enumerate(enlarge(rich_folder, "3,2,4").datasets):
        expected = (
            np.array([-31.5, 12.25, 40.125])
            + across * 0.7 * (1 / 2 - 1) / 2
            + down * 0.9 * (1 / 3 - 1) / 2
            + step * ((1 / 4 - 1) / 2 + k / 4)
        )
        np.testing.assert_allclose(dataset.ImagePositionPatient, expected, atol=1e-8)
        np.testing.assert_allclose(dataset.PixelSpacing, [0.9 / 3, 0.7 / 2], rtol=1e-12)
        assert dataset.SliceThickness == pytest.approx(1.25)
        assert dataset.SpacingBetweenSlices == pytest.approx(1.25)
        assert dataset.PixelMeasuresSequence[0].SpacingBetweenSlices == pytest.approx(1.25)
        assert dataset.PixelMeasuresSequence[0].PixelSpacing == dataset.PixelSpacing
        assert (dataset.Rows, dataset.Columns, dataset.InstanceNumber) == (192, 128, k + 1)
        assert dataset.ImagesInAcquisition == 24


def test_decimal_strings_have_at_most_16_characters(rich_folder: Path, enlarge) -> None:
    dataset = enlarge(rich_folder, "3,3,3").datasets[1]
    written = [*dataset.ImagePositionPatient, *dataset.PixelSpacing, dataset.SliceThickness]
    assert all(len(str(number)) <= 16 for number in written)


def test_slices_alone_keep_their_own_positions_where_they_lie_unevenly(make: Make, enlarge) -> None:
    depths = [0, 5, 10, 20, 25, 30]

    def gap(dataset: Dataset, k: int) -> None:
        dataset.ImagePositionPatient = [1, 2, depths[k]]

    output = enlarge(make(edit=gap))
    assert [float(d.ImagePositionPatient[2]) for d in output.datasets] == depths
    assert all("SpacingBetweenSlices" not in dataset for dataset in output.datasets)


def test_a_tilted_stack_keeps_its_tilt(make: Make, enlarge) -> None:
    datasets = enlarge(make(kind="CT", step=(0, 1.5, 5.0))).datasets
    positions = np.array([dataset.ImagePositionPatient for dataset in datasets], dtype=float)
    np.testing.assert_allclose(np.diff(positions, axis=0), np.tile([0, 1.5, 5.0], (5, 1)), atol=1e-9)


def test_thickness_stays_where_slices_are_not_scaled(make: Make, enlarge) -> None:
    def thick(dataset: Dataset, k: int) -> None:
        dataset.SliceThickness = "3"

    assert {float(d.SliceThickness) for d in enlarge(make(edit=thick)).datasets} == {3.0}


def test_identity_of_patient_and_study_stays_and_that_of_series_and_instances_is_new(
    rich_folder: Path, enlarge
) -> None:
    output = enlarge(rich_folder)
    before = [dcmread(instance.path) for instance in output.source.series.instances]
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate", "FrameOfReferenceUID", "Manufacturer"):
        assert {str(d.get(keyword)) for d in output.datasets} == {str(d.get(keyword)) for d in before}
    assert len({d.SeriesInstanceUID for d in output.datasets}) == 1
    assert len({d.SOPInstanceUID for d in output.datasets}) == 6
    known = {d.SOPInstanceUID for d in before} | {d.SeriesInstanceUID for d in before}
    assert known.isdisjoint({d.SOPInstanceUID for d in output.datasets} | {output.datasets[0].SeriesInstanceUID})
    for dataset in output.datasets:
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        assert len(dataset.SOPInstanceUID) <= 64


@pytest.mark.parametrize("series", ["1.2.3", ""])
def test_a_study_without_an_identity_gets_one_that_outputs_of_its_series_share(
    make: Make, enlarge, series: str
) -> None:
    def anonymous(dataset: Dataset, k: int) -> None:
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "", series
        if not series:
            del dataset.StudyInstanceUID, dataset.SOPInstanceUID

    folder = make(edit=anonymous)
    outputs = [enlarge(folder, scale, folder=f"out-{scale}") for scale in ("2", "1,1,2")]
    assert [verify_series(output.source, output.folder, output.plan) for output in outputs] == [[], []]
    (uid,) = {dataset.StudyInstanceUID for output in outputs for dataset in output.datasets}
    assert uid.startswith("2.25.")


def test_it_says_that_it_is_derived_and_by_what(rich_folder: Path, enlarge) -> None:
    for dataset in enlarge(rich_folder).datasets:
        assert list(dataset.ImageType) == ["DERIVED", "SECONDARY", "OTHER", "NORM"]
        assert dataset.ContentQualification == "RESEARCH"
        assert dataset.SeriesDescription.startswith("SR AI T1 K?rper")
        assert len(dataset.SeriesDescription) <= 64
        assert dataset.DerivationDescription.startswith("resampled before; srkit")
        assert "not for diagnostic use" in dataset.DerivationDescription
        assert "ab" * 32 in dataset.DerivationDescription
        assert len(dataset.DerivationDescription) <= 1024
        assert dataset.DerivationCodeSequence[0].CodeValue == "113085"
        assert dataset.ImageComments == "kept; AI super-resolution. Not for diagnostic use."
        equipment = dataset.ContributingEquipmentSequence[-1]
        assert (equipment.ManufacturerModelName, equipment.SoftwareVersions) == ("srkit", "0.1.0")
        assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"


def test_plain_interpolation_is_not_called_ai(make: Make, enlarge) -> None:
    dataset = enlarge(make(), sha256=None).datasets[0]
    texts = f"{dataset.SeriesDescription} {dataset.ImageComments} {dataset.DerivationDescription}"
    assert "AI" not in texts
    assert dataset.SeriesDescription.startswith("SR test")


def test_each_slice_names_those_that_bracket_it(rich_folder: Path, enlarge) -> None:
    output = enlarge(rich_folder, "1,1,4")
    sources = output.source.series.frames[0]
    for k, dataset in enumerate(output.datasets):
        place = (k + 0.5) / 4 - 0.5
        indices = sorted({min(max(int(np.floor(place)), 0), 5), min(max(int(np.ceil(place)), 0), 5)})
        named = [item.ReferencedSOPInstanceUID for item in dataset.SourceImageSequence]
        assert named == [sources[i].uid for i in indices]
        codes = {item.PurposeOfReferenceCodeSequence[0].CodeValue for item in dataset.SourceImageSequence}
        assert codes == {"121322"}
        (series,) = dataset.ReferencedSeriesSequence
        assert series.SeriesInstanceUID == sources[0].series
        assert [item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence] == named


def test_slices_scaled_in_plane_name_exactly_one_source(rich_folder: Path, enlarge) -> None:
    output = enlarge(rich_folder)
    named = [[item.ReferencedSOPInstanceUID for item in d.SourceImageSequence] for d in output.datasets]
    assert named == [[instance.uid] for instance in output.source.series.frames[0]]


def test_what_belongs_to_a_slice_comes_from_the_nearest_source(rich_folder: Path, enlarge) -> None:
    times = [float(dataset.TriggerTime) for dataset in enlarge(rich_folder, "1,1,2").datasets]
    assert times == [100.0 * (k // 2) for k in range(12)]


def test_the_series_has_one_date(rich_folder: Path, enlarge) -> None:
    datasets = enlarge(rich_folder).datasets
    assert {dataset.SeriesTime for dataset in datasets} == {"072700"}
    assert all("InstanceCreationDate" not in dataset for dataset in datasets)


def test_a_stated_moment_dates_series_content_and_equipment(
    rich_folder: Path, enlarge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    dataset = enlarge(rich_folder).datasets[3]
    assert dataset.TimezoneOffsetFromUTC == "-0400"
    assert (dataset.SeriesDate, dataset.SeriesTime) == ("20231114", "181320")
    assert (dataset.ContentDate, dataset.InstanceCreationTime) == ("20231114", "181320")
    assert dataset.ContributingEquipmentSequence[-1].ContributionDateTime == "20231114221320+0000"
    assert dataset.StudyDate == "20040826"


def test_what_a_change_of_pixels_makes_false_is_gone(rich_folder: Path, enlarge) -> None:
    for path in enlarge(rich_folder).files:
        dataset = dcmread(path)
        assert STALE_IF_KEPT.isdisjoint(element.keyword for element in dataset)
        assert not any(element.tag.group in (0x6000, 0x5000) for element in dataset)
        assert "SmallestImagePixelValue" not in dataset
        assert path.read_bytes()[:128] == b"\0" * 128
        assert b"CANARY" not in path.read_bytes()


def test_what_stays_true_is_kept(rich_folder: Path, enlarge) -> None:
    dataset = enlarge(rich_folder).datasets[0]
    assert (dataset.WindowCenter, dataset.WindowWidth) == ([600, 40], [1600, 80])
    assert dataset.LossyImageCompression == "01"
    assert list(dataset.AcquisitionMatrix) == [0, 64, 64, 0]
    assert dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3"
    assert dataset.RequestAttributesSequence[0].ScheduledProcedureStepID == "7"


def test_private_attributes_go_at_any_depth_save_those_that_scale_values(rich_folder: Path, enlarge) -> None:
    dataset = enlarge(rich_folder).datasets[0]
    private = {element.tag: element.value for element in dataset.iterall() if element.tag.is_private}
    assert private == {0x20050010: "Philips MR Imaging DD 001", 0x2005100E: 0.25}


def test_what_tells_apart_volumes_and_times_stays(make: Make, enlarge) -> None:
    def of_phases(dataset: Dataset, k: int) -> None:
        dataset.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0x08, "IS", "1")
        dataset.private_block(0x2001, "Philips Imaging DD 001").add_new(0x09, "FL", 0.0)
        group = _item()
        group.private_block(0x0021, "SIEMENS MR SDI 02", create=True).add_new(0x04, "DS", "0.25")
        group.private_block(0x0021, "SIEMENS MR SDI 02").add_new(0x06, "LO", "private")
        block = dataset.private_block(0x0021, "SIEMENS MR SDI 02", create=True)
        block.add_new(0xFE, "SQ", Sequence([group]))
        dataset.RescaleSlope, dataset.RescaleIntercept = str(1 + k), "0"

    dataset = enlarge(make(edit=of_phases)).datasets[0]
    kept = {
        element.tag for element in dataset.iterall() if element.tag.is_private and not element.tag.is_private_creator
    }
    assert kept == {0x20011008, 0x002110FE, 0x00211004}


@pytest.mark.parametrize(
    ("stated", "scale", "expected"), [(6, "2", 6), (6, "1,1,2", 12), (1, "2", None), (9, "2", None)]
)
def test_a_count_of_images_is_true_or_gone(make: Make, enlarge, stated: int, scale: str, expected: int | None) -> None:
    def counted(dataset: Dataset, k: int) -> None:
        dataset.ImagesInAcquisition = stated

    assert all(d.get("ImagesInAcquisition") == expected for d in enlarge(make(edit=counted), scale).datasets)


def test_private_attributes_stay_on_request(rich_folder: Path, enlarge) -> None:
    dataset = enlarge(rich_folder, keep_private=True).datasets[0]
    assert dataset[0x20051010].value == "private"


def test_the_series_number_moves_by_the_offset_asked_for(make: Make, enlarge) -> None:
    folder = make()
    number = int(dcmread(folder / "000.dcm").SeriesNumber)
    assert enlarge(folder).datasets[0].SeriesNumber == number + 9000
    assert enlarge(folder, folder="b", series_number_offset=5).datasets[0].SeriesNumber == number + 5


def test_a_series_number_that_is_none_does_not_cost_the_series(make: Make, enlarge) -> None:
    def in_words(dataset: Dataset, k: int) -> None:
        dataset[0x00200011] = RawDataElement(Tag(0x00200011), "IS", 4, b"five", 0, False, True)

    assert enlarge(make(edit=in_words)).datasets[0].SeriesNumber == 9000


def test_the_number_does_not_hang_on_what_lies_beside_the_output(make: Make, tmp_path: Path) -> None:
    folder, texts = make(), []
    for out in ("a", "b"):
        for model in ("nearest", "bicubic"):
            srkit.upscale(folder, tmp_path / out / model, model=model)
        texts.append([path.read_bytes() for path in sorted((tmp_path / out).rglob("*.dcm"))])
    assert texts[0] == texts[1]
    uids = {dcmread(path).SeriesInstanceUID for path in (tmp_path / "a").rglob("*.dcm")}
    assert len(uids) == 2, "two series, told apart by what archives go by"


def test_numbers_run_as_in_the_source(make: Make, enlarge) -> None:
    def backwards(dataset: Dataset, k: int) -> None:
        dataset.InstanceNumber = 6 - k

    output = enlarge(make(edit=backwards))
    depths = [float(dataset.ImagePositionPatient[2]) for dataset in output.datasets]
    assert [dataset.InstanceNumber for dataset in output.datasets] == [1, 2, 3, 4, 5, 6]
    assert depths == sorted(depths, reverse=True)


def test_time_points_are_numbered_through(make: Make, enlarge) -> None:
    def timed(dataset: Dataset, k: int) -> None:
        dataset.TemporalPositionIdentifier = 1 + k // 5
        dataset.ImagePositionPatient = [0, 0, 4 * (k % 5)]

    output = enlarge(make(count=10, edit=timed), "2,2,2")
    assert [dataset.InstanceNumber for dataset in output.datasets] == list(range(1, 21))
    assert [dataset.TemporalPositionIdentifier for dataset in output.datasets] == [1] * 10 + [2] * 10


def test_hounsfield_units_come_back_exactly(make: Make, enlarge, items, opened) -> None:
    output = enlarge(make(kind="CT"))
    again = opened(output.folder)
    before = output.source.read(output.source.extent).values
    after = again.read(again.extent).values
    np.testing.assert_array_equal(after[:, :, ::2, ::2], before)
    np.testing.assert_array_equal(after[:, :, 1::2, 1::2], before)
    assert again.grid == output.plan.grid


def test_two_runs_write_the_same_bytes_and_another_model_other_identities(make: Make, enlarge) -> None:
    folder = make()
    first, second = enlarge(folder, folder="a"), enlarge(folder, folder="b")
    assert [path.read_bytes() for path in first.files] == [path.read_bytes() for path in second.files]
    third = enlarge(folder, folder="c", sha256="cd" * 32)
    uids = [{d.SOPInstanceUID for d in output.datasets} for output in (first, third)]
    assert uids[0].isdisjoint(uids[1])


def test_other_pixels_have_another_identity(make: Make, opened, enlarge) -> None:
    output = enlarge(make())
    source, plan = output.source, output.plan
    target = output.folder.with_name("other")
    samples = np.zeros((1, 1, 128, 128), np.int16)
    with pytest.raises(OutputError, match="1 of 6"), create_series(target, source, plan) as sink:
        sink.write(Window((0, 0, 0), (1, 128, 128)), 0, samples, None)
    assert dcmread(target / "0001.dcm").SOPInstanceUID != output.datasets[0].SOPInstanceUID
    assert dcmread(target / "0001.dcm").SeriesInstanceUID == output.datasets[0].SeriesInstanceUID


def test_samples_beyond_the_bits_are_refused(make: Make, enlarge) -> None:
    def twelve_bits(dataset: Dataset, k: int) -> None:
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, 0

    output = enlarge(make(edit=twelve_bits))
    samples = np.full((1, 1, 128, 128), 4096, np.uint16)
    sink = create_series(output.folder.with_name("other"), output.source, output.plan)
    with pytest.raises(OutputError, match="12 bits"), sink:
        sink.write(Window((0, 0, 0), (1, 128, 128)), 0, samples, None)


def test_a_foreign_format_is_a_usage_error(make: Make, opened, enlarge, tmp_path: Path) -> None:
    from dataclasses import replace

    output = enlarge(make())
    with pytest.raises(UsageError, match="nifti"):
        create_series(tmp_path / "x", output.source, replace(output.plan, format="nifti"))


def test_odd_values_pass_through(make: Make, enlarge) -> None:
    def odd(dataset: Dataset, k: int) -> None:
        dataset.StudyDate = "1990/01/"

    with pytest.warns(UserWarning, match="DA"):
        folder = make(edit=odd)
    assert b"1990/01/" in enlarge(folder).files[0].read_bytes()


@pytest.mark.parametrize("name", ["MR_small_implicit.dcm", "MR_small_bigendian.dcm"])
def test_every_encoding_becomes_explicit_little_endian(name: str, tmp_path: Path, enlarge) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(Path(str(get_testdata_file(name))).read_bytes())
    (dataset,) = enlarge(tmp_path / "in").datasets
    plain = dcmread(str(get_testdata_file("MR_small.dcm")))
    assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    np.testing.assert_array_equal(dataset.pixel_array[::2, ::2], plain.pixel_array)
    for keyword in ("BitsStored", "RepetitionTime", "EchoTime", "PatientName", "WindowCenter", "StudyInstanceUID"):
        assert dataset.get(keyword) == plain.get(keyword)


SYNTAXES = {"rle": "1.2.840.10008.1.2.5", "jpegls": "1.2.840.10008.1.2.4.80", "j2k": "1.2.840.10008.1.2.4.90"}


@pytest.mark.parametrize("compress", SYNTAXES)
@pytest.mark.parametrize("kind", ["MR", "CT"])
def test_pixels_are_compressed_without_loss_on_request(make: Make, enlarge, opened, kind: str, compress: str) -> None:
    folder = make(kind=kind)
    plain = enlarge(folder, "3,2", folder="plain")
    packed = enlarge(folder, "3,2", folder="packed", compress=compress)
    assert verify_series(packed.source, packed.folder, packed.plan) == []
    assert {str(dcmread(path).file_meta.TransferSyntaxUID) for path in packed.files} == {SYNTAXES[compress]}
    one, other = opened(plain.folder), opened(packed.folder)
    np.testing.assert_array_equal(one.read(one.extent).values, other.read(other.extent).values)
    assert sum(path.stat().st_size for path in packed.files) < sum(path.stat().st_size for path in plain.files)


def test_samples_that_a_codec_cannot_hold_are_refused_before_anything_is_written(make: Make, enlarge) -> None:
    def wide(dataset: Dataset, k: int) -> None:
        samples = dataset.pixel_array.astype("<i4")
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 32, 32, 31
        dataset.PixelData = samples.tobytes()

    with pytest.raises(UsageError, match="leave out --compress"):
        enlarge(make(edit=wide), compress="jpegls")
