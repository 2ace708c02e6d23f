"""Canaries in every text, date and identifier of a series: after whole runs they sing in DICOM outputs only."""

from __future__ import annotations

import gzip
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.data import get_testdata_file

WORD, NUMBER = "CANARY", "2718281828459045"
TEXTS = {"PN", "LO", "SH", "ST", "LT", "UT", "UC", "AE", "DA", "TM", "DT"}
NEEDED = {"Modality", "PatientPosition", "ScanOptions", "SequenceVariant", "ScanningSequence"}
IDENTIFIERS = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")


def canaries(dataset: Dataset, k: int) -> None:
    """Put a canary into every text, date and identifier of a slice."""
    for element in list(dataset):
        if element.VR in TEXTS and element.keyword not in NEEDED:
            element.value = WORD
    for keyword in ("PatientName", "PatientBirthDate", "PatientComments", "AccessionNumber", "SeriesDescription"):
        setattr(dataset, keyword, WORD)
    for keyword in IDENTIFIERS:
        setattr(dataset, keyword, f"1.2.{NUMBER}")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.{NUMBER}.{k}"
    dataset.preamble = WORD.encode().ljust(128, b"\0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a sound series, and one with a slice cut short."""
    for name, count in (("sound", 5), ("torn", 3)):
        (tmp_path / "in" / name).mkdir(parents=True)
        for k in range(count):
            path = tmp_path / "in" / name / f"{k}.dcm"
            with disable_value_validation(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dataset = dcmread(str(get_testdata_file("MR_small.dcm")))
                canaries(dataset, k)
                dataset.SeriesInstanceUID += f".{count}"
                dataset.ImagePositionPatient = [0, 0, 4 * k]
                dataset.save_as(path)
    path.write_bytes(path.read_bytes()[:-500])
    return tmp_path / "in"


def run(*arguments: str | Path) -> str:
    """Return all that a run of srkit says."""
    command = [sys.executable, "-m", "srkit", *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 4), done.stderr
    return done.stdout + done.stderr


def sings(data: bytes) -> bool:
    """Tell whether a canary is in `data`, in any case."""
    return WORD.lower().encode() in data.lower() or NUMBER.encode() in data


@pytest.mark.slow
@pytest.mark.parametrize("form", ["same", "nifti"])
def test_a_run_tells_nothing_of_the_patient(folder: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    several = ("--workers", "2") if form == "nifti" else ()
    wanted = ("--domain", "mri", "--model", "nearest", "--scale", "2", "--to", form)
    said = run("upscale", folder, "--out", out, *wanted, *several)
    files = [path for path in out.rglob("*") if path.is_file()]
    assert any(path.suffix == (".dcm" if form == "same" else ".gz") for path in files)
    assert not sings(said.encode())
    assert not any(sings(str(path.relative_to(out)).encode()) for path in files)
    assert form != "same" or all(sings(path.read_bytes()) for path in files if path.suffix == ".dcm")
    for path in files:
        if path.suffix != ".dcm":
            data = path.read_bytes()
            assert not sings(gzip.decompress(data) if path.suffix == ".gz" else data), path


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_inspection_tells_nothing_of_the_patient(folder: Path, arguments: list[str]) -> None:
    said = run("inspect", folder, *arguments)
    assert "sound" in said
    assert not sings(said.encode())


@pytest.mark.slow
def test_debugging_verification_and_archives_tell_nothing_of_the_patient(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "scans.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*.dcm")):
            packed.write(path, path.relative_to(folder).as_posix())
    wanted = ("--domain", "mri", "--model", "nearest", "--scale", "2")
    said = [
        run("--debug", "upscale", folder, "--out", tmp_path / "out", "--json", *wanted),
        run("--debug", "upscale", archive, "--out", tmp_path / "from-zip", "--compress", "rle", *wanted),
        run("--debug", "verify", folder / "sound", tmp_path / "out" / "sound"),
        run("--debug", "inspect", archive),
        run("--debug", "evaluate", folder, "--domain", "mri", "--model", "nearest"),
    ]
    assert not [text for text in said if sings(text.encode())]
    files = [path for out in ("out", "from-zip") for path in (tmp_path / out).rglob("*") if path.is_file()]
    assert len([path for path in files if path.suffix == ".dcm" and sings(path.read_bytes())]) == 10
    assert not [path for path in files if sings(str(path.relative_to(tmp_path)).encode())]
    assert not [path for path in files if path.suffix != ".dcm" and sings(path.read_bytes())]
