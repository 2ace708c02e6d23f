"""Nothing that stands inside a medical file leaves it: not by models, run folders, logs, reports or messages.

The files carry a word in every text, name and date that their formats have; only images may hold it afterwards.
"""

from __future__ import annotations

import gzip
import json
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srkit.cli.app import run
from srkit.data.split import Split, split_to_json
from srkit.domain import Item, Part
from srkit.plugins import discover, load_plugins

nibabel = pytest.importorskip("nibabel")
pydicom = pytest.importorskip("pydicom")

WORD = "CaNaRy"
UID = "1.2.826.0.1.31415926535"
SMALL = ("data.patch=8", "data.batch=2", "data.workers=0", "network.parameters.blocks=1",
         "network.parameters.features=4", "phases.0.steps=2", "validate_every=1", "samples_every=1",
         "checkpoint_every=1", "log_every=1")  # fmt: skip
BESIDE = (".json", ".bvec")
"""What belongs to a NIfTI volume, and goes with its output."""
IMAGES = (".dcm", ".nii", ".gz", ".mgz")
SIDECAR = {"PatientName": WORD, "SeriesDescription": WORD, "AcquisitionTime": WORD, "RepetitionTime": 2.0}
TEXT_VRS = {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"}
NEEDED = {
    "SpecificCharacterSet", "Modality", "ImageType", "PhotometricInterpretation", "PatientPosition",
    "ScanningSequence", "SequenceVariant", "MRAcquisitionType", "ScanOptions",
}  # fmt: skip


def _marked(dataset: Any, subject: int) -> None:
    """Put the word into every text and date of the dictionary that an image may have at its top level."""
    from pydicom.datadict import DicomDictionary

    for tag, (vr, multiplicity, _, retired, keyword) in DicomDictionary.items():
        usable = vr in TEXT_VRS and keyword and not retired and 0x0008 <= tag >> 16 <= 0x0040
        if usable and keyword not in NEEDED and multiplicity[0] == "1":
            dataset.add_new(tag, vr, f"{WORD}{subject}")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{UID}.{subject}", f"{UID}.{subject}.1"
    dataset.FrameOfReferenceUID = f"{UID}.{subject}.2"
    dataset.private_block(0x0029, WORD, create=True).add_new(1, "LO", WORD)


def _write_series(folder: Path, subject: int) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

    folder.mkdir(parents=True)
    rng = np.random.default_rng(subject)
    for k in range(4):
        dataset = Dataset()
        _marked(dataset, subject)
        dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, f"{UID}.{subject}.1.{k + 1}"
        dataset.Modality, dataset.ImageType = "MR", ["ORIGINAL", "PRIMARY", "M"]
        dataset.SeriesNumber, dataset.InstanceNumber = 1, k + 1
        dataset.ImageOrientationPatient, dataset.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 3 * k]
        dataset.PixelSpacing, dataset.SliceThickness = [1, 1], 3
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.Rows = dataset.Columns = 24
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
        dataset.PixelData = rng.integers(100, 1000, (24, 24), dtype=np.uint16).tobytes()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.SourceApplicationEntityTitle = WORD
        dataset.preamble = WORD.encode().ljust(128, b"\0")
        dataset.save_as(folder / f"{k}.dcm", enforce_file_format=True)


def _write_nifti(path: Path, subject: int) -> None:
    voxels = np.random.default_rng(subject).integers(100, 1000, (24, 24, 6)).astype(np.int16)
    image = nibabel.Nifti1Image(voxels, np.diag([1.0, 1.0, 3.0, 1.0]))
    for field in ("descrip", "db_name", "aux_file", "intent_name"):
        image.header[field] = WORD.encode()
    image.header.extensions += [_extension(code) for code in (2, 4, 6)]
    nibabel.save(image, path)


def _write_mgh(path: Path) -> None:
    """Write a volume with a tag behind its footer: FreeSurfer keeps the commands there that made it."""
    voxels = np.random.default_rng(9).integers(100, 1000, (24, 24, 6)).astype(np.int16)
    nibabel.save(nibabel.MGHImage(voxels, np.diag([1.0, 1.0, 3.0, 1.0])), path)
    command = f"mri_convert {WORD}".encode()
    tag = struct.pack(">iq", 3, len(command)) + command
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + tag))


