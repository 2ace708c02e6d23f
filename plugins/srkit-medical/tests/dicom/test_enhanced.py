"""Enhanced multi-frame objects: volumes in, volumes of the same class out; each stack is an item of its own."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import RLELossless
from srkit_medical.dicom.inspect import inspect_series
from srkit_medical.dicom.rules import ENHANCED
from srkit_medical.dicom.uids import uid_of
from srkit_medical.dicom.verify import verify_series

import srkit

Make = Callable[..., Path]


@pytest.fixture
def mprage(tmp_path: Path) -> Path:
    """Return a folder with the real Enhanced MR header that nibabel brings; its pixels are empty."""
    packed = Path(nibabel.__file__).parent / "nicom" / "tests" / "data" / "philips_mprage.dcm.gz"
    if not packed.is_file():
        pytest.skip("nibabel brings no Enhanced MR here")
    folder = tmp_path / "mprage"
    folder.mkdir()
    (folder / "mprage.dcm").write_bytes(gzip.decompress(packed.read_bytes()))
    return folder


def enlarge_file(enlarge, folder: Path, scale: str):
    """Return the output of the only object in `folder`, written to a file."""
    return enlarge(folder, scale, folder="out/volume.dcm")


@pytest.fixture(autouse=True)
def out(tmp_path: Path) -> Path:
    """Make the folder of outputs, as the core does."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_it_holds_the_same_volume_as_the_classic_series(converted: Path, opened) -> None:
    classic = opened(converted.parent / "classic")
    enhanced = opened(converted)
    assert classic.grid.distance(enhanced.grid) < 1e-6
    np.testing.assert_array_equal(classic.read(classic.extent).values, enhanced.read(enhanced.extent).values)


def test_the_item_keeps_its_file_name(converted: Path, items) -> None:
    (item,) = items(converted)
    assert (item.domain, item.folder, item.stem, item.suffix) == ("ct", "", "volume", ".dcm")


def test_inspection_names_it(converted: Path, opened) -> None:
    assert inspect_series(opened(converted))[0].text.startswith("Enhanced DICOM volume of 6 slices")


@pytest.mark.parametrize("scale", ["2", "1,1,4", "2,3,2"])
def test_an_output_comes_back_on_the_planned_grid_with_its_samples(converted: Path, enlarge, opened, scale) -> None:
    output = enlarge_file(enlarge, converted, scale)
    assert verify_series(output.source, output.folder, output.plan) == []
    again = opened(output.folder)
    assert again.grid.distance(output.plan.grid) <= 1e-6
    before = output.source.read(output.source.extent).values
    steps = tuple(slice(None, None, factor) for factor in output.plan.scale)
    np.testing.assert_array_equal(again.read(again.extent).values[:, *steps], before)
    assert sorted(path.name for path in output.folder.parent.iterdir()) == ["volume.dcm"]


def test_each_frame_says_what_is_true(converted: Path, enlarge) -> None:
    dataset = dcmread(enlarge_file(enlarge, converted, "2,2,2").folder)
    assert list(dataset.ImageType)[:2] + list(dataset.ImageType)[3:] == ["DERIVED", "PRIMARY", "RESAMPLED"]
    assert dataset.ContentQualification == "RESEARCH"
    assert len(dataset.PerFrameFunctionalGroupsSequence) == dataset.NumberOfFrames == 12
    first, *_, last = dataset.PerFrameFunctionalGroupsSequence
    derivation = first.DerivationImageSequence[0]
    assert derivation.DerivationCodeSequence[0].CodeValue == "113085"
    assert derivation.SourceImageSequence[0].PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert derivation.SourceImageSequence[0].ReferencedSOPInstanceUID == uid_of("enhanced")
    assert {
        first.FrameContentSequence[0].InStackPositionNumber,
        last.FrameContentSequence[0].InStackPositionNumber,
    } == {
        1,
        12,
    }


def test_a_real_enhanced_header_goes_through_the_slice_axis(mprage: Path, enlarge, opened) -> None:
    output = enlarge_file(enlarge, mprage, "1,1,2")
    assert output.source.domain == "mri"
    assert verify_series(output.source, output.folder, output.plan) == []
    dataset = dcmread(output.folder)
    assert dataset.NumberOfFrames == 352
    assert "SpacingBetweenSlices" not in dataset
    assert opened(output.folder).grid.spacing[0] == pytest.approx(0.5, abs=1e-5)


