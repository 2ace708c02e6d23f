"""Vector and tensor volumes, one component at a time, and maps whose numbers have a unit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from srkit_medical.nifti.inspect import inspect_file
from srkit_medical.normalizers import normalizer_of

from srkit.errors import InputError
from srkit.grid import Window
from srkit.upscaling import upscale

Make = Callable[..., Path]
PER_COMPONENT = {"mri": {"per_component": True}}
CORNER = "nifti/corner"


def vectors(image: Any) -> None:
    image.header.set_intent("vector", name="displacement")


def field() -> np.ndarray:
    return np.random.default_rng(2).normal(0, 3, (6, 7, 5, 2, 3)).astype(np.float32)


def test_components_are_refused_with_the_way_out(make: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="per_component"):
        upscale(make("a.nii.gz", field()), tmp_path / "out.nii.gz", scale=2, model="nearest", domain="mri")


@pytest.mark.parametrize("edit", [None, vectors])
def test_components_are_enlarged_one_by_one(make: Make, tmp_path: Path, edit: Any) -> None:
    path = make("a.nii.gz", field(), edit=edit)
    out = tmp_path / "out.nii.gz"
    upscale(path, out, scale=2, model="nearest", domain="mri", options=PER_COMPONENT)
    output, source = nibabel.load(out), nibabel.load(path)
    assert output.shape == (12, 14, 5, 2, 3)
    np.testing.assert_array_equal(np.asarray(output.dataobj), field().repeat(2, 0).repeat(2, 1))
    assert output.header.get_intent() == source.header.get_intent()
    np.testing.assert_allclose(output.header.get_zooms()[3:], source.header.get_zooms()[3:])


def test_a_real_warp_is_enlarged_on_request(data_folder: Path, tmp_path: Path) -> None:
    path = data_folder / CORNER / "warp_5d_vector.nii.gz"
    upscale(path, tmp_path / "out.nii.gz", scale=2, model="bicubic", domain="mri", options=PER_COMPONENT)
    before, after = nibabel.load(path), nibabel.load(tmp_path / "out.nii.gz")
    assert after.shape[3:] == before.shape[3:]
    means = [np.asarray(image.dataobj).mean(axis=(0, 1, 2)) for image in (before, after)]
    np.testing.assert_allclose(means[1], means[0], atol=0.05 * np.abs(before.get_fdata()).max())


def test_matrices_of_statistics_stay_refused(make: Make, tmp_path: Path) -> None:
    path = make("a.nii.gz", edit=lambda image: image.header.set_intent("quaternion"))
    with pytest.raises(InputError, match="quaternions"):
        upscale(path, tmp_path / "out.nii.gz", scale=2, model="nearest", domain="mri", options=PER_COMPONENT)


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("sub-1_T1map.nii.gz", "T1"),
        ("sub-1_acq-a_T2starmap.nii", "T2star"),
        ("x_ADC.nii.gz", "ADC"),
        ("sub-1_T1w.nii.gz", ""),
        ("bitmap.nii.gz", ""),
        ("facade.nii.gz", ""),
    ],
)
def test_calibrated_maps_are_known_by_their_names(make: Make, opened: Any, name: str, quantity: str) -> None:
    source = opened(make(name))
    assert source.quantity == quantity
    assert [f.level for f in inspect_file(source) if f.code == "I5"] == ["warning"] * bool(quantity)


@pytest.mark.parametrize(
    ("description", "quantity"),
    [
        ({"Units": "mm2/s"}, "calibrated values"),
        ({"Units": "Hz", "ImageType": ["ORIGINAL", "PRIMARY", "M"]}, "calibrated values"),
        ({"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}, "ADC"),
        ({"ImageType": ["DERIVED", "PRIMARY", "T1 MAP"]}, "T1"),
        ({"ImageType": ["DERIVED", "PRIMARY", "CANARY MAP"]}, "calculated values"),
        ({"Units": "arbitrary", "ImageType": ["ORIGINAL", "PRIMARY", "M"]}, ""),
        ({"Units": 3, "ImageType": "ADC"}, ""),
    ],
)
def test_calibrated_maps_are_known_by_what_stands_beside_them(
    make: Make, opened: Any, description: dict[str, Any], quantity: str
) -> None:
    path = make("scan.nii.gz")
    path.with_name("scan.json").write_text(json.dumps(description))
    assert opened(path).quantity == quantity


def test_a_diffusion_series_keeps_its_ratios_through_a_network(make: Make, opened: Any) -> None:
    """b = 0 and b = 1000 share one mapping, so the diffusion that follows from them stays what it was."""
    rng = np.random.default_rng(1)
    b0 = rng.uniform(400, 900, (10, 9, 6))
    series = np.stack([b0, b0 * np.exp(-1000 * 0.8e-3)], axis=-1).astype(np.float32)
    source = opened(make("dwi.nii.gz", series))
    mapping = normalizer_of({"kind": "percentile"}, source)
    assert mapping is not None
    blocks = [source.read(Window.whole(source.grid.shape), frame).values for frame in range(2)]
    back = [mapping.denormalise(mapping.normalise(block), block) for block in blocks]
    np.testing.assert_allclose(-np.log(back[1] / back[0]) / 1000, 0.8e-3, rtol=1e-3)


def test_percentiles_of_a_calibrated_map_are_refused(make: Make, opened: Any) -> None:
    spec = {"kind": "percentile"}
    with pytest.raises(InputError, match=r"map of T1.*fixed range"):
        normalizer_of(spec, opened(make("sub-1_T1map.nii.gz")))
    assert normalizer_of(spec, opened(make("sub-1_T1w.nii.gz"))) is not None


def test_a_calibrated_map_is_interpolated(make: Make, tmp_path: Path) -> None:
    report = upscale(make("sub-1_T1map.nii.gz"), tmp_path / "out", scale=2, model="bspline", domain="mri")
    assert [f.code for f in report.results[0].findings if f.level == "warning"] == ["I5"]
