"""Siemens mosaics: tiles become slices where nibabel and dcm2niix find them, and are written as a series of slices."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from srkit_medical.dicom.verify import verify_series

SAMPLES = Path(nibabel.__file__).parent / "nicom" / "tests" / "data"


@pytest.fixture
def mosaics(tmp_path: Path) -> Path:
    """Return a folder with the two real diffusion volumes that nibabel brings."""
    folder = tmp_path / "mosaics"
    folder.mkdir()
    for b in (0, 1000):
        packed = SAMPLES / f"siemens_dwi_{b}.dcm.gz"
        if not packed.is_file():
            pytest.skip("nibabel brings no mosaic here")
        (folder / f"{b}.dcm").write_bytes(gzip.decompress(packed.read_bytes()))
    return folder


@pytest.mark.filterwarnings("ignore:The DICOM readers are highly experimental")
def test_tiles_are_slices_where_nibabel_finds_them(mosaics: Path, opened) -> None:
    from nibabel.nicom.dicomwrappers import wrapper_from_data

    source = opened(mosaics)
    assert (source.grid.shape, source.frames) == ((48, 128, 128), 2)
    for frame, name in enumerate(("0.dcm", "1000.dcm")):
        wrapped = wrapper_from_data(dcmread(mosaics / name))
        volume = source.read(source.extent, frame).values[0]
        np.testing.assert_array_equal(volume, np.asarray(wrapped.get_data()).transpose(2, 0, 1))
        for corner in ((0, 0, 0), (47, 0, 0), (47, 127, 127)):
            slice_, row, column = corner
            theirs = wrapped.affine @ [row, column, slice_, 1]
            np.testing.assert_allclose(source.grid.world(corner), theirs[:3], atol=1e-3)


@pytest.mark.parametrize("scale", ["2", "1,1,2"])
def test_an_output_is_a_series_of_slices(mosaics: Path, enlarge, opened, scale: str) -> None:
    output = enlarge(mosaics, scale)
    assert verify_series(output.source, output.folder, output.plan) == []
    again = opened(output.folder)
    assert again.frames == 2
    assert again.grid.distance(output.plan.grid) <= 1e-5
    steps = tuple(slice(None, None, factor) for factor in output.plan.scale)
    for frame in range(2):
        before = output.source.read(output.source.extent, frame).values
        np.testing.assert_array_equal(again.read(again.extent, frame).values[:, *steps], before)


def test_each_slice_names_its_mosaic_once_and_says_nothing_of_tiles(mosaics: Path, enlarge) -> None:
    sources = {dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in mosaics.iterdir()}
    output = enlarge(mosaics, "1,1,2", keep_private=True)
    for path in output.files[:: len(output.files) // 4]:
        dataset = dcmread(path)
        (item,) = dataset.SourceImageSequence
        assert item.ReferencedSOPInstanceUID in sources
        assert "MOSAIC" not in dataset.ImageType
        assert "SliceLocation" not in dataset
        assert (0x0029, 0x1010) not in dataset


@pytest.mark.filterwarnings("ignore:The DICOM readers are highly experimental")
def test_each_slice_says_when_it_was_acquired(mosaics: Path, enlarge) -> None:
    from nibabel.nicom import csareader

    header = csareader.get_csa_header(dcmread(mosaics / "0.dcm"))
    delays_ms = np.array(header["tags"]["MosaicRefAcqTimes"]["items"])
    assert len(set(delays_ms)) > 40
    output = enlarge(mosaics, "1")
    whole = float(dcmread(mosaics / "0.dcm").AcquisitionTime)
    times = [float(dcmread(path).AcquisitionTime) for path in output.files[:48]]
    minutes = np.floor(np.array(times) / 100) - np.floor(whole / 100)
    np.testing.assert_allclose(np.array(times) - 40 * minutes - whole, delays_ms / 1000, atol=1e-4)


def test_a_time_that_is_the_whole_sheets_is_found(mosaics: Path, enlarge) -> None:
    output = enlarge(mosaics, "1")
    dataset = dcmread(output.files[7])
    dataset.AcquisitionTime = dcmread(mosaics / "0.dcm").AcquisitionTime
    dataset.save_as(output.files[7])
    found = verify_series(output.source, output.folder, output.plan)
    assert [finding.code for finding in found] == ["W4"]
    assert "mosaic" in found[0].text


@pytest.mark.slow
def test_dcm2niix_finds_when_each_slice_was_acquired(mosaics: Path, enlarge, run_judge, tmp_path: Path) -> None:
    (mosaics / "1000.dcm").unlink()
    timings = []
    for name, folder in (("a", mosaics), ("b", enlarge(mosaics, "2").folder)):
        (tmp_path / name).mkdir()
        run_judge("dcm2niix", "-z", "n", "-b", "y", "-f", "volume", "-o", tmp_path / name, folder)
        timings.append(json.loads((tmp_path / name / "volume.json").read_text())["SliceTiming"])
    assert len(timings[1]) == 48
    np.testing.assert_allclose(timings[1], timings[0], atol=0.02)  # it reads clocks in single precision


@pytest.mark.slow
def test_dcm2niix_makes_the_same_volume_of_the_slices(mosaics: Path, enlarge, run_judge, tmp_path: Path) -> None:
    images = []
    for name, folder in (("a", mosaics), ("b", enlarge(mosaics, "1").folder)):
        (tmp_path / name).mkdir()
        run_judge("dcm2niix", "-z", "n", "-b", "n", "-f", "volume", "-o", tmp_path / name, folder)
        (path,) = (tmp_path / name).glob("*.nii")
        images.append(nibabel.load(path))
    assert np.abs(images[0].affine - images[1].affine).max() < 1e-3
    np.testing.assert_array_equal(np.asarray(images[0].dataobj), np.asarray(images[1].dataobj))


def _without_csa(dataset: Dataset) -> None:
    dataset.remove_private_tags()


def _broken_csa(dataset: Dataset) -> None:
    dataset[0x0029, 0x1010].value = dataset[0x0029, 0x1010].value[:3000]


def _absurd_csa(dataset: Dataset) -> None:
    dataset[0x0029, 0x1010].value = b"SV10" + b"\xff" * 400


def _odd_size(dataset: Dataset) -> None:
    dataset.Rows, dataset.Columns = 895, 895


def _without_spacing(dataset: Dataset) -> None:
    del dataset.SpacingBetweenSlices


REFUSED = {
    "without its CSA header": _without_csa,
    "CSA header cannot be read": _broken_csa,
    "header cannot be read": _absurd_csa,
    "do not fill": _odd_size,
    "how far apart": _without_spacing,
}


@pytest.mark.parametrize(("words", "edit"), REFUSED.items(), ids=[edit.__name__ for edit in REFUSED.values()])
def test_a_mosaic_that_cannot_be_taken_apart_is_refused(mosaics: Path, items, skipped, words: str, edit) -> None:
    (mosaics / "1000.dcm").unlink()
    dataset = dcmread(mosaics / "0.dcm")
    edit(dataset)
    dataset.save_as(mosaics / "0.dcm")
    (entry,) = skipped(mosaics)
    assert entry.failed
    assert words in entry.reason
    assert items(mosaics) == []


def test_a_truncated_mosaic_costs_its_series_alone(mosaics: Path, make, items, skipped) -> None:
    make("mosaics/other")
    path = mosaics / "1000.dcm"
    path.write_bytes(path.read_bytes()[:-1000])
    assert len(items(mosaics)) == 1
    assert any("cut short" in entry.reason for entry in skipped(mosaics))
