"""Findings on a series: what was understood, warned of, refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from srkit_medical.dicom.inspect import inspect_series
from srkit_medical.nifti.converted import ConvertedSource

import srkit
from srkit.errors import InputError

Make = Callable[..., Path]


def test_the_first_finding_says_what_the_series_is(make: Make, opened) -> None:
    first, *others = inspect_series(opened(make()))
    assert first.level == "info"
    assert "6 slices of 64 x 64, 0.9 x 0.7 mm, 5 mm apart" in first.text
    assert others == []


def test_uneven_slices_are_a_warning(make: Make, opened) -> None:
    findings = inspect_series(opened(make(kind="CT", step=(0, 1.5, 5.0))))
    assert [finding.level for finding in findings] == ["info", "warning"]


def _burned(dataset: Dataset, k: int) -> None:
    dataset.BurnedInAnnotation = "YES"


def test_burned_in_text_is_refused_until_accepted(make: Make, opened) -> None:
    folder = make(edit=_burned)
    assert "refusal" in {finding.level for finding in inspect_series(opened(folder))}
    levels = {finding.level for finding in inspect_series(opened(folder, accept_burned_in=True))}
    assert levels == {"info", "warning"}


def test_burned_in_text_ends_a_run_unless_accepted(make: Make, tmp_path: Path) -> None:
    folder = make(edit=_burned)
    with pytest.raises(InputError, match=r"burned-in text, which a network distorts; --accept-burned-in") as caught:
        srkit.upscale(folder, tmp_path / "out", model="nearest")
    assert caught.value.exit_code == 4
    assert not (tmp_path / "out").exists()
    options = {"mri": {"accept_burned_in": True}}
    (result,) = srkit.upscale(folder, tmp_path / "out", model="nearest", options=options).results
    assert (result.status, [f.code for f in result.findings if f.level == "warning"]) == ("done", ["D18"])
    (first, *_) = sorted((tmp_path / "out").iterdir())
    assert dcmread(first).BurnedInAnnotation == "YES"


def test_nothing_is_learnt_from_burned_in_text_unless_accepted(make: Make, tmp_path: Path) -> None:
    make("data/with", series="with", edit=_burned)
    make("data/without", series="without")
    told = srkit.evaluate(tmp_path / "data", models=["nearest"], domain="mri", scale=2)
    (left_out,) = told.skipped
    assert "burned-in text" in left_out.reason
    options = {"mri": {"accept_burned_in": True}}
    assert srkit.evaluate(tmp_path / "data", models=["nearest"], domain="mri", scale=2, options=options).skipped == ()


def test_axes_of_what_becomes_nifti_are_those_of_the_series(make: Make, opened) -> None:
    converted = ConvertedSource(opened(make(edit=_burned)))
    assert set(converted.fixed_axes) == {0, 1, 2}
    assert set(ConvertedSource(opened(make("few", count=2))).fixed_axes) == {2}


def test_burned_in_text_of_an_enhanced_object_is_seen(converted: Path, opened) -> None:
    path = converted / "volume.dcm"
    dataset = dcmread(path)
    dataset.BurnedInAnnotation = "YES"
    dataset.save_as(path)
    assert "D18" in {finding.code for finding in inspect_series(opened(converted)) if finding.level == "refusal"}


NOTES = {
    "D21": {"AcquisitionMatrix": [0, 32, 32, 0]},
    "D21 ": {"ImagesInAcquisition": 3},
    "D14": {"PhotometricInterpretation": "MONOCHROME1"},
    "D13": {"RescaleIntercept": "3"},
}


def _overlaid(dataset: Dataset, k: int) -> None:
    dataset.add_new(0x60020010, "US", 64)
    dataset.add_new(0x60023000, "OW", b"\0" * 512)


def _with_curve(dataset: Dataset, k: int) -> None:
    dataset.add_new(0x50000005, "US", 2)
    dataset.add_new(0x50003000, "OW", b"\0" * 8)


@pytest.mark.parametrize("edit", [_overlaid, _with_curve])
def test_overlays_and_curves_are_told_and_left_out(make: Make, opened, enlarge, edit) -> None:
    folder = make(edit=edit)
    assert "overlay graphics or curves" in inspect_series(opened(folder))[1].text
    tags = {element.tag for dataset in enlarge(folder).datasets for element in dataset}
    assert {tag.group >> 8 for tag in tags}.isdisjoint({0x50, 0x60})


@pytest.mark.parametrize("code", NOTES)
def test_what_a_user_must_know_is_told(make: Make, opened, code: str) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        for keyword, value in NOTES[code].items():
            setattr(dataset, keyword, value)

    assert code.strip() in {finding.code for finding in inspect_series(opened(make(edit=edit)))}


def test_an_output_of_srkit_is_known_as_such(make: Make, opened, enlarge) -> None:
    assert "own" not in {finding.level for finding in inspect_series(opened(make()))}
    output = enlarge(make())
    assert "own" in {finding.level for finding in inspect_series(opened(output.folder))}
