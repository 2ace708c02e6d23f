"""Faults seeded into a good output, one at a time: each must be found."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from nibabel.nifti1 import Nifti1Extension
from srkit_medical.nifti.rules import AGREEMENT_RULES, MGH, NIFTI
from srkit_medical.nifti.source import NiftiSource
from srkit_medical.nifti.verify import verify_file

import srkit

Make = Callable[..., Path]
FACTORS = (2, 2, 3)
SIZEOF = {"h": 2, "f": 4, "B": 1}


@pytest.fixture
def check(opened: Callable[..., NiftiSource], planned: Callable[..., Any]) -> Callable[..., list[str]]:
    """Return a function that verifies a staged output and returns the codes of what was found."""

    def _check(source: Path, staged: Path, factors: tuple[int, ...] = FACTORS) -> list[str]:
        opened_source = opened(source)
        findings = verify_file(opened_source, staged, planned(opened_source, factors))
        assert all(finding.level == "failure" for finding in findings)
        return [finding.code for finding in findings]

    return _check


def rich(image: Any) -> None:
    image.header["pixdim"][4] = 2.5
    image.header["toffset"] = 1.5
    image.header["intent_code"] = 3
    image.header["cal_max"] = 90
    image.header.set_dim_info(0, 1, 2)
    image.header["slice_duration"] = 0.1
    image.header.set_slope_inter(0.5, -3)


def edited(path: Path, edit: Callable[[bytearray], None]) -> None:
    content = bytearray(gzip.decompress(path.read_bytes()))
    edit(content)
    path.write_bytes(gzip.compress(bytes(content), mtime=0))


def spoilt(staged: Path, offset: int, code: str, numbers: tuple[float, ...]) -> Path:
    """Write other numbers into a header, and return its path."""
    edited(staged, lambda content: struct.pack_into(f"<{len(numbers)}{code}", content, offset, *numbers))
    return staged


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.hdr"])
def test_good_output_passes(make: Make, enlarge: Callable[..., Path], check: Any, name: str) -> None:
    klass = nibabel.Nifti1Pair if name == "a.hdr" else nibabel.Nifti1Image
    path = make(name, edit=rich, klass=klass)
    assert check(path, enlarge(path, FACTORS)) == []


FAULTS = pytest.mark.parametrize(
    ("fault", "offset", "code", "numbers", "expected"),
    [
        ("half a voxel of shift is missing", 268, "f", (-91.3, 120.7, -64.2), "N1"),
        ("sform keeps the old origin", 292, "f", (-91.3,), "N1"),
        ("sform keeps the old spacing", 280, "f", (0.86,), "N1"),
        ("sform is not a number", 280, "f", (float("nan"),), "N1"),
        ("rotation of the qform is lost", 256, "f", (0.0, 0.0, 0.0), "N1"),
        ("rotation of the qform is none", 256, "f", (2.0,), "N1"),
        ("left and right are swapped in the qform", 76, "f", (-1.0,), "N1"),
        ("form codes are reset", 252, "h", (0, 2), "N1"),
        ("voxel sizes are the source's", 80, "f", (0.9, 0.8, 4.0), "N4"),
        ("time step is lost", 92, "f", (1.0,), "N6"),
        ("units are lost", 123, "B", (0,), "N6"),
        ("time offset is lost", 136, "f", (0.0,), "N6"),
        ("axes lose their meaning", 39, "B", (0,), "N6"),
        ("slice duration is stale", 132, "f", (0.1,), "N6"),
        ("slope is lost", 112, "f", (1.0, 0.0), "N7"),
        ("slope is half", 112, "f", (0.25,), "N7"),
        ("intercept is lost", 116, "f", (0.0,), "N7"),
        ("type is unsigned", 70, "h", (512,), "N8"),
        ("intent is lost", 68, "h", (0,), "N13"),
        ("display range is lost", 124, "f", (0.0,), "N13"),
        ("origin of the data is not told", 148, "B", (0,), "N13"),
    ],
)


@FAULTS
def test_seeded_fault_is_found(
    make: Make,
    enlarge: Callable[..., Path],
    check: Any,
    fault: str,
    offset: int,
    code: str,
    numbers: tuple[float, ...],
    expected: str,
) -> None:
    path = make("a.nii.gz", edit=rich)
    staged = spoilt(enlarge(path, FACTORS), offset, code, numbers)
    assert expected in check(path, staged), fault


def failing_rows(path: Path, output: Path) -> set[str]:
    """Return the codes of the rows that fail where a user asks `srkit verify` about a finished pair."""
    found = srkit.verify(path, output, domain="mri")
    failing = {finding.code for finding in found.findings if finding.level == "failure"}
    assert found.good is (not failing)
    assert failing <= {*NIFTI, *MGH, *AGREEMENT_RULES.values(), "grid", "readable"}
    assert not failing & {code for code, _ in found.passed}
    return failing


@FAULTS
def test_seeded_fault_in_a_finished_pair_fails_in_its_row(
    make: Make,
    enlarge: Callable[..., Path],
    fault: str,
    offset: int,
    code: str,
    numbers: tuple[float, ...],
    expected: str,
) -> None:
    path = make("a.nii.gz", edit=rich)
    staged = spoilt(enlarge(path, FACTORS), offset, code, numbers)
    unreadable = fault == "sform is not a number"
    assert ("readable" if unreadable else expected) in failing_rows(path, staged), fault


@pytest.mark.parametrize(("name", "rules"), [("a.nii.gz", NIFTI), ("a.mgz", MGH)], ids=["NIfTI", "MGH"])
def test_finished_pair_has_a_row_for_every_rule(
    make: Make, enlarge: Callable[..., Path], name: str, rules: Any
) -> None:
    klass = nibabel.MGHImage if name == "a.mgz" else nibabel.Nifti1Image
    path = make(name, np.ones((6, 7, 5), np.float32) * np.arange(5, dtype=np.float32), klass=klass)
    found = srkit.verify(path, enlarge(path, FACTORS), domain="mri", consistency_limit=0.2)
    assert {code for code, _ in found.passed} == {*rules, "grid", "S1", "N11"}


def test_labels_and_holes_of_a_finished_pair_are_compared(make: Make, enlarge: Callable[..., Path]) -> None:
    """One voxel of each is changed, at the end of the file."""
    labels = make(
        "labels.nii", np.arange(27, dtype=np.uint8).reshape(3, 3, 3), edit=lambda i: i.header.set_intent(1002)
    )
    values = np.arange(27, dtype=np.float32).reshape(3, 3, 3)
    values[0, 0, 0] = np.nan
    holes = make("holes.nii", values)
    for path, stored, code in ((labels, b"\x07", "N10"), (holes, b"\x00\x00\xc0\x7f", "N11")):
        output = enlarge(path, (2, 2, 2))
        assert failing_rows(path, output) == set()
        output.write_bytes(output.read_bytes()[: -len(stored)] + stored)
        assert failing_rows(path, output) == {code}


def test_finished_output_that_was_cut_short_is_a_row(make: Make, enlarge: Callable[..., Path]) -> None:
    path = make("a.nii")
    output = enlarge(path, FACTORS)
    output.write_bytes(output.read_bytes()[:-5])
    assert failing_rows(path, output) == {"readable"}


def test_pair_of_which_nobody_says_what_it_shows_is_taken_as_likely(make: Make, enlarge: Callable[..., Path]) -> None:
    path = make("a.nii")
    assert srkit.verify(path, enlarge(path, FACTORS)).good


def test_wrong_shape_is_found(make: Make, enlarge: Callable[..., Path], check: Any) -> None:
    path = make("a.nii.gz")
    assert check(path, enlarge(path, (2, 2, 1))) != []


def test_kept_extension_of_a_dicom_header_is_found(make: Make, enlarge: Callable[..., Path], check: Any) -> None:
    path = make("a.nii", edit=lambda image: image.header.extensions.append(Nifti1Extension(6, b"DOE^JANE")))
    assert check(path, enlarge(path, FACTORS, keep_extensions=True)) == ["N13"]


def test_lost_extension_is_found(make: Make, enlarge: Callable[..., Path], check: Any) -> None:
    staged = enlarge(make("a.nii"), FACTORS)
    path = make("b.nii", edit=lambda image: image.header.extensions.append(Nifti1Extension(4, b"<AFNI/>")))
    assert check(path, staged) == ["N13"]


def test_change_to_nifti_1_is_found(make: Make, enlarge: Callable[..., Path], check: Any) -> None:
    staged = enlarge(make("a.nii"), FACTORS)
    assert "N14" in check(make("b.nii", klass=nibabel.Nifti2Image), staged)


def test_packing_against_the_name_is_found(make: Make, enlarge: Callable[..., Path], check: Any) -> None:
    path = make("a.nii.gz")
    staged = enlarge(path, FACTORS)
    staged.write_bytes(gzip.decompress(staged.read_bytes()))
    assert check(path, staged) != []


def test_date_in_the_gzip_header_is_found(make: Make, enlarge: Callable[..., Path], check: Any) -> None:
    path = make("a.nii.gz")
    staged = enlarge(path, FACTORS)
    staged.write_bytes(gzip.compress(gzip.decompress(staged.read_bytes()), mtime=1_700_000_000))
    assert check(path, staged) == ["N18"]


@pytest.mark.parametrize("kept", [0, 20, 200, 340])
def test_output_that_was_cut_in_its_header_is_found(
    make: Make, enlarge: Callable[..., Path], check: Any, kept: int
) -> None:
    path = make("a.nii")
    staged = enlarge(path, FACTORS)
    staged.write_bytes(staged.read_bytes()[:kept])
    assert check(path, staged) == ["N19"]


@pytest.mark.parametrize(
    ("offset", "code", "numbers"),
    [(80, "f", 9.0), (30, "f", 1.0), (42, "f", 0.2), (284 + 4 * 12 * 14 * 15, "f", 1.0)],
    ids=["centre", "spacing", "direction", "repetition time"],
)
def test_seeded_fault_in_mgh_is_found(
    make: Make, enlarge: Callable[..., Path], check: Any, offset: int, code: str, numbers: float
) -> None:
    data = np.ones((6, 7, 5), np.float32)
    path = make("a.mgz", data, klass=nibabel.MGHImage)
    staged = enlarge(path, FACTORS)
    assert check(path, staged) == []
    edited(staged, lambda content: struct.pack_into(f">{code}", content, offset, numbers))
    assert check(path, staged) == ["N17"]


def test_stale_slice_timing_beside_the_output_is_found(make: Make, enlarge: Callable[..., Path], check: Any) -> None:
    path = make("a.nii.gz")
    path.with_name("a.json").write_text(json.dumps({"SliceTiming": [0, 1], "RepetitionTime": 2}))
    staged = enlarge(path, FACTORS)
    assert check(path, staged) == []
    staged.with_name("a.json").write_text(path.with_name("a.json").read_text())
    assert check(path, staged) == ["N20", "N20"]


def test_missing_diffusion_table_is_found(make: Make, enlarge: Callable[..., Path], check: Any) -> None:
    path = make("a.nii.gz")
    path.with_name("a.bval").write_text("0 1000\n")
    staged = enlarge(path, FACTORS)
    assert check(path, staged) == []
    staged.with_name("a.bval").unlink()
    assert check(path, staged) == ["N15"]
