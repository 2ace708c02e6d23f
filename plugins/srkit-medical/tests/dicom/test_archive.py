"""Zip archives: read where they lie, and never believed in what they claim."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

import srkit
from srkit.domain import Item

Make = Callable[..., Path]


def packed(folder: Path, archive: Path, **more: bytes) -> Path:
    """Pack all files below `folder`, and `more` by name (dots spelt as two underscores)."""
    archive.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                target.write(path, path.relative_to(folder).as_posix())
        for name, data in more.items():
            target.writestr(name.replace("__", "."), data)
    return archive


def values_of(path: Path) -> np.ndarray:
    """Return the pixels of all files below `path`, by position."""
    slices = [dcmread(file) for file in path.rglob("*.dcm")]
    return np.stack([d.pixel_array for d in sorted(slices, key=lambda d: float(d.ImagePositionPatient[2]))])


@pytest.mark.parametrize("scale", ["2", "1,1,2"])
def test_a_series_in_an_archive_becomes_what_it_becomes_unpacked(make: Make, tmp_path: Path, scale: str) -> None:
    folder = make()
    archive = packed(folder, tmp_path / "a" / "scan.zip")
    for source, out in ((folder, "plain"), (archive, "packed")):
        report = srkit.upscale(source, tmp_path / out, scale=scale, model="bspline", domain="mri")
        assert [result.status for result in report.results] == ["done"]
    np.testing.assert_array_equal(values_of(tmp_path / "plain"), values_of(tmp_path / "packed"))
    assert sorted(path.name for path in archive.parent.iterdir()) == ["scan.zip"]


def test_archives_in_a_tree_keep_their_folders_and_several_series(make: Make, items, opened, tmp_path: Path) -> None:
    make("in/one", series="one")
    make("in/two", series="two", kind="CT")
    packed(tmp_path / "in", tmp_path / "tree" / "scan.zip")
    found = items(tmp_path / "tree")
    assert {(item.folder, item.domain) for item in found} == {("scan/one", "mri"), ("scan/two", "ct")}
    assert len({item.key for item in found}) == 2
    assert all(item.paths == (tmp_path / "tree" / "scan.zip",) for item in found)
    report = srkit.upscale(tmp_path / "tree", tmp_path / "out", scale="2", model="nearest")
    assert [result.status for result in report.results] == ["done", "done"]
    assert len(list((tmp_path / "out" / "scan" / "one").iterdir())) == 6


def test_a_series_in_an_archive_becomes_a_nifti_volume(make: Make, tmp_path: Path) -> None:
    archive = packed(make(), tmp_path / "a" / "scan.zip")
    options = {"mri": {"to": "nifti"}}
    srkit.upscale(archive, tmp_path / "out", scale="2", model="nearest", domain="mri", options=options)
    assert [path.name for path in (tmp_path / "out").glob("*.nii.gz")] == ["scan.nii.gz"]


def test_bombs_nested_archives_and_stray_names_cost_one_file_each(make: Make, items, skipped, tmp_path: Path) -> None:
    archive = packed(
        make(),
        tmp_path / "a" / "scan.zip",
        bomb__dcm=bytes(100 << 20),
        inner__zip=b"PK\3\4 whatever",
        notes__txt=b"hello",
        torn__dcm=(bytes(128) + b"DICM" + b"\xff" * 50),
    )
    with zipfile.ZipFile(archive, "a") as target:
        target.writestr("../outside.dcm", b"x")
    (item,) = items(archive.parent)
    found = {entry.path.name: entry for entry in skipped(archive.parent)}
    assert set(found) == {"bomb.dcm", "inner.zip", "torn.dcm", "scan.zip"}
    assert "104857600 bytes packed into" in found["bomb.dcm"].reason
    assert not found["inner.zip"].failed
    assert "leads out of it" in found["scan.zip"].reason
    assert isinstance(item, Item)


def test_a_member_whose_bytes_are_broken_costs_its_series_alone(make: Make, tmp_path: Path) -> None:
    make("in/one", series="one")
    make("in/two", series="two")
    archive = packed(tmp_path / "in", tmp_path / "a" / "scan.zip")
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as opened:
        info = opened.getinfo("two/003.dcm")
    start = info.header_offset + 30 + len(info.filename) + info.compress_size // 2
    data[start : start + 200] = bytes(200)
    archive.write_bytes(data)
    report = srkit.upscale(archive, tmp_path / "out", scale="2", model="nearest", domain="mri")
    done = [result for result in report.results if result.status == "done"]
    assert report.exit_code == 4
    assert done
    assert all(result.reason for result in report.results if result.status == "failed")
    assert len(list((tmp_path / "out" / "one").iterdir())) == 6


def test_an_archive_cut_short_is_told(make: Make, skipped, tmp_path: Path) -> None:
    archive = packed(make(), tmp_path / "a" / "scan.zip")
    archive.write_bytes(archive.read_bytes()[:-300])
    (entry,) = skipped(archive.parent)
    assert entry.failed
    assert "cannot be read" in entry.reason


def test_an_encrypted_member_is_told(make: Make, skipped, tmp_path: Path) -> None:
    archive = packed(make(count=1), tmp_path / "a" / "scan.zip")
    data = bytearray(archive.read_bytes())
    central = data.index(b"PK\1\2")
    data[central + 8] |= 1
    archive.write_bytes(data)
    (entry,) = skipped(archive.parent)
    assert "encrypted" in entry.reason
