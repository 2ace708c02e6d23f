"""A DICOMDIR as input: what it lists is read, and nothing outside of its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

import srkit

Make = Callable[..., Path]


def listing(folder: Path, names: list[list[str]]) -> Path:
    """Write a DICOMDIR that lists `names` into `folder` and return it."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.DirectoryRecordSequence = [Dataset()]  # a patient, which names no file
    with disable_value_validation():
        for parts in names:
            record = Dataset()
            record.ReferencedFileID = parts
            dataset.DirectoryRecordSequence.append(record)
        dataset.save_as(folder / "DICOMDIR", enforce_file_format=True)
    return folder / "DICOMDIR"


def test_the_files_listed_are_the_series(make: Make, items, skipped) -> None:
    folder = make("disc/IMAGES").parent
    path = listing(folder, [["IMAGES", f"{k:03d}.dcm"] for k in range(6)] * 2)
    (item,) = items(path)
    assert len(item.paths) == 6
    assert (item.folder, item.stem) == ("IMAGES", "")
    assert skipped(path) == []


def test_names_in_capitals_find_files_in_small_letters(make: Make, items) -> None:
    folder = make("disc/images").parent
    (item,) = items(listing(folder, [["IMAGES", f"{k:03d}.DCM"] for k in range(6)]))
    assert len(item.paths) == 6


@pytest.mark.parametrize(
    "parts", [["..", "other", "000.dcm"], ["../other/000.dcm"], ["", "etc"], ["..\\other"], ["link", "000.dcm"]]
)
def test_nothing_outside_of_the_folder_is_read(make: Make, items, skipped, parts: list[str]) -> None:
    other = make("other")
    folder = make("disc/IMAGES").parent
    (folder / "link").symlink_to(other, target_is_directory=True)
    path = listing(folder, [["IMAGES", "000.dcm"], parts])
    (item,) = items(path)
    assert [p.parent.name for p in item.paths] == ["IMAGES"]
    (entry,) = skipped(path)
    assert entry.failed
    assert "files outside" in entry.reason or "not there" in entry.reason


def test_files_that_are_not_there_are_counted_and_not_named(make: Make, skipped) -> None:
    folder = make("disc/IMAGES").parent
    path = listing(folder, [["IMAGES", "000.dcm"], ["CANARY", "1"], ["CANARY", "2"]])
    (entry,) = skipped(path)
    assert entry.path == path
    assert "2 files that are not there" in entry.reason
    assert "CANARY" not in entry.reason


def test_a_broken_directory_is_named(tmp_path: Path, skipped) -> None:
    path = tmp_path / "DICOMDIR"
    path.write_bytes(b"\0" * 128 + b"DICM" + b"1.2.840.10008.1.3.10")
    assert all(entry.path == path for entry in skipped(path))


@pytest.mark.slow
def test_a_real_directory_finds_what_its_folder_holds(real: Path, items) -> None:
    (path,) = (real / "dicomdir").rglob("DICOMDIR")
    assert {item.paths for item in items(path)} == {item.paths for item in items(path.parent)}


def test_what_it_lists_is_copied_below_the_output_folder(make: Make, tmp_path: Path) -> None:
    folder = make("disc/IMAGES").parent
    scout = dcmread(folder / "IMAGES" / "000.dcm")
    scout.ImageType, scout.SOPInstanceUID = ["ORIGINAL", "PRIMARY", "LOCALIZER"], "1.2.3"
    (folder / "SCOUT").mkdir()
    scout.save_as(folder / "SCOUT" / "1")
    path = listing(folder, [["SCOUT", "1"], *(["IMAGES", f"{k:03d}.dcm"] for k in range(6))])
    options = {name: {"copy_others": True} for name in ("mri", "ct", "pet")}
    report = srkit.upscale(path, tmp_path / "out", model="nearest", options=options, manifest=True)
    assert sorted(result.status for result in report.results) == ["copied", "done"]
    assert (tmp_path / "out" / "SCOUT" / "1").read_bytes() == (folder / "SCOUT" / "1").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disc", "out"]