def _extension(code: int) -> Any:
    from nibabel.nifti1 import Nifti1Extension
    from pydicom.dataset import Dataset

    if code != 2:
        return Nifti1Extension(code, WORD.encode())
    dataset = Dataset()
    dataset.PatientName = WORD
    return nibabel.nifti1.Nifti1DicomExtension(2, dataset)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    with pydicom.config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for subject in range(3):
            _write_series(root / f"series{subject}", subject)
            _write_nifti(root / f"volume{subject}.nii.gz", subject)
            (root / f"volume{subject}.json").write_text(json.dumps(SIDECAR))
            (root / f"volume{subject}.bvec").write_text(f"0 0 1 {WORD}\n")
        _write_mgh(root / "volume9.mgz")
    whole = (root / "series0" / "0.dcm").read_bytes()
    (root / "cut").mkdir()
    (root / "cut" / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    (root / "cut.nii").write_bytes(_nifti_head(root))
    return root


def _nifti_head(root: Path) -> bytes:
    return gzip.decompress((root / "volume0.nii.gz").read_bytes())[:900]


class Desk:
    """Runs commands in a folder of their own and keeps all that they say."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str], logs: pytest.LogCaptureFixture) -> None:
        self.folder, self.capture, self.logs = folder, capture, logs
        self.said: list[str] = []

    def run(self, *words: object, code: int | None = 0) -> None:
        found = run([str(word) for word in words])
        self.said += [*self.capture.readouterr(), self.logs.text]
        assert found == code or (code is None and found in (0, 4)), self.said[-3:]

    def traces(self) -> Iterator[str]:
        """Yield where the word, or a UID of the files, is found."""
        marks = [WORD.encode(), WORD.upper().encode(), UID.encode()]
        for text in self.said:
            if any(mark in text.encode() for mark in marks):
                yield text
        for path in self.folder.rglob("*"):
            part = path.suffix in IMAGES or (path.suffix in BESIDE and path.with_suffix(".nii.gz").exists())
            content = path.read_bytes() if path.is_file() and not part else b""
            if any(mark in content + bytes(path.relative_to(self.folder)) for mark in marks):
                yield str(path)


@pytest.mark.filterwarnings("default")  # what libraries say of odd values must not reach the user either
def test_the_main_jobs_leave_nothing_of_a_medical_file_but_in_images(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SRKIT_PLUGINS", raising=False)
    desk = Desk(tmp_path, capfd, caplog)
    model = "run/model.safetensors"
    desk.run("train", "--domain", "mri", "--data", data, "--out", "run", *(w for s in SMALL for w in ("--set", s)))
    desk.run("inspect", data, "--domain", "mri", "--json", code=4)
    desk.run("upscale", data, "--out", "out", "--model", model, "--domain", "mri", "--resume", code=4)
    more = ("--maps", "--consistency", "--explain", "--json")
    desk.run("--debug", "upscale", data / "series0", "--out", "more", "--model", model, "--domain", "mri", *more)
    for name in ("series0", "volume0.nii.gz", "volume9.mgz"):
        desk.run("--debug", "verify", data / name, Path("out") / name, "--domain", "mri", code=None)
    desk.run("evaluate", data, "--model", model, "--domain", "mri", "--json", code=4)
    desk.run("models", "show", model)
    desk.run("doctor")
    images = [path for path in (tmp_path / "out").rglob("*") if path.suffix in IMAGES]
    assert len(images) == 16
    assert (tmp_path / "out" / "srkit-manifest.jsonl").exists()
    assert all(WORD.encode() in path.read_bytes() for path in images if path.suffix == ".dcm")  # it was there to leak
    assert (tmp_path / "run" / "best.safetensors").exists()
    assert list(desk.traces()) == []


def test_a_run_folder_does_not_even_keep_hashes_of_patients(data: Path) -> None:
    """Short numbers are soon guessed from a hash, whose salt stands in the code."""
    items = [item for item in discover(load_plugins(), data, {}, domain="mri") if isinstance(item, Item)]
    groups = {item.group for item in items if item.path.suffix == ".dcm"}
    text = split_to_json(Split(tuple(Part(item) for item in items), (), (), ""))
    assert len(groups) == 3
    assert not any(group in text for group in groups)
