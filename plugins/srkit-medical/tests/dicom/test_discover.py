"""Discovery: by content, in any tree, with every file accounted for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.data import get_testdata_file
from pydicom.uid import MRImageStorage, ParametricMapStorage

import srkit

Make = Callable[..., Path]


def test_files_are_known_by_content_whatever_their_names(make: Make, items) -> None:
    (item,) = items(make(names=lambda k: f"IM{(7 * k) % 6}"))
    assert (item.domain, item.certainty, len(item.paths)) == ("mri", "sure", 6)


def test_paths_are_sorted_by_position(make: Make, items) -> None:
    (item,) = items(make(names=lambda k: f"{(5 * k) % 6}.dcm"))
    depths = [float(dcmread(path).ImagePositionPatient[2]) for path in item.paths]
    assert depths == sorted(depths)


def test_computed_tomography_is_its_own_domain(make: Make, items) -> None:
    (item,) = items(make(kind="CT"))
    assert item.domain == "ct"


def test_a_file_without_preamble_is_read(make: Make, items) -> None:
    folder = make(count=1)
    path = folder / "000.dcm"
    path.write_bytes(path.read_bytes()[132:])
    assert len(items(folder)) == 1


def test_slices_of_one_series_may_lie_in_several_folders(make: Make, items) -> None:
    folder = make()
    (folder / "sub").mkdir()
    (folder / "003.dcm").rename(folder / "sub" / "003.dcm")
    (item,) = items(folder)
    assert len(item.paths) == 6
    assert (item.folder, item.stem) == ("", "")


def test_copies_of_a_series_in_two_folders_are_two_items(make: Make, items, tmp_path: Path) -> None:
    make("in/a")
    make("in/b")
    assert [item.folder for item in items(tmp_path / "in")] == ["a", "b"]


def test_two_series_of_a_folder_are_numbered(make: Make, items) -> None:
    make(series="one")
    folder = make(series="two", names=lambda k: f"z{k}")
    assert [(item.folder, item.stem) for item in items(folder)] == [("", "series-01"), ("", "series-02")]


def test_a_single_file_can_be_named(make: Make, items) -> None:
    (item,) = items(make() / "002.dcm")
    assert len(item.paths) == 1


def test_one_patient_is_one_group_and_the_group_tells_nothing(make: Make, items) -> None:
    def named(dataset: Dataset, k: int) -> None:
        dataset.PatientID = "CANARY-7"

    make(series="one", edit=named)
    folder = make(series="two", edit=named, names=lambda k: f"z{k}")
    groups = {item.group for item in items(folder)}
    assert len(groups) == 1
    assert "CANARY" not in groups.pop()


def test_other_files_are_passed_over_and_broken_ones_are_told(make: Make, items, skipped) -> None:
    folder = make()
    (folder / "notes.txt").write_text("hello")
    (folder / ".hidden.dcm").write_bytes(b"junk")
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"1.2.840.10008.1.3.10")
    (folder / "text.dcm").write_text("not DICOM at all")
    (folder / "empty.dcm").touch()
    found = {entry.path.name: entry for entry in skipped(folder)}
    assert set(found) == {"text.dcm", "empty.dcm"}
    assert all(entry.failed for entry in found.values())
    assert len(items(folder)) == 1


@pytest.mark.parametrize("name", ["rtplan.dcm", "reportsi.dcm", "liver_1frame.dcm", "examples_rgb_color.dcm"])
def test_objects_that_are_no_slices_are_passed_over_with_their_kind(tmp_path: Path, skipped, name: str) -> None:
    source = get_testdata_file(name, download=False)
    if source is None:
        pytest.skip(f"pydicom brings no {name} here")
    (tmp_path / name).write_bytes(Path(str(source)).read_bytes())
    (entry,) = skipped(tmp_path)
    assert not entry.failed
    assert "not a slice of MR, CT or PET" in entry.reason


def _without(*keywords: str) -> Callable[[Dataset, int], None]:
    def edit(dataset: Dataset, k: int) -> None:
        for keyword in keywords:
            del dataset[keyword]

    return edit


def _with(**values: object) -> Callable[[Dataset, int], None]:
    def edit(dataset: Dataset, k: int) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return edit


def _of_floats(dataset: Dataset, k: int) -> None:
    dataset.FloatPixelData = dataset.pixel_array.astype("<f4").tobytes()
    dataset.BitsAllocated = dataset.BitsStored = 32
    dataset.HighBit = 31
    del dataset.PixelData


def _as_on_the_detector(dataset: Dataset, k: int) -> None:
    dataset.ImagerPixelSpacing = dataset.PixelSpacing
    del dataset.PixelSpacing


REFUSED = {
    "floats": (_of_floats, "floating-point"),
    "one bit": (_with(BitsAllocated=1, BitsStored=1, HighBit=0), "1 of 1 bits"),
    "spacing of the detector": (_as_on_the_detector, "PixelSpacing (0028,0030)"),
    "no pixels": (_without("PixelData"), "has no pixel data"),
    "no position": (_without("ImagePositionPatient"), "does not say where it lies"),
    "no spacing": (_without("PixelSpacing"), "PixelSpacing (0028,0030)"),
    "zero spacing": (_with(PixelSpacing=[0, 0]), "PixelSpacing (0028,0030)"),
    "skewed axes": (_with(ImageOrientationPatient=[1, 0, 0, 0.5, 0.86, 0]), "at right angles"),
    "mosaic": (_with(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), "without its CSA header"),
    "localizer": (_with(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizer"),
    "projection": (_with(ImageType=["DERIVED", "SECONDARY", "PROJECTION IMAGE"]), "projection"),
    "phase": (_with(ImageType=["ORIGINAL", "PRIMARY", "P", "ND"]), "phase"),
    "frames": (_with(NumberOfFrames=3), "several frames"),
    "colour": (_with(SamplesPerPixel=3, PhotometricInterpretation="RGB"), "colour"),
    "palette": (_with(PhotometricInterpretation="PALETTE COLOR"), "colour"),
    "bits": (_with(HighBit=12), "HighBit"),
    "slope": (_with(RescaleSlope=0, RescaleIntercept=0), "RescaleSlope"),
    "huge": (_with(Rows=65535, Columns=65535), "cut short"),
    "Enhanced": (_with(SOPClassUID="1.2.840.10008.5.1.4.1.1.4.1"), "does not say where its frames lie"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_right_is_refused_with_a_reason(make: Make, items, skipped, case: str) -> None:
    edit, words = REFUSED[case]
    folder = make(count=1, edit=edit)
    assert items(folder) == []
    (entry,) = skipped(folder)
    assert words in entry.reason


def test_floats_of_another_class_are_no_fault(make: Make, skipped) -> None:
    def parametric(dataset: Dataset, k: int) -> None:
        _of_floats(dataset, k)
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = ParametricMapStorage

    (entry,) = skipped(make(count=1, edit=parametric))
    assert not entry.failed
    assert "Parametric Map" in entry.reason


@pytest.mark.parametrize(
    ("sop_class", "fails"),
    [("1.2.840.10008.5.1.4.1.1.999", False), ("1.2.84\x04.10008.5.1.4.1.1.4", True), ("1.2.840.113619.4.26", None)],
)
def test_a_slice_whose_class_is_damaged_takes_its_series_with_it(
    make: Make, items, skipped, sop_class: str, fails: bool | None
) -> None:
    """A digit that flipped must not cost a slice in silence; objects of vendors' own classes are no slices."""

    def damaged(dataset: Dataset, k: int) -> None:
        if k == 5:
            with disable_value_validation():
                dataset.SOPClassUID = sop_class

    folder = make(edit=damaged)
    (entry,) = [entry for entry in skipped(folder) if entry.path.name == "005.dcm"]
    assert entry.failed == bool(fails)
    assert len(items(folder)) == (fails is None)