@pytest.mark.slow
def test_dciodvfy_finds_no_new_error_in_a_real_enhanced_output(mprage: Path, enlarge, run_judge) -> None:
    output = enlarge_file(enlarge, mprage, "1,1,2")
    found = []
    for path in (mprage / "mprage.dcm", output.folder):
        lines = run_judge("dciodvfy", "-new", path).splitlines()
        found.append({_without_numbers(line) for line in lines if line.startswith("Error")})
    assert found[1] <= found[0]


def _without_numbers(line: str) -> str:
    """Return a complaint without the numbers of frames, of which there are more than before."""
    import re

    return re.sub(r"\[\d+\]", "[]", line)


@pytest.mark.slow
@pytest.mark.parametrize("factors", [(2, 2, 2), (1, 1, 4)])
def test_dcm2niix_finds_the_affine_that_the_scale_asks_for(
    converted: Path, enlarge, run_judge, tmp_path: Path, factors: tuple[int, int, int]
) -> None:
    rows, columns, slices = factors
    output = enlarge_file(enlarge, converted, f"{rows},{columns},{slices}")
    images = []
    for name, folder in (("a", converted), ("b", output.folder.parent)):
        (tmp_path / name).mkdir()
        run_judge("dcm2niix", "-z", "n", "-b", "n", "-f", "volume", "-o", tmp_path / name, folder)
        (path,) = (tmp_path / name).glob("*.nii")
        images.append(nibabel.load(path))
    scale = np.array([columns, rows, slices], dtype=float)
    step = np.eye(4)
    step[:3, :3] = np.diag(1 / scale)
    step[:3, 3] = (1 / scale - 1) / 2
    assert np.abs(images[1].affine - images[0].affine @ step).max() < 1e-4


@pytest.mark.parametrize("scale", ["2", "1,1,2"])
def test_highdicom_opens_the_output_and_finds_its_volume(converted: Path, enlarge, scale: str) -> None:
    highdicom = pytest.importorskip("highdicom", reason="highdicom is not installed")
    output = enlarge_file(enlarge, converted, scale)
    volume = highdicom.imread(output.folder).get_volume()
    assert sorted(volume.spatial_shape) == sorted(output.plan.grid.shape)
    np.testing.assert_allclose(sorted(volume.spacing), sorted(output.plan.grid.spacing), atol=1e-4)


def test_copies_of_an_object_count_once_and_impostors_are_told(converted: Path, items, skipped) -> None:
    path = converted / "volume.dcm"
    shutil.copy(path, converted / "z-copy.dcm")
    dataset = dcmread(path)
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.save_as(converted / "z-packed.dcm")
    other = dcmread(path)
    other.PixelData = np.roll(other.pixel_array, 5).tobytes()
    other.save_as(converted / "z-impostor.dcm")
    (converted / "elsewhere").mkdir()
    shutil.copy(path, converted / "elsewhere" / "volume.dcm")
    assert [item.path.relative_to(converted).as_posix() for item in items(converted)] == [
        "volume.dcm",
        "elsewhere/volume.dcm",
    ]
    told = {entry.path.name: (entry.failed, entry.reason) for entry in skipped(converted)}
    assert told == {
        "z-copy.dcm": (False, "is a copy of volume.dcm, which is kept"),
        "z-packed.dcm": (False, "is a copy of volume.dcm, which is kept"),
        "z-impostor.dcm": (True, "claims the same UIDs as volume.dcm, with other pixels"),
    }


def _at_top(dataset: Dataset) -> None:
    dataset.SpacingBetweenSlices = "5"


def _shift(dataset: Dataset) -> None:
    dataset.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence[0].ImagePositionPatient = [0, 0, 0]


def _gap(dataset: Dataset) -> None:
    for group in (*dataset.SharedFunctionalGroupsSequence, *dataset.PerFrameFunctionalGroupsSequence):
        for item in group.get("PixelMeasuresSequence") or ():
            item.SpacingBetweenSlices = "5"
            item.PixelSpacing = [1, 1]


