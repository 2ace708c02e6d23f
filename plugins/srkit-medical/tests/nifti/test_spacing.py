"""Volumes at ratios that are no whole numbers: forms, zooms and values, judged by nibabel and SimpleITK."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import nibabel
import numpy as np
import pytest

import srkit

Make = Callable[..., Path]
SHAPE = (31, 27, 9)
SHEARED = np.array([[0.9, 0.1, 0.3, -40], [0, 0.8, 0.9, 12], [0, 0.05, 3.9, -7], [0, 0, 0, 1]])


def ball(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    axes = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    middle = [n * 0.46 for n in shape]
    return (8000 * np.exp(-sum(((a - m) / (n / 9)) ** 2 for a, m, n in zip(axes, middle, shape, strict=True)))).astype(
        np.int16
    )


def corners(image: nibabel.Nifti1Image, affine: np.ndarray) -> np.ndarray:
    edges = product(*[(-0.5, n - 0.5) for n in image.shape[:3]])
    return nibabel.affines.apply_affine(affine, list(edges))


def centre(image: nibabel.Nifti1Image) -> np.ndarray:
    values = image.get_fdata()
    index = np.stack(np.meshgrid(*map(np.arange, image.shape), indexing="ij"), axis=-1)
    return (nibabel.affines.apply_affine(image.affine, index) * values[..., None]).sum((0, 1, 2)) / values.sum()


def made(path: Path, **how: object) -> tuple[nibabel.Nifti1Image, nibabel.Nifti1Image]:
    out = path.parent / "out" / path.name
    (result,) = srkit.upscale(path, out, domain="mri", **{"model": "bspline", **how}).results
    assert result.status == "done"
    return nibabel.load(path), nibabel.load(out)


@pytest.mark.parametrize(
    "aim", [{"spacing": 1.0}, {"spacing": "0.5,0.6"}, {"spacing": "0.7,1.3,5"}, {"isotropic": True}]
)
@pytest.mark.parametrize("axes", ["RAS", "LPI", "PIR", "SLA"])
def test_both_forms_keep_their_box_and_the_blob_its_place(make: Make, aim: dict[str, object], axes: str) -> None:
    turned = nibabel.Nifti1Image(ball(), np.diag([0.9, 0.8, 4.0, 1]))
    turned = turned.as_reoriented(
        nibabel.orientations.ornt_transform(
            nibabel.io_orientation(turned.affine), nibabel.orientations.axcodes2ornt(tuple(axes))
        )
    )
    before, after = made(make(data=np.asarray(turned.dataobj), affine=turned.affine), **aim)
    for form in ("get_sform", "get_qform"):
        old, new = getattr(before, form)(), getattr(after, form)()
        assert np.abs(corners(after, new) - corners(before, old)).max() < 1e-4
    assert nibabel.aff2axcodes(after.affine) == tuple(axes)
    np.testing.assert_allclose(centre(after), centre(before), rtol=0, atol=0.02)
    for axis, (old, new) in enumerate(zip(before.shape, after.shape, strict=True)):
        if old == new:
            assert after.header["pixdim"][axis + 1] == before.header["pixdim"][axis + 1]
            np.testing.assert_array_equal(after.get_sform()[:3, axis], before.get_sform()[:3, axis])
        effective = old * before.header.get_zooms()[axis] / new
        np.testing.assert_allclose(after.header.get_zooms()[axis], effective, rtol=1e-6)


def test_a_shear_is_kept(make: Make) -> None:
    before, after = made(make(data=ball(), affine=SHEARED, codes=(1, 0)), spacing=1.0)
    assert np.abs(corners(after, after.affine) - corners(before, before.affine)).max() < 1e-4


def test_simpleitk_finds_the_same_box(make: Make) -> None:
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    path = make(data=ball())
    made(path, spacing=1.1)
    boxes = []
    for place in (path, path.parent / "out" / path.name):
        image = sitk.ReadImage(str(place))
        edges = product(*[(-0.5, n - 0.5) for n in image.GetSize()])
        boxes.append([image.TransformContinuousIndexToPhysicalPoint(edge) for edge in edges])
    np.testing.assert_allclose(boxes[1], boxes[0], rtol=0, atol=1e-4)


def test_labels_become_no_new_labels(make: Make) -> None:
    labels = np.random.default_rng(0).choice([0, 7, 12], SHAPE).astype(np.uint8)

    def is_label(image: nibabel.Nifti1Image) -> None:
        image.header.set_intent("label")

    before, after = made(make(data=labels, edit=is_label), spacing=1.0)
    assert set(np.unique(np.asarray(after.dataobj))) == {0, 7, 12}
    assert after.shape != before.shape


def test_a_volume_without_spacing_in_space_still_has_its_own(make: Make) -> None:
    before, after = made(make(data=ball(), affine=np.diag([0.9, 0.8, 4.0, 1]), codes=(0, 0)), isotropic=True)
    np.testing.assert_allclose(after.header.get_zooms(), [27.9 / 35, 0.8, 0.8], rtol=1e-6)
    assert before.shape != after.shape


REAL = ("nifti/mri/sag01_T1.nii.gz", "nifti/mri/oms-l19_s2_FLAIR.nii.gz", "nifti/mri/decub01_T1.nii.gz")


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_volumes_come_to_one_millimetre(data_folder: Path, name: str, tmp_path: Path) -> None:
    (result,) = srkit.upscale(
        data_folder / name, tmp_path / "out.nii.gz", domain="mri", model="bspline", spacing=1
    ).results
    before, after = nibabel.load(data_folder / name), nibabel.load(tmp_path / "out.nii.gz")
    assert np.abs(corners(after, after.affine) - corners(before, before.affine)).max() < 1e-4
    assert np.abs(np.array(after.header.get_zooms()) - 1).max() < 0.02
    np.testing.assert_allclose(sorted(result.spacing), sorted(after.header.get_zooms()), rtol=1e-5)
    assert after.get_data_dtype() == before.get_data_dtype()
    assert abs(after.get_fdata().mean() / before.get_fdata().mean() - 1) < 0.01


@pytest.mark.parametrize("how", [{"spacing": 1.0}, {"scale": 2}])
def test_a_finished_output_is_verified_without_knowing_how_it_came_about(make: Make, how: dict[str, object]) -> None:
    path = make(data=ball())
    out = path.parent / "out" / path.name
    _, after = made(path, **how)
    assert srkit.verify(path, out, domain="mri").good
    after.header["descrip"] = b"by hand"
    nibabel.save(nibabel.Nifti1Image(np.asarray(after.dataobj), after.affine, after.header), out)
    found = srkit.verify(path, out, domain="mri").findings
    assert [finding.code for finding in found if finding.level != "info"] == ["N13"]
