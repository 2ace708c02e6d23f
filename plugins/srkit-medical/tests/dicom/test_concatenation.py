"""Enhanced objects that were cut into several files: one volume in, one file out."""

from __future__ import annotations

import shutil
from collections import Counter
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from pydicom import FileDataset, dcmread
from srkit_medical.dicom.uids import uid_of
from srkit_medical.dicom.verify import verify_series


def cut(folder: Path, lengths: tuple[int, ...], *, tells_total: bool = True) -> list[Path]:
    """Cut the object in `folder` into files of so many frames each, named against their order."""
    whole = dcmread(folder / "volume.dcm")
    frames, pixels = list(whole.PerFrameFunctionalGroupsSequence), whole.pixel_array
    paths = []
    for number, length in enumerate(lengths, start=1):
        start = sum(lengths[: number - 1])
        part: FileDataset = deepcopy(whole)
        part.SOPInstanceUID = part.file_meta.MediaStorageSOPInstanceUID = uid_of("part", str(number))
        part.ConcatenationUID, part.SOPInstanceUIDOfConcatenationSource = uid_of("cut"), whole.SOPInstanceUID
        part.InConcatenationNumber, part.ConcatenationFrameOffsetNumber = number, start
        if tells_total:
            part.InConcatenationTotalNumber = len(lengths)
        part.NumberOfFrames = length
        part.PerFrameFunctionalGroupsSequence = frames[start : start + length]
        part.PixelData = pixels[start : start + length].tobytes()
        paths.append(folder / f"{9 - number}.dcm")
        part.save_as(paths[-1])
    (folder / "volume.dcm").unlink()
    return paths


@pytest.mark.parametrize("tells_total", [True, False])
def test_files_of_one_object_are_one_volume(converted: Path, opened, items, tells_total: bool) -> None:
    whole = opened(converted)
    values = whole.read(whole.extent).values
    paths = cut(converted, (1, 3, 2), tells_total=tells_total)
    (item,) = items(converted)
    assert item.paths == tuple(paths)
    again = opened(converted)
    assert again.grid.distance(whole.grid) == 0
    np.testing.assert_array_equal(again.read(again.extent).values, values)


@pytest.mark.parametrize(("scale", "of_each", "of_both"), [("2", [2, 4], 0), ("1,1,2", [3, 7], 2)])
def test_an_output_is_one_file_whose_frames_name_the_file_they_came_from(
    converted: Path, enlarge, opened, tmp_path: Path, scale: str, of_each: list[int], of_both: int
) -> None:
    paths = cut(converted, (2, 4))
    (tmp_path / "out").mkdir()
    output = enlarge(converted, scale, folder="out/volume.dcm")
    assert verify_series(output.source, output.folder, output.plan) == []
    assert opened(output.folder).grid.distance(output.plan.grid) <= 1e-6
    dataset = dcmread(output.folder)
    assert not any("Concatenation" in keyword for keyword in dataset.dir())
    named = Counter(
        tuple({item.ReferencedSOPInstanceUID: 0 for item in frame.DerivationImageSequence[0].SourceImageSequence})
        for frame in dataset.PerFrameFunctionalGroupsSequence
    )
    assert [named[dcmread(path).SOPInstanceUID,] for path in paths] == of_each
    assert named.total() == sum(of_each) + of_both
    assert len(dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == 2


def test_highdicom_reads_the_output_where_the_source_was(converted: Path, enlarge, tmp_path: Path) -> None:
    highdicom = pytest.importorskip("highdicom", reason="highdicom is not installed")
    before = highdicom.imread(converted / "volume.dcm").get_volume()
    cut(converted, (3, 3))
    (tmp_path / "out").mkdir()
    after = highdicom.imread(enlarge(converted, "2", folder="out/volume.dcm").folder).get_volume()
    np.testing.assert_allclose(after.array, before.array.repeat(2, 1).repeat(2, 2))
    np.testing.assert_allclose(after.spacing, np.array(before.spacing) / (1, 2, 2))


def test_a_missing_part_is_told_and_nothing_made_of_the_others(converted: Path, items, skipped) -> None:
    paths = cut(converted, (2, 2, 2))
    paths[1].unlink()
    (entry,) = skipped(converted)
    assert entry.failed
    assert "3 files, of which 1 are missing" in entry.reason
    assert items(converted) == []


def test_a_part_that_is_there_twice_counts_once_and_another_in_its_place_refuses_all(
    converted: Path, items, skipped
) -> None:
    paths = cut(converted, (3, 3))
    shutil.copy(paths[0], converted / "again.dcm")
    assert [entry.failed for entry in skipped(converted)] == [False]
    assert len(items(converted)) == 1
    other = dcmread(paths[0])
    other.PixelData = other.PixelData[::-1]
    other.save_as(converted / "again.dcm")
    assert items(converted) == []
    assert [entry.reason for entry in skipped(converted)] == ["two files claim to be part 1 of one concatenation"]
