"""What a user is told about a volume."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from nibabel.nifti1 import Nifti1Extension
from srkit_medical.nifti.inspect import inspect_file, survey
from srkit_medical.nifti.source import NiftiSource

Make = Callable[..., Path]
Open = Callable[..., NiftiSource]


def codes(source: NiftiSource) -> set[tuple[str, str]]:
    return {(finding.level, finding.code) for finding in inspect_file(source)}


def test_ordinary_volume_gives_no_warning(make: Make, opened: Open) -> None:
    assert codes(opened(make())) == set()


def test_unknown_orientation(make: Make, opened: Open) -> None:
    source = opened(make(codes=(0, 0)))
    assert ("warning", "N4") in codes(source)
    assert any("left/right unknown" in finding.text for finding in inspect_file(source))


def test_forms_that_differ_are_named_with_their_voxel_sizes(make: Make, opened: Open) -> None:
    path = make(affine=np.diag([1.0, 1, 1, 1]), edit=lambda image: image.set_qform(np.diag([2.0, 2, 3, 1]), 1))
    text = next(finding.text for finding in inspect_file(opened(path)) if finding.code == "N5")
    assert "1x1x1" in text
    assert "2x2x3" in text


def test_shear(make: Make, opened: Open) -> None:
    sheared = np.array([[1, 0, 0, 0], [0, 1, 0.3, 0], [0, 0, 2, 0], [0, 0, 0, 1.0]])
    path = make(affine=np.eye(4), edit=lambda image: (image.set_sform(sheared, 1), image.set_qform(None, 0)))
    assert ("warning", "N3") in codes(opened(path))


@pytest.mark.parametrize("unit", ["unknown", "micron", "meter"])
def test_units_other_than_millimetres(make: Make, opened: Open, unit: str) -> None:
    assert ("info", "N6") in codes(opened(make(edit=lambda image: image.header.set_xyzt_units(unit))))


def test_extensions(make: Make, opened: Open) -> None:
    def extended(image: Any) -> None:
        image.header.extensions.append(Nifti1Extension(6, b"DOE^JANE"))

    texts = [finding.text for finding in inspect_file(opened(make(edit=extended)))]
    assert any("comment" in text for text in texts)
    assert not any("DOE" in text for text in texts)


def test_constant_volume(make: Make, opened: Open) -> None:
    assert ("warning", "N12") in codes(opened(make(data=np.full((4, 5, 6), 7, np.int16))))


def test_volume_without_a_number_is_refused(make: Make, opened: Open) -> None:
    assert ("refusal", "N11") in codes(opened(make(data=np.full((4, 5, 6), np.nan, np.float32))))


def test_some_missing_voxels_are_counted(make: Make, opened: Open) -> None:
    data = np.arange(120, dtype=np.float32).reshape(4, 5, 6)
    data[0] = np.inf
    findings = inspect_file(opened(make(data=data)))
    assert [finding.text.split()[1] for finding in findings if finding.code == "N11"] == ["30"]


def test_phase_by_its_range_or_description(make: Make, opened: Open) -> None:
    phase = np.linspace(-np.pi, np.pi, 120, dtype=np.float32).reshape(4, 5, 6)
    assert ("warning", "N16") in codes(opened(make("a.nii", phase)))
    path = make("b.nii")
    path.with_name("b.json").write_text(json.dumps({"ImageType": ["ORIGINAL", "PRIMARY", "P"]}))
    assert ("warning", "N16") in codes(opened(path))


def test_survey_agrees_with_numpy(make: Make, opened: Open) -> None:
    data = np.random.default_rng(0).normal(size=(6, 7, 8, 3)).astype(np.float32)
    numbers = survey(opened(make(data=data)))
    assert (numbers.lowest, numbers.highest, numbers.binary) == (data.min(), data.max(), False)


# --- label maps ----------------------------------------------------------------------------------------------------


def regions(dtype: Any = np.uint8, count: int = 3) -> np.ndarray:
    data = np.zeros((12, 14, 10), dtype)
    for label in range(count):
        data[2 + label : 11, 3:12, 2:8] = label + 1
    return data


@pytest.mark.parametrize(
    "name",
    ["labels.nii", "sub-1_dseg.nii.gz", "brain_mask.nii", "aseg.nii", "liver-seg.nii.gz", "T1_label.nii"],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_label_maps_are_known_by_name_and_content(make: Make, opened: Open, name: str, dtype: Any) -> None:
    source = opened(make(name, regions(dtype)))
    assert source.channels[0].role == "category"
    assert ("info", "N10") in codes(source)


@pytest.mark.parametrize("name", ["T1w.nii", "brainmask.nii", "segovia.nii", "mne-seeg_T1brain.nii", "labelled2.nii"])
def test_small_integers_alone_make_no_label_map(make: Make, opened: Open, name: str) -> None:
    assert opened(make(name, regions())).channels[0].role == "image"


def test_image_that_is_named_as_labels_stays_an_image(make: Make, opened: Open) -> None:
    data = np.random.default_rng(0).integers(0, 4000, (20, 20, 10)).astype(np.int16)
    assert opened(make("mask.nii", data)).channels[0].role == "image"
    assert opened(make("seg.nii", data.astype(np.float32) + 0.5)).channels[0].role == "image"


def test_intent_and_option_decide(make: Make, opened: Open) -> None:
    assert opened(make(edit=lambda image: image.header.set_intent("label"))).is_label
    assert opened(make(), label=True).is_label


def test_two_values_ask_for_the_option(make: Make, opened: Open) -> None:
    assert ("warning", "N10") in codes(opened(make("T1w.nii", (regions() > 0).astype(np.uint8))))


# --- axes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spacing", "slices"), [((1, 1, 1), 2), ((1, 1, 5), 2), ((1, 5, 1), 1), ((5, 1, 1), 0), ((1, 1.2, 1), 2)]
)
def test_coarse_axis_is_across_the_slices(make: Make, opened: Open, spacing: Any, slices: int) -> None:
    roles = opened(make(affine=np.diag([*spacing, 1]))).roles
    assert roles["slice"] == slices
    assert roles["column"] < roles["row"]


def test_header_may_name_the_slice_axis(make: Make, opened: Open) -> None:
    assert opened(make(edit=lambda image: image.header.set_dim_info(slice=0))).roles["slice"] == 0


def test_plane_has_no_slices(make: Make, opened: Open) -> None:
    assert dict(opened(make(data=np.ones((5, 6), np.int16))).roles) == {"column": 0, "row": 1}


def test_reading_after_closing_is_an_error(make: Make, opened: Open) -> None:
    source = opened(make())
    source.close()
    with pytest.raises(ValueError, match="closed"):
        source.read(source.extent)


def test_packed_volume_leaves_no_file_behind(make: Make, opened: Open, tmp_path: Path, monkeypatch: Any) -> None:
    path = make("a.nii.gz")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    source = opened(path)
    assert list((tmp_path / "temporary").iterdir()) == []
    np.testing.assert_array_equal(source.read(source.extent).values[0], np.asarray(nibabel.load(path).dataobj))


def test_an_output_of_srkit_is_known_as_such(make, opened, enlarge) -> None:
    path = make()
    assert "own" not in {finding.level for finding in inspect_file(opened(path))}
    assert "own" in {finding.level for finding in inspect_file(opened(enlarge(path)))}
