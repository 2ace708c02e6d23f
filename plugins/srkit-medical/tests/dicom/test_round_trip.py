"""Values come back from a whole run of srkit as they went in, and a second run makes the same objects."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.pixels import apply_rescale

import srkit

Make = Callable[..., Path]
REAL = ("ct_siemens_j2k", "ct_philips_implicit", "ct_ge_tilt_variable", "ct_toshiba_intercept0")
DATA = Path(os.environ.get("SRKIT_DATA", Path(__file__).parents[4].parent / "shared" / "data")) / "medical" / "dicom"


def hounsfield(folder: Path) -> np.ndarray:
    """Return what pydicom reads of all slices below `folder`, in HU, by position."""
    slices = [dcmread(path) for path in folder.rglob("*") if path.suffix == ".dcm"]
    slices.sort(key=lambda d: float(np.dot(d.ImagePositionPatient, _normal(d))))
    return np.stack([apply_rescale(dataset.pixel_array, dataset) for dataset in slices])


def _normal(dataset: Dataset) -> np.ndarray:
    directions = np.array(dataset.ImageOrientationPatient, dtype=float)
    return np.cross(directions[:3], directions[3:])


def upscale(source: Path, out: Path, domain: str = "ct", **options: Any) -> srkit.UpscaleReport:
    """Run srkit with nearest neighbours at twice the size."""
    wanted: Mapping[str, Any] = {domain: options} if options else {}
    return srkit.upscale(source, out, scale=2, model="nearest", domain=domain, options=wanted)


@pytest.mark.parametrize("compress", ["none", "j2k"])
def test_hounsfield_units_come_back_exactly(make: Make, tmp_path: Path, compress: str) -> None:
    folder = make(kind="CT")
    assert upscale(folder, tmp_path / "out", compress=compress).exit_code == 0
    np.testing.assert_array_equal(hounsfield(tmp_path / "out")[:, ::2, ::2], hounsfield(folder))
    np.testing.assert_array_equal(hounsfield(tmp_path / "out")[:, 1::2, 1::2], hounsfield(folder))


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_hounsfield_units_of_real_series_come_back_exactly(tmp_path: Path, name: str) -> None:
    if not DATA.is_dir():
        pytest.skip("no real data; set SRKIT_DATA")
    assert upscale(DATA / name, tmp_path / "out").exit_code == 0
    np.testing.assert_array_equal(hounsfield(tmp_path / "out")[:, ::2, ::2], hounsfield(DATA / name))


def test_a_second_run_makes_the_same_objects_and_another_wish_others(make: Make, tmp_path: Path) -> None:
    folder = make(kind="CT")
    for out in ("one", "two"):
        upscale(folder, tmp_path / out)
    upscale(folder, tmp_path / "other", compress="rle")
    once, again, other = (
        {path.name: path.read_bytes() for path in (tmp_path / out).glob("*.dcm")} for out in ("one", "two", "other")
    )
    assert once == again
    assert once
    uids = [{dcmread(path).SOPInstanceUID for path in (tmp_path / out).glob("*.dcm")} for out in ("one", "other")]
    assert not uids[0] & uids[1]
    assert len(other) == len(once)


def test_shuffled_renamed_and_doubled_files_are_the_same_series(make: Make, tmp_path: Path) -> None:
    folder = make(kind="CT")
    upscale(folder, tmp_path / "plain")
    for number, path in enumerate(sorted(folder.iterdir())):
        path.rename(folder / f"IM{(number * 5) % 6}")
    (folder / "copy of 3").write_bytes((folder / "IM3").read_bytes())
    (folder / "notes.txt").write_text("nothing")
    (folder / "junk.dcm").write_bytes(os.urandom(300))
    assert upscale(folder, tmp_path / "mixed").exit_code == 4  # the junk is named like DICOM
    plain, mixed = ({p.name: p.read_bytes() for p in (tmp_path / out).glob("*.dcm")} for out in ("plain", "mixed"))
    assert plain == mixed