def _purpose(dataset: Dataset) -> None:
    derivation = dataset.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    del derivation.SourceImageSequence[0].PurposeOfReferenceCodeSequence


def _study(dataset: Dataset) -> None:
    dataset.StudyInstanceUID = uid_of("another")


def _type(dataset: Dataset) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "NONE"]


def _frame(dataset: Dataset) -> None:
    dataset.FrameOfReferenceUID = uid_of("another")


def _series(dataset: Dataset) -> None:
    source = dataset.SourceImageEvidenceSequence[0].ReferencedSeriesSequence[0]
    dataset.SeriesInstanceUID = source.SeriesInstanceUID


def _instance(dataset: Dataset) -> None:
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid_of("enhanced")


def _loss_forgotten(dataset: Dataset) -> None:
    dataset.LossyImageCompression = "00"


def _samples_beyond_bits(dataset: Dataset) -> None:
    dataset.PixelData = dataset.PixelData[:-2] + b"\xff\x7f"


def _beyond_bits(dataset: Dataset) -> None:
    dataset.BitsStored, dataset.HighBit = 8, 7


def _extremes(dataset: Dataset) -> None:
    dataset.add_new("LargestImagePixelValue", "SS", 1)


def _window(dataset: Dataset) -> None:
    item = Dataset()
    item.WindowCenter, item.WindowWidth = [40, 80], 400
    dataset.PerFrameFunctionalGroupsSequence[2].FrameVOILUTSequence = [item]


def _itself(dataset: Dataset) -> None:
    derivation = dataset.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    derivation.SourceImageSequence[0].ReferencedSOPInstanceUID = dataset.SOPInstanceUID


MORE = [
    ({"5"}, _frame), ({"7"}, _series), ({"8"}, _instance), ({"10"}, _beyond_bits), ({"11"}, _extremes),
    ({"11"}, _window), ({"12"}, _itself),
]  # fmt: skip
FAULTS = [
    *MORE,
    ({"13"}, _at_top),
    ({"1"}, _shift),
    ({"2", "3"}, _gap),
    ({"12"}, _purpose),
    ({"6"}, _study),
    ({"4"}, _type),
]


@pytest.mark.parametrize(("codes", "fault"), FAULTS, ids=[fault.__name__ for _, fault in FAULTS])
def test_a_seeded_fault_is_found_by_its_number(converted: Path, enlarge, codes: set[str], fault) -> None:
    output = enlarge_file(enlarge, converted, "2,2,2")
    dataset = dcmread(output.folder)
    fault(dataset)
    dataset.save_as(output.folder)
    assert codes <= {finding.code for finding in verify_series(output.source, output.folder, output.plan)}
    finished = srkit.verify(converted, output.folder)
    assert codes <= {finding.code for finding in finished.findings if finding.level == "failure"}
    assert not codes & {code for code, _ in finished.passed}


def test_a_finished_pair_has_a_row_for_every_rule(converted: Path, enlarge) -> None:
    output = enlarge_file(enlarge, converted, "2,2,2")
    found = srkit.verify(converted, output.folder)
    assert found.good
    assert {code for code, _ in found.passed} == {*ENHANCED, "grid"}


