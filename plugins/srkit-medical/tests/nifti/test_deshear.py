"""Sheared volumes on right angles: same places, same values, readable by ITK."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
from srkit_medical.nifti.geometry import is_sheared

from srkit.upscaling import upscale

Make = Callable[..., Path]
Box = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]
DESHEAR = {name: {"deshear": True} for name in ("mri", "ct")}
TILTED = np.array([[0.9, 0, 0, -20.0], [0, 0.8, -1.3, 11.0], [0, 0, 3.0, 4.0], [0, 0, 0, 1]])
SAGITTAL = TILTED[:, [2, 0, 1, 3]] @ np.diag([1, -1, 1, 1])


def blob(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a Gaussian of 6 mm around the middle of the box, by its place in space."""
    index = np.moveaxis(np.indices(shape), 0, -1)
    centre = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    distance = index @ affine[:3, :3].T + affine[:3, 3] - centre
    return 1000 * np.exp(-(distance**2).sum(axis=-1) / 72)


def centre_of_mass(image: Any) -> np.ndarray:
    values = image.get_fdata()
    index = np.indices(values.shape).reshape(3, -1) @ values.ravel() / values.sum()
    return image.affine[:3, :3] @ index + image.affine[:3, 3]


@pytest.mark.parametrize("affine", [TILTED, SAGITTAL])
def test_values_stay_where_they_were(make: Make, tmp_path: Path, affine: np.ndarray) -> None:
    shape = tuple(int(n) for n in np.array([50, 60, 20])[[0, 1, 2] if affine is TILTED else [2, 0, 1]])
    path = make("a.nii.gz", blob(affine, shape).astype(np.int16), affine=affine, codes=(1, 0))
    upscale(path, tmp_path / "out.nii.gz", scale="1,1,1", model="nearest", domain="ct", options=DESHEAR)
    before, after = nibabel.load(path), nibabel.load(tmp_path / "out.nii.gz")
    assert not is_sheared(after.affine)
    np.testing.assert_allclose(centre_of_mass(after), centre_of_mass(before), atol=0.01)
    centre = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    places = np.moveaxis(np.indices(after.shape), 0, -1) @ after.affine[:3, :3].T + after.affine[:3, 3] - centre
    expected = 1000 * np.exp(-(places**2).sum(axis=-1) / 72)
    assert np.abs(after.get_fdata() - expected).max() < 15  # of a cubic on slices 3 mm apart
    assert nibabel.aff2axcodes(after.affine) == nibabel.aff2axcodes(before.affine)
    image = SimpleITK.ReadImage(str(tmp_path / "out.nii.gz"))
    np.testing.assert_allclose(image.GetSpacing(), after.header.get_zooms(), rtol=1e-5)


def test_the_box_encloses_that_of_the_source(make: Make, opened: Any, box: Box) -> None:
    source = opened(make("a.nii.gz", affine=TILTED, codes=(1, 0)), deshear=True)
    old = box(TILTED, (6, 7, 5))
    index = (old - source.grid.affine[:3, 3]) @ np.linalg.inv(source.grid.affine[:3, :3]).T
    assert (index > -0.501).all()
    assert (index < np.array(source.grid.shape) - 0.499).all()


def test_labels_are_repeated(make: Make, opened: Any) -> None:
    labels = np.random.default_rng(0).choice([0, 3, 77], (9, 9, 6)).astype(np.uint8)
    source = opened(make("a_labels.nii.gz", labels, affine=TILTED, codes=(1, 0)), deshear=True, label=True)
    assert set(np.unique(source.read(source.extent).values)) == {0, 3, 77}


def test_volumes_at_right_angles_are_left_alone(make: Make, opened: Any) -> None:
    path = make("a.nii.gz")
    plain, asked = opened(path), opened(path, deshear=True)
    np.testing.assert_array_equal(asked.read(asked.extent).values, plain.read(plain.extent).values)
    assert asked.grid == plain.grid


def test_a_real_tilted_ct_becomes_readable_by_itk(data_folder: Path, tmp_path: Path) -> None:
    path = data_folder / "nifti/corner/ct_sheared_slope_qne_s.nii.gz"
    report = upscale(path, tmp_path / "out.nii.gz", scale=2, model="bicubic", domain="ct", options=DESHEAR)
    assert report.exit_code == 0
    assert min(SimpleITK.ReadImage(str(tmp_path / "out.nii.gz")).GetSize()) > 1
