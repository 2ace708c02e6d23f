"""PET: linear to the maximum, and the same activity in all."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from srkit_medical.activity import activity, verify_activity
from srkit_medical.examples import OBLIQUE
from srkit_medical.nifti.source import NiftiSource, open_file
from srkit_medical.normalizers import normalizer_of

from srkit.domain import Item
from srkit.errors import OutputError
from srkit.plugins import load_plugins
from srkit.training import resolve_recipe, train
from srkit.upscaling import upscale

Make = Callable[[np.ndarray], Any]
SHORT = (
    "phases.0.steps=1",
    "phases.0.learning_rate=1e-9",
    "validate_every=0",
    "samples_every=0",
    "data.patch=16",
    "data.workers=0",
    "data.batch=2",
)


def lesions(shape: tuple[int, ...] = (24, 20, 8)) -> np.ndarray:
    """Return activities in Bq/ml: warm tissue, and two hot lesions of few voxels."""
    rng = np.random.default_rng(3)
    values = rng.gamma(8, 60, shape)
    values[5:8, 6:8, 3:5] = 42_000
    values[15, 12, 5] = 61_000
    return values.astype(np.float32)


def write(path: Path, values: np.ndarray) -> Path:
    affine = np.eye(4)
    affine[:3, :3] = OBLIQUE * [4.0, 4.0, 3.0]
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


def opened(path: Path) -> NiftiSource:
    return open_file(Item((path,), "pet", stem="a", suffix=".nii.gz"), {})


def test_the_hottest_voxel_of_all_frames_is_the_top_of_the_range(in_memory: Make) -> None:
    frames = np.stack([lesions(), 2 * lesions()])
    normalizer = normalizer_of({"kind": "activity"}, in_memory(frames))
    assert normalizer is not None
    assert normalizer.spec == {"kind": "activity", "low_value": 0.0, "high_value": 122_000.0}
    np.testing.assert_allclose(normalizer.normalise(np.float32([[0, 61_000, 122_000]])), [[-1, 0, 1]], atol=1e-6)


def test_nothing_is_cut_off(in_memory: Make) -> None:
    values = lesions()
    normalizer = normalizer_of({"kind": "activity"}, in_memory(values))
    assert normalizer is not None
    back = normalizer.denormalise(normalizer.normalise(values[None]), values[None])
    np.testing.assert_allclose(back[0], values, rtol=1e-5, atol=0.02)


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_volume_without_activity_comes_back(in_memory: Make, value: float) -> None:
    values = np.full((1, 4, 5, 6), value, np.float32)
    normalizer = normalizer_of({"kind": "activity"}, in_memory(values))
    assert normalizer is not None
    np.testing.assert_allclose(normalizer.denormalise(normalizer.normalise(values), values), values, atol=1e-6)


@pytest.mark.parametrize("scale", ["2", "2,2,3"])
@pytest.mark.parametrize("model", ["nearest", "bicubic", "bspline", "lanczos"])
def test_interpolation_keeps_the_activity(tmp_path: Path, model: str, scale: str) -> None:
    path = write(tmp_path / "a.nii.gz", lesions())
    upscale(path, tmp_path / "out.nii.gz", model=model, scale=scale, domain="pet")
    before, _ = activity(opened(path), 0)
    after, _ = activity(opened(tmp_path / "out.nii.gz"), 0)
    assert after == pytest.approx(before, rel=0.01)
    affine = nibabel.load(path).affine
    voxel = abs(np.linalg.det(affine[:3, :3]))
    assert before == pytest.approx(float(lesions().sum(dtype=np.float64)) * voxel, rel=1e-5)


def test_a_model_trains_in_the_domain_and_knows_its_scale(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for subject in (1, 2):
        write(tmp_path / "data" / f"sub-{subject}_pet.nii.gz", np.roll(lesions(), subject, axis=0))
    plugins = load_plugins()
    recipe = resolve_recipe(plugins, domain="pet", overrides=SHORT)
    result = train(recipe, data=tmp_path / "data", out=tmp_path / "run", plugins=plugins)
    report = upscale(write(tmp_path / "a.nii.gz", lesions()), tmp_path / "out.nii.gz", model=result.model)
    assert (report.exit_code, report.results[0].domain) == (0, "pet")


class Louder:
    """A network's range mapped back to values 2 % too high."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.spec = inner, inner.spec

    def normalise(self, values: np.ndarray) -> np.ndarray:
        return self._inner.normalise(values)

    def denormalise(self, sr: np.ndarray, interpolated: np.ndarray) -> np.ndarray:
        return 1.02 * self._inner.denormalise(sr, interpolated)


def test_an_output_with_more_activity_does_not_appear(tmp_path: Path) -> None:
    values = lesions()
    source = opened(write(tmp_path / "a.nii.gz", values))
    assert verify_activity(source, write(tmp_path / "same.nii.gz", 1.005 * values), {}) == []
    (finding,) = verify_activity(source, write(tmp_path / "more.nii.gz", 1.02 * values), {})
    assert (finding.level, finding.code) == ("failure", "I4")
    assert "+2 %" in finding.text


def test_a_part_of_a_volume_is_not_held_to_the_activity_of_the_whole(tmp_path: Path) -> None:
    source = opened(write(tmp_path / "a.nii.gz", lesions()))
    assert verify_activity(source, write(tmp_path / "part.nii.gz", lesions()[:10]), {}) == []


def test_each_frame_is_held_to_its_own_activity(tmp_path: Path) -> None:
    values = np.stack([lesions(), lesions()], axis=-1)
    source = opened(write(tmp_path / "a.nii.gz", values))
    (finding,) = verify_activity(source, write(tmp_path / "b.nii.gz", values * [1.0, 0.97]), {})
    assert "frame 2" in finding.text


def test_loud_models_are_stopped_by_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from srkit_medical import normalizers

    (tmp_path / "data").mkdir()
    for subject in (1, 2):
        write(tmp_path / "data" / f"sub-{subject}_pet.nii.gz", np.roll(lesions(), subject, axis=0))
    plugins = load_plugins()
    recipe = resolve_recipe(plugins, domain="pet", overrides=SHORT)
    result = train(recipe, data=tmp_path / "data", out=tmp_path / "run", plugins=plugins)
    true = normalizers.normalizer_of

    def loud(spec: Mapping[str, Any], source: Any) -> Any:
        return Louder(true(spec, source))

    monkeypatch.setattr(normalizers, "normalizer_of", loud)
    with pytest.raises(OutputError, match="activity changed by"):
        upscale(write(tmp_path / "a.nii.gz", lesions()), tmp_path / "out.nii.gz", model=result.model)
    assert not (tmp_path / "out.nii.gz").exists()
