"""`--copy-others`: what is no image to enlarge comes along, byte for byte, and what else is passed over does not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import ComprehensiveSRStorage, EncapsulatedPDFStorage, ExplicitVRLittleEndian

import srkit

Make = Callable[..., Path]
TURNED = [0, 1, 0, 0, 0, -1]


@pytest.fixture
def study(make: Make, tmp_path: Path) -> Path:
    """A study of one series with a localizer, a turned scout, a map, a capture, a report, a PDF and a text."""
    root = make("study/T1")

    def edited(name: str, edit: Callable[[Dataset], None], source: str = "MR_small.dcm") -> None:
        dataset = dcmread(str(get_testdata_file(source)))
        edit(dataset)
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        path = tmp_path / "study" / name
        path.parent.mkdir(exist_ok=True)
        dataset.save_as(path)

    def to_report(dataset: Dataset) -> None:
        dataset.SOPClassUID = ComprehensiveSRStorage
        del dataset.PixelData

    def to_pdf(dataset: Dataset) -> None:
        dataset.SOPClassUID, dataset.EncapsulatedDocument = EncapsulatedPDFStorage, b"%PDF-1.4"
        del dataset.PixelData

    edited("T1/scout.dcm", lambda d: setattr(d, "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]))
    edited("maps/adc", lambda d: setattr(d, "ImageType", ["DERIVED", "PRIMARY", "ADC"]))
    edited("report", to_report)
    edited("doc/pdf.dcm", to_pdf)
    edited("capture.dcm", lambda d: None, "examples_rgb_color.dcm")
    turned = dcmread(root / "000.dcm")
    turned.ImageOrientationPatient, turned.SOPInstanceUID = TURNED, "1.2.3"
    turned.save_as(root / "turned")
    shutil.copy(root / "001.dcm", tmp_path / "study" / "T1" / "again.dcm")
    (tmp_path / "study" / "notes.txt").write_text("no DICOM")
    return tmp_path / "study"


OTHERS = ["T1/scout.dcm", "T1/turned", "capture.dcm", "doc/pdf.dcm", "maps/adc", "report"]


def run(root: Path, out: Path, **options: Any) -> srkit.UpscaleReport:
    every = {name: {"copy_others": True, **options} for name in ("mri", "ct", "pet")}
    return srkit.upscale(root, out, model="nearest", options=every, manifest=True, skip_existing=True)


def names_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def outcome(report: srkit.UpscaleReport, root: Path) -> dict[str, str]:
    return {result.path.relative_to(root).as_posix(): result.status for result in report.results}


def test_others_are_copied_and_the_series_gets_a_folder_of_its_own(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = run(study, out)
    assert outcome(report, study) == {
        **dict.fromkeys(OTHERS, "copied"), "T1/000.dcm": "done", "T1/again.dcm": "skipped",
    }  # fmt: skip
    assert (report.exit_code, report.passed_over) == (0, 1)
    for name in OTHERS:
        assert (out / name).read_bytes() == (study / name).read_bytes()
    slices = [f"T1/series-01/{k + 1:04d}.dcm" for k in range(6)]
    tables = ["srkit-manifest.csv", "srkit-manifest.jsonl"]
    assert names_below(out) == sorted([*OTHERS, *slices, *tables])
    lines = [json.loads(line) for line in (out / tables[1]).read_text().splitlines()]
    assert sorted(line["output"] for line in lines if line["status"] == "copied") == OTHERS


def test_a_second_run_does_nothing_and_the_output_verifies(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(study, out)
    again = run(study, out)
    assert set(outcome(again, study).values()) == {"skipped"}
    found = srkit.verify(study / "T1", out / "T1" / "series-01")
    assert found.passed
    assert [finding.text for finding in found.findings if finding.level == "failure"] == []


def test_nothing_is_copied_unless_asked(study: Path, tmp_path: Path) -> None:
    report = run(study, tmp_path / "out", copy_others=False)
    assert names_below(tmp_path / "out" / "T1") == [f"{k + 1:04d}.dcm" for k in range(6)]
    assert set(outcome(report, study).values()) == {"done", "skipped"}


def test_what_a_filter_leaves_out_is_not_copied(study: Path, tmp_path: Path) -> None:
    report = run(study, tmp_path / "out", min_slices=7)
    assert outcome(report, study)["T1/000.dcm"] == "skipped"
    assert {name for name, status in outcome(report, study).items() if status == "copied"} == set(OTHERS)


def test_members_of_an_archive_stay_in_it(study: Path, tmp_path: Path) -> None:
    (tmp_path / "packed").mkdir()
    with ZipFile(tmp_path / "packed" / "study.zip", "w") as archive:
        for path in study.rglob("*"):
            archive.write(path, path.relative_to(study).as_posix())
    report = run(tmp_path / "packed", tmp_path / "out")
    assert sorted({result.status for result in report.results}) == ["done", "skipped"]


def test_a_broken_file_is_not_copied(study: Path, tmp_path: Path) -> None:
    whole = (study / "T1" / "000.dcm").read_bytes()
    (study / "broken.dcm").write_bytes(whole[: len(whole) // 2])
    report = run(study, tmp_path / "out")
    assert outcome(report, study)["broken.dcm"] == "failed"
    assert not (tmp_path / "out" / "broken.dcm").exists()


def test_an_enhanced_object_beside_a_series_leaves_it_its_own_folder(
    make: Make, converted: Path, tmp_path: Path
) -> None:
    folder = make("mixed")
    shutil.copy(converted / "volume.dcm", folder / "volume.dcm")
    assert dcmread(folder / "volume.dcm").file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    report = srkit.upscale(folder, tmp_path / "out", model="nearest")
    assert [result.status for result in report.results] == ["done", "done"]
    assert {path.parent.name for path in (tmp_path / "out").rglob("0*.dcm")} == {"series-01"}