def test_a_colour_among_grey_slices_takes_its_series_with_it(make: Make, items, skipped) -> None:
    def coloured(dataset: Dataset, k: int) -> None:
        if k == 5:
            dataset.PhotometricInterpretation = "MONOCHROME7"

    folder = make(edit=coloured)
    assert items(folder) == []
    assert {entry.path.name: entry.failed for entry in skipped(folder)} == {"005.dcm": False, "000.dcm": True}


def test_copies_without_an_identity_are_known_by_their_content(make: Make, items, skipped) -> None:
    def anonymous(dataset: Dataset, k: int) -> None:
        dataset.SOPInstanceUID = ""

    folder = make(edit=anonymous)
    shutil.copy(folder / "002.dcm", folder / "002 (copy).dcm")
    (item,) = items(folder)
    assert len(item.paths) == 6
    assert [entry.reason for entry in skipped(folder)] == ["is a copy of 002 (copy).dcm, which is kept"]


def test_a_truncated_file_fails_its_series_and_no_other(make: Make, items, skipped) -> None:
    make(series="one")
    folder = make(series="two", names=lambda k: f"z{k}")
    path = folder / "z2"
    path.write_bytes(path.read_bytes()[:-600])
    (item,) = items(folder)
    assert item.path.name == "000.dcm"
    reasons = " | ".join(entry.reason for entry in skipped(folder))
    assert "cut short" in reasons
    assert "z2 cannot be used" in reasons
    told = {path for entry in skipped(folder) for path in (entry.path, *entry.others)}
    assert told == set(folder.glob("z*"))


def test_a_localizer_in_a_series_is_set_aside(make: Make, items, skipped) -> None:
    def turned(dataset: Dataset, k: int) -> None:
        if k == 3:
            dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    folder = make(count=8, edit=turned)
    (item,) = items(folder)
    (entry,) = skipped(folder)
    assert len(item.paths) == 7
    assert "turned" in entry.reason


def test_a_link_out_of_the_tree_is_not_followed(make: Make, items, tmp_path: Path) -> None:
    outside = make("outside")
    inside = tmp_path / "inside"
    inside.mkdir()
    for path in outside.iterdir():
        (inside / path.name).symlink_to(path)
    (inside / "folder").symlink_to(outside)
    assert items(inside) == []