def _times(dataset: Dataset) -> None:
    """Make two volumes of three slices, whose frames alternate."""
    for index, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        frame.PlanePositionSequence[0].ImagePositionPatient = [0, 0, 2 * (index // 2)]
        frame.FrameContentSequence[0].TemporalPositionIndex = 1 + index % 2


def _unnamed_times(dataset: Dataset) -> None:
    _times(dataset)
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        del frame.FrameContentSequence[0].TemporalPositionIndex


def _slopes(dataset: Dataset) -> None:
    for data in (dataset, *dataset.SharedFunctionalGroupsSequence, *dataset.PerFrameFunctionalGroupsSequence):
        data.pop("PixelPaddingValue", None)
    for index, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        item = Dataset()
        item.RescaleSlope, item.RescaleIntercept, item.RescaleType = str(1 + index), "-1024", "HU"
        frame.PixelValueTransformationSequence = [item]
    for group in dataset.SharedFunctionalGroupsSequence:
        if "PixelValueTransformationSequence" in group:
            del group.PixelValueTransformationSequence


@pytest.mark.parametrize("edit", [_times, _unnamed_times])
def test_time_points_of_one_file_stay_time_points(converted: Path, enlarge, opened, edit) -> None:
    dataset = dcmread(converted / "volume.dcm")
    stored = dataset.pixel_array
    edit(dataset)
    dataset.save_as(converted / "volume.dcm")
    output = enlarge_file(enlarge, converted, "2")
    assert (output.source.frames, output.source.grid.shape[0]) == (2, 3)
    assert verify_series(output.source, output.folder, output.plan) == []
    again = opened(output.folder)
    assert again.grid.distance(output.plan.grid) <= 1e-6
    for time in range(2):
        before = output.source.read(output.source.extent, time).values
        np.testing.assert_array_equal(before[0], output.source.encoding.decode(stored[time::2]))
        np.testing.assert_array_equal(again.read(again.extent, time).values[:, :, ::2, ::2], before)
    frames = dcmread(output.folder).PerFrameFunctionalGroupsSequence
    assert [frame.FrameContentSequence[0].InStackPositionNumber for frame in frames] == [1, 2, 3, 1, 2, 3]


def test_frames_with_slopes_of_their_own_come_out_on_one(converted: Path, enlarge, opened) -> None:
    dataset = dcmread(converted / "volume.dcm")
    _slopes(dataset)
    dataset.save_as(converted / "volume.dcm")
    output = enlarge_file(enlarge, converted, "2")
    assert verify_series(output.source, output.folder, output.plan) == []
    again = opened(output.folder)
    before = output.source.read(output.source.extent).values
    assert np.abs(again.read(again.extent).values[:, :, ::2, ::2] - before).max() <= 3.001
    frames = dcmread(output.folder).PerFrameFunctionalGroupsSequence
    assert {float(f.PixelValueTransformationSequence[0].RescaleSlope) for f in frames} == {6.0}


def _colours(dataset: Dataset) -> None:
    dataset.PixelPresentation = "COLOR"


def _without_positions(dataset: Dataset) -> None:
    del dataset.PerFrameFunctionalGroupsSequence


REFUSED = [("colours", _colours), ("does not say where", _without_positions)]


@pytest.mark.parametrize(("words", "edit"), REFUSED, ids=[edit.__name__ for _, edit in REFUSED])
def test_what_is_no_volume_on_one_grid_is_refused(converted: Path, skipped, words: str, edit) -> None:
    dataset = dcmread(converted / "volume.dcm")
    edit(dataset)
    dataset.save_as(converted / "volume.dcm")
    (entry,) = skipped(converted)
    assert entry.failed
    assert words in entry.reason


def _stacks(dataset: Dataset) -> None:
    for index, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        frame.FrameContentSequence[0].StackID = str(1 + index // 4)


def _map(dataset: Dataset) -> None:
    for group in (*dataset.SharedFunctionalGroupsSequence, *dataset.PerFrameFunctionalGroupsSequence):
        group.pop("CTImageFrameTypeSequence", None)
    for index, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        item = Dataset()
        item.FrameType = ["DERIVED", "PRIMARY", "AXIAL", "FIELD_MAP"] if index > 3 else list(dataset.ImageType)
        frame.CTImageFrameTypeSequence = [item]


def _rewritten(folder: Path, edit: Callable[[Dataset], None]) -> Dataset:
    dataset = dcmread(folder / "volume.dcm")
    edit(dataset)
    dataset.save_as(folder / "volume.dcm")
    return dataset


def test_each_stack_of_a_file_is_an_item(converted: Path, items, enlarge_item, opened, tmp_path: Path) -> None:
    stored = _rewritten(converted, _stacks).pixel_array
    found = items(converted)
    assert [(item.key, item.stem) for item in found] == [(f"stack-0{n}", f"volume-stack-0{n}") for n in (1, 2)]
    uids = set()
    for item, part in zip(found, ({0, 1, 2, 3}, {4, 5}), strict=True):
        target = tmp_path / "out" / item.key / "volume.dcm"
        output = enlarge_item(item, target, "2")
        assert verify_series(output.source, output.folder, output.plan) == []
        again = opened(target.parent)
        order = [instance.frame_index for instance in output.source.series.instances]
        values = again.read(again.extent).values[0, :, ::2, ::2]
        assert set(order) == part
        np.testing.assert_array_equal(values, output.source.encoding.decode(stored[order]))
        dataset = dcmread(target)
        frames = dataset.PerFrameFunctionalGroupsSequence
        assert {frame.FrameContentSequence[0].StackID for frame in frames} == {str(found.index(item) + 1)}
        uids |= {dataset.SOPInstanceUID, dataset.SeriesInstanceUID}
    assert len(uids) == 4


def test_a_map_in_the_same_file_is_passed_over_and_its_image_treated(converted: Path, items, skipped, opened) -> None:
    _rewritten(converted, _map)
    (item,) = items(converted)
    (entry,) = skipped(converted)
    assert (item.key, entry.failed) == ("stack-01", False)
    assert "calculated map" in entry.reason
    assert opened(converted).grid.shape[0] == 4


def _private_dimension(dataset: Dataset) -> None:
    item = Dataset()
    item.DimensionIndexPointer = 0x2005106E
    dataset.DimensionIndexSequence = [*dataset.get("DimensionIndexSequence", ()), item]
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        content = frame.FrameContentSequence[0]
        given = content.get("DimensionIndexValues") or []
        content.DimensionIndexValues = [*([given] if isinstance(given, int) else given), 0]


def test_a_private_dimension_goes_with_the_attributes_it_points_at(converted: Path, enlarge) -> None:
    before = len(_rewritten(converted, _private_dimension).DimensionIndexSequence)
    output = enlarge_file(enlarge, converted, "2")
    dataset = dcmread(output.folder)
    pointers = [item.DimensionIndexPointer for item in dataset.get("DimensionIndexSequence", ())]
    assert len(pointers) == before - 1
    assert not any(pointer.is_private for pointer in pointers)
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        values = frame.FrameContentSequence[0].get("DimensionIndexValues")
        assert len([values] if isinstance(values, int) else values or ()) == len(pointers)


def _private_times(dataset: Dataset) -> None:
    _unnamed_times(dataset)
    _private_dimension(dataset)


def test_volumes_told_apart_by_private_attributes_are_refused(converted: Path, skipped) -> None:
    _rewritten(converted, _private_times)
    (entry,) = skipped(converted)
    assert entry.failed
    assert "private attributes" in entry.reason


@pytest.mark.parametrize("compress", ["rle", "jpegls", "j2k"])
def test_frames_are_compressed_without_loss_on_request(converted: Path, items, enlarge_item, opened, compress) -> None:
    output = enlarge_item(items(converted)[0], converted.parent / "out" / "volume.dcm", compress=compress)
    assert verify_series(output.source, output.folder, output.plan) == []
    again = opened(output.folder)
    assert again.series.first.syntax.is_compressed
    before = output.source.read(output.source.extent).values
    np.testing.assert_array_equal(again.read(again.extent).values[:, :, ::2, ::2], before)


def _narrow_and_lossy(dataset: Dataset) -> None:
    """Make a source of 12 bits that went through a lossy compression once."""
    samples = np.clip(dataset.pixel_array, -2048, 2047).astype("<i2")
    dataset.BitsStored, dataset.HighBit, dataset.LossyImageCompression = 12, 11, "01"
    dataset.PixelData = samples.tobytes()


@pytest.mark.parametrize(("code", "fault"), [("9", _loss_forgotten), ("10", _samples_beyond_bits)])
def test_forgotten_loss_and_wild_samples_are_found(converted: Path, enlarge, code: str, fault) -> None:
    _rewritten(converted, _narrow_and_lossy)
    output = enlarge_file(enlarge, converted, "2")
    assert verify_series(output.source, output.folder, output.plan) == []
    dataset = dcmread(output.folder)
    fault(dataset)
    dataset.save_as(output.folder)
    assert code in {finding.code for finding in verify_series(output.source, output.folder, output.plan)}
