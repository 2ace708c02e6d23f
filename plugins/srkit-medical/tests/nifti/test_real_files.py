"""Every real NIfTI and MGH file goes through the whole pipeline: it is done right, or refused with a sentence."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from srkit.errors import SrkitError
from srkit.upscaling import upscale

DATA = Path(os.environ.get("SRKIT_DATA", Path(__file__).parents[4].parent / "shared" / "data")) / "medical"
SMALL = 250_000  # bytes; larger files are enlarged along one axis, which is quicker
CORNER = "nifti/corner"
REFUSED = {"complex64.nii.gz", "ct_perfusion_rgb24.nii.gz", "warp_5d_vector.nii.gz"}
LARGE = {"labels_aseg.mgz", "int8_slope_4d_rpi.nii.gz"}
GOOD = sorted(
    path
    for folder in ("nifti/corner", "nifti/mri", "nifti/ct")
    for path in (DATA / folder).rglob("*")
    if path.name.endswith((".nii", ".nii.gz", ".hdr", ".mgz")) and path.name not in REFUSED
)
needs_data = pytest.mark.skipif(not GOOD, reason=f"no real files at {DATA}; name their folder in SRKIT_DATA")


def load(path: Path) -> Any:
    if path.suffix == ".mgz":
        return nibabel.MGHImage.from_bytes(gzip.decompress(path.read_bytes()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nibabel.load(path)


@needs_data
@pytest.mark.parametrize(
    "path", [pytest.param(p, marks=pytest.mark.slow if p.name in LARGE else (), id=p.name) for p in GOOD]
)
def test_box_type_and_samples_are_kept(path: Path, tmp_path: Path, box: Callable[..., np.ndarray]) -> None:
    source = load(path)
    small = path.stat().st_size < SMALL and path.name not in LARGE
    factors = (2, 2, 2) if small else (1, 1, 2)
    factors = factors[: len(source.shape)]
    scale = ",".join(map(str, factors))
    report = upscale(path, tmp_path / "out", scale=scale, model="nearest", domain="ct" if "ct" in path.parts else "mri")
    assert [result.status for result in report.results] == ["done"]
    output = load(tmp_path / "out" / path.name)
    assert output.shape[: len(factors)] == tuple(n * s for n, s in zip(source.shape, factors, strict=False))
    assert output.shape[len(factors) :] == source.shape[len(factors) :]
    assert output.get_data_dtype().newbyteorder("=") == source.get_data_dtype().newbyteorder("=")
    sizes = [(*n[:3], *[1] * (3 - len(n))) for n in (source.shape, output.shape)]
    tolerance = max(1e-4, 1e-6 * float(np.abs(source.affine).max()))
    assert np.abs(box(output.affine, sizes[1]) - box(source.affine, sizes[0])).max() < tolerance
    old, new = np.asarray(source.dataobj), np.asarray(output.dataobj)
    for axis, factor in enumerate(factors):
        old = old.repeat(factor, axis)
    np.testing.assert_array_equal(new, old)


@needs_data
@pytest.mark.parametrize("name", ["spine_t2_psr.nii.gz", "fmri4d_int16_slope.nii", "derived_nan_background.nii.gz"])
def test_interpolated_output_agrees_with_its_source_where_they_meet(name: str, tmp_path: Path) -> None:
    path = DATA / CORNER / name
    upscale(path, tmp_path / "out", scale=2, model="bicubic", domain="mri")
    source, output = (np.asarray(load(p).dataobj) for p in (path, tmp_path / "out" / name))
    mean = (output[::2, ::2] + output[1::2, ::2] + output[::2, 1::2] + output[1::2, 1::2]) / 4
    known = np.isfinite(source)
    np.testing.assert_array_equal(np.isfinite(mean), known)
    assert np.corrcoef(mean[known], source[known])[0, 1] > 0.99


@needs_data
def test_labels_stay_labels(tmp_path: Path) -> None:
    path = DATA / CORNER / "mask_float64_qform_only.nii.gz"
    upscale(path, tmp_path / "out", scale=2, model="bicubic", domain="mri")
    source, output = (np.unique(load(p).dataobj) for p in (path, tmp_path / "out" / path.name))
    np.testing.assert_array_equal(output, source)


@needs_data
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_no_grey_volume_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SrkitError, match=name):
        upscale(DATA / CORNER / name, tmp_path / "out", scale=2, model="nearest", domain="mri")
    assert not (tmp_path / "out" / name).exists()


@needs_data
@pytest.mark.parametrize(
    "name", ["truncated.nii.gz", "not_gzip.nii.gz", "negative_dim.nii", "nan_affine.nii.gz", "text.nii"]
)
def test_broken_files_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SrkitError, match=name):
        upscale(DATA / "broken" / name, tmp_path / "out", scale=2, model="nearest", domain="mri")
    assert not (tmp_path / "out" / name).exists()


@needs_data
@pytest.mark.skipif(shutil.which("nifti_tool") is None, reason="nifti_tool is not installed")
def test_nifti_tool_finds_outputs_good(tmp_path: Path) -> None:
    for name in ("derived_qform_ne_sform.nii.gz", "ct_sheared_slope_qne_s.nii.gz", "bigendian_int16.nii"):
        upscale(DATA / CORNER / name, tmp_path / "out", scale=2, model="nearest", domain="ct")
    outputs = [str(path) for path in (tmp_path / "out").iterdir()]
    for check in ("-check_hdr", "-check_nim"):
        said = subprocess.run(["nifti_tool", check, "-infiles", *outputs], capture_output=True, text=True, check=True)
        assert (said.stdout + said.stderr).count("GOOD") >= len(outputs)