def test_a_class_known_by_the_file_meta_alone_is_taken(make: Make, items) -> None:
    def scrubbed(dataset: Dataset, k: int) -> None:
        dataset.SOPClassUID = dataset.SOPInstanceUID = dataset.SeriesInstanceUID = dataset.StudyInstanceUID = ""
        dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage

    (item,) = items(make(edit=scrubbed))
    assert len(item.paths) == 6


def test_two_echoes_are_two_items(make: Make, items) -> None:
    def echo(dataset: Dataset, k: int) -> None:
        dataset.EchoTime = "15" if k % 2 else "90"
        dataset.EchoNumbers = 1 + k % 2
        dataset.ImagePositionPatient = [0, 0, 5 * (k // 2)]

    assert [len(item.paths) for item in items(make(count=12, edit=echo))] == [6, 6]


def test_a_copy_of_a_slice_is_kept_once(make: Make, items, skipped) -> None:
    folder = make()
    (folder / "copy.dcm").write_bytes((folder / "002.dcm").read_bytes())
    (item,) = items(folder)
    (entry,) = skipped(folder)
    assert len(item.paths) == 6
    assert not entry.failed
    assert "copy" in entry.reason


def test_a_copy_with_other_pixels_refuses_the_series(make: Make, items, skipped) -> None:
    folder = make()
    dataset = dcmread(folder / "002.dcm")
    dataset.PixelData = np.zeros_like(dataset.pixel_array).tobytes()
    dataset.save_as(folder / "copy.dcm")
    assert items(folder) == []
    (entry,) = skipped(folder)
    assert entry.failed
    assert "series of 7 files" in entry.reason
    assert "different pixels" in entry.reason
    assert {entry.path, *entry.others} == set(folder.iterdir())


def test_one_position_taken_twice_refuses_the_series(make: Make, items, skipped) -> None:
    def doubled(dataset: Dataset, k: int) -> None:
        if k == 6:
            dataset.ImagePositionPatient = [-31.5, 12.25, 50.125]

    folder = make(count=7, edit=doubled)
    assert items(folder) == []
    (entry,) = skipped(folder)
    assert "is there 2 times" in entry.reason


def test_slopes_that_differ_by_slice_refuse_a_series_with_padding(make: Make, items, skipped) -> None:
    def scaled(dataset: Dataset, k: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = f"{1 + k}", "0"
        dataset.add_new("PixelPaddingValue", "SS", 0)

    folder = make(edit=scaled)
    assert items(folder) == []
    assert "differ from slice to slice" in skipped(folder)[0].reason


def test_repeated_positions_are_time_points(make: Make, opened) -> None:
    def timed(dataset: Dataset, k: int) -> None:
        dataset.TemporalPositionIdentifier = 1 + k // 5
        dataset.ImagePositionPatient = [0, 0, 4 * (k % 5)]

    source = opened(make(count=15, edit=timed, names=lambda k: f"{(7 * k) % 15}"))
    assert (source.frames, source.grid.shape[0]) == (3, 5)
    numbers = [[instance.number for instance in frame] for frame in source.series.frames]
    assert numbers == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14, 15]]


def test_an_unnamed_encoding_of_characters_stops_nothing(make: Make, items) -> None:
    def odd(dataset: Dataset, k: int) -> None:
        dataset.SpecificCharacterSet = "ISO_IR 999"
        dataset.SeriesDescription = "K\xf6rper"

    with pytest.warns(UserWarning, match="charset|encoding|Unknown"):
        folder = make(edit=odd)
    assert len(items(folder)) == 1


def test_a_series_is_the_same_wherever_it_lies_and_another_with_another_slice(
    make: Make, items, tmp_path: Path
) -> None:
    (item,) = items(make())
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for number, path in enumerate(sorted(item.paths, reverse=True)):
        shutil.copyfile(path, moved / f"{number}.bin")
    (same,) = items(moved)
    assert same.identity == item.identity != ""
    assert not any(part in item.identity for part in ("1.2.", "2.25"))
    (moved / "0.bin").unlink()
    (fewer,) = items(moved)
    assert fewer.identity != item.identity


@pytest.mark.parametrize("origin", ["ORIGINAL", "DERIVED"])
def test_reformatted_slices_become_outputs_that_are_found_again(make: Make, tmp_path: Path, origin: str) -> None:
    def oblique(dataset: Dataset, k: int) -> None:
        dataset.ImageType = [origin, "PRIMARY", "MPR"]  # as GE calls what it measured obliquely, too

    folder, out = make(edit=oblique), tmp_path / "out"
    options = {"mri": {"include_derived": origin == "DERIVED"}}
    report = srkit.upscale(folder, out, scale=2, model="nearest", options=options)
    assert [result.status for result in report.results] == ["done"]
    (entry,) = srkit.inspect(out)
    assert "own" in {finding.level for finding in entry.findings}
