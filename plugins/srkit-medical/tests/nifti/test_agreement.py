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


def test_maps_of_several_volumes_are_those_of_each_and_say_nothing_of_grey_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    values = rng.integers(0, 900, (12, 10, 4, 3)).astype(np.int16)
    image = nibabel.Nifti1Image(values, AFFINE)
    image.header["cal_max"], image.header["intent_name"], image.header["pixdim"][4] = 700, b"bold", 2.5
    nibabel.save(image, tmp_path / "in.nii.gz")
    more = {"model": "bicubic", "maps": True, **MRI}
    (result,) = srkit.upscale(tmp_path / "in.nii.gz", tmp_path / "out.nii.gz", **more).results
    assert nibabel.load(result.output).header["cal_max"] == 700
    charts = [nibabel.load(place) for place in result.maps]
    for kind, chart in zip(("residual", "departure", "spread"), charts, strict=True):
        assert chart.shape == (24, 20, 4, 3)
        assert (chart.header["cal_max"], chart.header["pixdim"][4]) == (0, 2.5)
        assert chart.header["intent_name"].item() == kind.encode()
    for frame in range(3):
        alone = nibabel.Nifti1Image(values[..., frame], AFFINE)
        nibabel.save(alone, tmp_path / f"{frame}.nii.gz")
        (one,) = srkit.upscale(tmp_path / f"{frame}.nii.gz", tmp_path / f"out{frame}.nii.gz", **more).results
        residual = np.asarray(nibabel.load(one.maps[0]).dataobj)
        np.testing.assert_array_equal(np.asarray(charts[0].dataobj)[..., frame], residual)


def test_a_freesurfer_volume_has_maps_of_its_own_kind(tmp_path: Path) -> None:
    values = np.random.default_rng(3).integers(0, 200, (12, 10, 6)).astype(np.uint8)
    nibabel.save(nibabel.MGHImage(values, AFFINE), tmp_path / "in.mgz")
    (result,) = srkit.upscale(tmp_path / "in.mgz", tmp_path / "out.mgz", model="bicubic", maps=True, **MRI).results
    for place in result.maps:
        chart = nibabel.load(place)
        assert chart.get_data_dtype().newbyteorder("=") == np.float32
        np.testing.assert_allclose(chart.affine, nibabel.load(result.output).affine)
