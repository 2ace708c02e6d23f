"""Filters of a batch: what is passed over, by which words, and that no word of a header is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from srkit_medical.plugin import srkit_discover, srkit_open
from srkit_medical.selection import Selection, Span
from typer.testing import CliRunner

import srkit
from srkit.cli.app import make_app
from srkit.domain import Item, Skipped
from srkit.errors import UsageError

CANARY = "CANARY t1 mprage"


def series(folder: Path, count: int = 5, **elements: Any) -> Path:
    """Write an MR series of 5 mm slices and 0.9 x 0.7 mm pixels; `elements` overwrite those of its header."""
    folder.mkdir(parents=True)
    for k in range(count):
        dataset = dcmread(str(get_testdata_file("MR_small.dcm")))
        dataset.SeriesInstanceUID = f"1.2.3.{len(str(folder))}.{sum(map(ord, folder.name))}"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{dataset.SeriesInstanceUID}.{k}"
        dataset.ImageOrientationPatient, dataset.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.9, 0.7]
        dataset.ImagePositionPatient = [0, 0, 5 * k]
        dataset.SeriesDescription, dataset.ImageType = CANARY, ["ORIGINAL", "PRIMARY", "OTHER"]
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
        dataset.save_as(folder / f"{k}.dcm")
    return folder


def found(root: Path, **options: Any) -> tuple[list[Item], list[Skipped]]:
    """Return the items and what is passed over at `root` with these options in every domain."""
    entries = list(srkit_discover(root, dict.fromkeys(("mri", "ct", "pet"), options)))
    return [e for e in entries if isinstance(e, Item)], [e for e in entries if isinstance(e, Skipped)]


WANTED = [
    {"only_description": "T1"},
    {"only_description": "^canary.*mprage$"},
    {"only_pixel_spacing": "0.7:0.9"},
    {"only_pixel_spacing": ":1"},
    {"only_slice_spacing": "5:"},
    {"only_image_type": "ORIGINAL, primary"},
    {"min_slices": 5},
]
UNWANTED = [
    {"only_description": "flair"},
    {"only_pixel_spacing": "0.8:1"},
    {"only_slice_spacing": "0.5:4.9"},
    {"only_image_type": "DERIVED"},
    {"min_slices": 6},
]


@pytest.mark.parametrize("options", WANTED, ids=str)
def test_a_series_that_is_as_asked_for_is_an_item(tmp_path: Path, options: dict[str, Any]) -> None:
    items, skipped = found(series(tmp_path / "in"), **options)
    assert (len(items), skipped) == (1, [])


@pytest.mark.parametrize("options", UNWANTED, ids=str)
def test_another_is_passed_over_as_one_and_says_why(tmp_path: Path, options: dict[str, Any]) -> None:
    items, (entry,) = found(series(tmp_path / "in"), **options)
    assert items == []
    assert not entry.failed
    assert len(entry.others) == 4
    assert "--" + next(iter(options)).replace("_", "-") in entry.reason
    assert "CANARY" not in entry.reason


def volume(path: Path, **description: Any) -> Path:
    """Write a NIfTI volume of 6 slices 4 mm apart, with a description beside it."""
    affine = np.diag([0.9, 0.8, 4.0, 1.0])
    image = nibabel.Nifti1Image(np.arange(8 * 9 * 6, dtype=np.int16).reshape(8, 9, 6), affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    if description:
        path.with_name(path.name.removesuffix(".nii") + ".json").write_text(json.dumps(description))
    return path


def test_nifti_is_chosen_by_its_header_and_its_description(tmp_path: Path) -> None:
    volume(tmp_path / "a.nii", Modality="MR", SeriesDescription=CANARY, ImageType=["ORIGINAL", "PRIMARY", "M"])
    volume(tmp_path / "b.nii", Modality="MR")
    assert [i.stem for i in found(tmp_path, only_description="mprage")[0]] == ["a"]
    assert [i.stem for i in found(tmp_path, only_image_type="ORIGINAL")[0]] == ["a"]
    assert len(found(tmp_path, only_slice_spacing="4:4", only_pixel_spacing="0.8:0.9", min_slices=6)[0]) == 2
    assert found(tmp_path, only_slice_spacing=":3.9")[0] == []
    assert found(tmp_path, min_slices=7)[0] == []


@pytest.mark.parametrize("kind", ["MIP", "MPR", "ADC", "FA", "T1 MAP", "PROJECTION IMAGE"])
def test_what_is_derived_is_passed_over_unless_asked_for(tmp_path: Path, kind: str) -> None:
    folder = series(tmp_path / "in" / "dicom", ImageType=["DERIVED", "SECONDARY", kind])
    volume(tmp_path / "in" / "v.nii", Modality="MR", ImageType=["DERIVED", "SECONDARY", kind])
    items, skipped = found(tmp_path / "in")
    assert items == []
    assert len(skipped) == 6
    assert not any(entry.failed for entry in skipped)
    assert all("--include-derived" in entry.reason for entry in skipped)
    assert len(found(tmp_path / "in", include_derived=True)[0]) == 2
    (item,) = found(folder, include_derived=True)[0]
    source = srkit_open("mri", item, {})
    assert source is not None
    assert source.grid.shape[0] == 5


def test_oblique_slices_that_were_measured_are_no_reformatted_ones(tmp_path: Path) -> None:
    assert len(found(series(tmp_path / "in", ImageType=["ORIGINAL", "PRIMARY", "MPR"]))[0]) == 1


def test_turning_projections_that_make_no_volume_are_passed_over_and_no_failure(tmp_path: Path) -> None:
    kind = ["DERIVED", "SECONDARY", "MIP"]
    _, skipped = found(series(tmp_path / "in", ImageType=kind, ImagePositionPatient=[0, 0, 0], PixelSpacing=None))
    assert [entry.failed for entry in skipped] == [False] * 5


@pytest.mark.parametrize("option", ["only_pixel_spacing", "only_slice_spacing"])
@pytest.mark.parametrize("text", ["1", "2:1", "a:b", "-1:2"])
def test_a_senseless_range_is_a_usage_error(tmp_path: Path, option: str, text: str) -> None:
    with pytest.raises(UsageError, match="is no range"):
        Selection.of({option: text})


def test_a_senseless_pattern_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="regular expression"):
        Selection.of({"only_description": "("})


def test_ends_of_a_range_are_inside_whatever_headers_round() -> None:
    span = Span.parse("0.5:1", "x")
    assert span is not None
    assert [span.holds(x) for x in (0.4996, 0.49, 1.0004, 1.01)] == [True, False, True, False]


def test_a_batch_treats_what_is_wanted_and_tells_no_description(tmp_path: Path) -> None:
    root = tmp_path / "in"
    series(root / "a")
    series(root / "b", SeriesDescription="CANARY flair")
    series(root / "c", 3)
    options = ["--scale", "2", "--model", "nearest", "--only-description", "mprage", "--min-slices", "4"]
    run = CliRunner().invoke(make_app(), ["upscale", str(root), "--out", str(tmp_path / "out"), *options])
    assert run.exit_code == 0, run.output
    assert [p.name for p in (tmp_path / "out").iterdir() if p.is_dir()] == ["a"]
    manifest = (tmp_path / "out" / "srkit-manifest.jsonl").read_text()
    assert [json.loads(line)["status"] for line in manifest.splitlines()] == ["done", "skipped", "skipped"]
    assert "CANARY" not in run.output + manifest
    assert "passed over" not in run.output


def test_what_chooses_items_changes_no_output(tmp_path: Path, choose: Callable[..., str]) -> None:
    root = series(tmp_path / "in")
    assert choose(root, "one") == choose(root, "two", only_description="t1", min_slices=3)


@pytest.fixture
def choose(tmp_path: Path) -> Callable[..., str]:
    """Return a function that enlarges a series and returns the SeriesInstanceUID of what came out."""

    def _choose(root: Path, out: str, **options: Any) -> str:
        srkit.upscale(root, tmp_path / out, scale=2, model="nearest", options={"mri": options})
        dataset: Dataset = dcmread(next((tmp_path / out).glob("*.dcm")))
        return str(dataset.SeriesInstanceUID)

    return _choose
