"""Agreement of volumes with their inputs, and maps beside them, as nibabel reads them."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

import srkit

AFFINE = np.array([[0, 0, 3.0, -40], [-1.2, 0, 0, 30], [0, 1.2, 0, -20], [0, 0, 0, 1]])
MRI = {"domain": "mri"}


def volume(path: Path) -> np.ndarray:
    rng = np.random.default_rng(2)
    i, j, k = np.indices((20, 24, 6))
    values = np.rint(400 + 300 * np.sin(i / 3) * np.cos(j / 4 + k) + rng.normal(0, 5, i.shape)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), path)
    return values


def halved(values: np.ndarray) -> np.ndarray:
    return values.reshape(20, 2, 24, 2, 6).mean(axis=(1, 3))


def test_enforced_consistency_leaves_half_a_unit_and_says_so(tmp_path: Path) -> None:
    lr = volume(tmp_path / "in.nii.gz")
    report = srkit.upscale(tmp_path / "in.nii.gz", tmp_path / "out.nii.gz", model="lanczos", consistency=True, **MRI)
    image = nibabel.load(tmp_path / "out.nii.gz")
    difference = halved(np.asarray(image.dataobj, np.float64)) - lr
    assert np.abs(difference).mean() <= 0.5
    found = report.results[0].consistency
    assert found is not None
    assert found.channels[0].rmse == pytest.approx(np.sqrt((difference**2).mean()), rel=1e-4)
    assert b"consistent" in bytes(image.header["descrip"])


def test_maps_lie_where_the_output_lies(tmp_path: Path) -> None:
    lr = volume(tmp_path / "in.nii.gz")
    report = srkit.upscale(tmp_path / "in.nii.gz", tmp_path / "out.nii.gz", model="lanczos", maps=True, **MRI)
    output = nibabel.load(tmp_path / "out.nii.gz")
    kinds = ["residual", "departure", "spread"]
    assert [place.name for place in report.results[0].maps] == [f"out_{kind}.nii.gz" for kind in kinds]
    residual, departure, spread = (nibabel.load(place) for place in report.results[0].maps)
    for chart in (residual, departure, spread):
        assert chart.shape == output.shape
        assert chart.get_data_dtype() == np.float32
        np.testing.assert_array_equal(chart.affine, output.affine)
    difference = lr - halved(np.asarray(output.dataobj, np.float64))
    assert np.corrcoef(halved(residual.get_fdata()).ravel(), difference.ravel())[0, 1] > 0.9
    assert 0 <= spread.get_fdata().max() < 1e-2
