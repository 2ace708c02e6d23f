"""Artefacts of acquisition as named steps, each against its formula; MONAI's parts behave as MONAI's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from monai.metrics.regression import SSIMMetric
from srkit_medical.artefacts import ARTEFACTS, with_artefacts
from srkit_medical.critics import MonaiPatchDiscriminator
from srkit_medical.examples import blob

from srkit import degrade
from srkit.domain import Degradation
from srkit.errors import RecipeError
from srkit.evaluation.metrics import ssim
from srkit.models.file import read_info
from srkit.plugins import load_plugins
from srkit.training import resolve_recipe, train
from srkit.upscaling import upscale

Make = Callable[[np.ndarray], Any]
SHORT = (
    "phases.0.steps=2",
    "log_every=1",
    "validate_every=0",
    "samples_every=0",
    "data.patch=16",
    "data.workers=0",
    "data.batch=2",
)
KSPACE = {"name": "kspace", "window": "hamming", "magnitude": False}


def volume() -> np.ndarray:
    return blob((32, 28, 6)).astype(np.float32)


def applied(in_memory: Make, name: str, seed: int | None = 0, **parameters: float) -> np.ndarray:
    """Return the planes ``(slice, row, column)`` of the volume after one step."""
    (step,) = with_artefacts([{"name": name, **parameters}], in_memory(volume())).steps
    planes = torch.from_numpy(volume().transpose(2, 1, 0).copy())[:, None]  # the source's axes are column, row, slice
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    chain = degrade.apply(planes, _alone(step), (1, 1), generator, roles=("row", "column"), grid_axes=(1, 0))
    return chain[:, 0].numpy()


def _alone(step: Any) -> Any:
    return Degradation((step,))


def planes() -> np.ndarray:
    return volume().transpose(2, 1, 0)


@pytest.mark.parametrize("name", ARTEFACTS)
def test_an_artefact_changes_the_image_by_the_seed_alone(in_memory: Make, name: str) -> None:
    first, again, other = (applied(in_memory, name, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1
    assert np.corrcoef(first.ravel(), planes().ravel())[0, 1] > 0.5


@pytest.mark.parametrize("name", ARTEFACTS)
def test_the_noise_free_form_has_no_artefact(in_memory: Make, name: str) -> None:
    np.testing.assert_array_equal(applied(in_memory, name, None), planes())


def test_a_ghost_stands_half_a_field_of_view_away(in_memory: Make) -> None:
    found, true = applied(in_memory, "ghosting", strength=1.0), planes()
    ghost = np.roll(true, 14, axis=1)
    for plane, own, moved in zip(found, true, ghost, strict=True):
        a, b = np.linalg.lstsq(np.stack([own.ravel(), moved.ravel()], 1), plane.ravel(), rcond=None)[0]
        assert a + b == pytest.approx(1, abs=1e-4)
        np.testing.assert_allclose(plane, a * own + b * moved, atol=1e-2)


def test_motion_keeps_the_sum_and_the_plane_where_nothing_moved(in_memory: Make) -> None:
    np.testing.assert_allclose(applied(in_memory, "motion", shift=0), planes(), atol=1e-2)
    moved = applied(in_memory, "motion", shift=3)
    np.testing.assert_allclose(moved.sum(axis=(1, 2)), planes().sum(axis=(1, 2)), rtol=1e-4)


def test_a_bias_field_is_smooth_and_multiplies(in_memory: Make) -> None:
    ratio = applied(in_memory, "bias_field", strength=0.5) / np.maximum(planes(), 1)
    inside = ratio[:, planes().min(axis=0) > 50]
    assert inside.std() > 0.01
    steps = np.abs(np.diff(np.log(np.maximum(ratio[3], 1e-3)), axis=0))[planes()[3][1:] > 50]
    assert steps.max() < 0.6


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "motion", "shif": 1}, "did you mean 'shift'"),
        ({"name": "ghosting", "strength": -1}, "at least 0"),
        ({"name": "spikes", "strength": "much"}, "number"),
        ({"name": "motion", "shift": {"from": -1, "to": 1}}, "at least 0"),
        ({"name": "one_of", "steps": [[{"name": "bicubic"}, {"name": "motion", "shift": "x"}], []]}, "shift of step"),
    ],
)
def test_wrong_parameters_are_refused_with_a_reason(in_memory: Make, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        with_artefacts([entry], in_memory(volume()))


CHOICE = {"name": "one_of", "weights": [1, 2, 1], "steps": [{"name": "ghosting"}, [], [{"name": "motion"}, KSPACE]]}


def test_a_choice_may_be_among_artefacts(in_memory: Make) -> None:
    """Half of the samples are left alone; the others are exactly what their artefact alone makes of them."""
    chain = with_artefacts([CHOICE], in_memory(volume()))
    lone = with_artefacts([{"name": "ghosting"}, {"name": "motion"}, KSPACE], in_memory(volume())).steps
    image = torch.from_numpy(planes().copy())[:, None]
    one, roles = (1, 1), ("row", "column")
    took = []
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        steps = degrade.settled(chain, generator)
        names = [step.name for step in steps.steps]
        took.append(names)
        wanted = Degradation(tuple(step for step in lone if step.name in names))
        twin = torch.Generator().manual_seed(seed)
        torch.rand(1, generator=twin, dtype=torch.float64)  # that by which the choice was made
        found = degrade.apply(image, chain, one, generator.manual_seed(seed), roles=roles, grid_axes=(1, 0))
        torch.testing.assert_close(found, degrade.apply(image, wanted, one, twin, roles=roles, grid_axes=(1, 0)))
    assert sorted({tuple(names) for names in took}) == [(), ("ghosting",), ("motion", "kspace")]
    assert 10 <= took.count([]) <= 30
    assert degrade.margin(chain, one, roles=roles, grid_axes=(1, 0)) == (None, None)
    assert degrade.settled(chain, None).steps == ()


def test_an_artefacts_strength_may_be_a_range(in_memory: Make) -> None:
    drawn = {"name": "motion", "shift": {"from": 1, "to": 3}}
    (step,) = with_artefacts([drawn], in_memory(volume())).steps
    seen = [degrade.settled(Degradation((step,)), torch.Generator().manual_seed(s)).steps[0] for s in range(20)]
    shifts = [found.parameters["shift"] for found in seen]
    assert 1 <= min(shifts) < 1.5 < 2.5 < max(shifts) <= 3
    values = volume()[None]
    moved = [found.function(values, np.random.default_rng(0), **found.parameters) for found in seen[:2]]
    (still,) = with_artefacts([{"name": "motion", "shift": shifts[0]}], in_memory(volume())).steps
    np.testing.assert_array_equal(moved[0], still.function(values, np.random.default_rng(0), **still.parameters))
    assert np.abs(moved[0] - moved[1]).max() > 0


def test_a_recipe_trains_with_artefacts_and_its_model_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for subject in (1, 2):
        voxels = np.roll(volume(), subject, axis=0)
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / "data" / f"sub-{subject}_T1w.nii.gz")
    choice = "{name: one_of, steps: [{name: motion, shift: {from: 1, to: 3}}, [{name: ghosting}, {name: spikes}]]}"
    steps = f"degradation=[{choice}, {{name: bias_field, strength: 0.2}}, {{name: kspace}}]"
    plugins = load_plugins()
    recipe = resolve_recipe(plugins, domain="mri", overrides=(*SHORT, steps))
    result = train(recipe, data=tmp_path / "data", out=tmp_path / "run", plugins=plugins)
    told = read_info(result.model).degradation
    assert [step["name"] for step in told] == ["one_of", "bias_field", "kspace"]
    lines = [json.loads(line) for line in (tmp_path / "run" / "degradations.jsonl").read_text().splitlines()]
    assert len(lines) == 4
    first = {line["degradation"][0]["name"] for line in lines}
    assert first <= {"motion", "ghosting"}
    large = upscale(tmp_path / "data" / "sub-1_T1w.nii.gz", tmp_path / "large.nii.gz", model=result.model)
    assert large.results[0].consistency is not None


@pytest.mark.parametrize(("ndim", "shape"), [(2, (32, 40)), (3, (32, 32, 40))])
def test_monais_discriminator_judges_patches(ndim: int, shape: tuple[int, ...]) -> None:
    critic = MonaiPatchDiscriminator(ndim=ndim, channels=2, features=4)
    logits = critic(torch.rand(2, 2, *shape))
    assert logits.shape[:2] == (2, 1)
    assert len(logits.shape) == 2 + ndim
    assert all(1 < n < whole for n, whole in zip(logits.shape[2:], shape, strict=True))


def test_a_recipe_may_name_monais_discriminator(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for subject in (1, 2):
        voxels = np.roll(volume(), subject, axis=0)
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / "data" / f"sub-{subject}_T1w.nii.gz")
    overrides = (
        *SHORT,
        "data.patch=32",
        "discriminator={name: monai-patch, parameters: {features: 4, layers: 2}}",
        "losses={pixel: {kind: l1}, game: {kind: adversarial}}",
        "phases=[{name: game, steps: 2, losses: {pixel: 1.0, game: 0.01}}]",
    )
    plugins = load_plugins()
    recipe = resolve_recipe(plugins, domain="mri", overrides=tuple(o for o in overrides if "phases.0" not in o))
    result = train(recipe, data=tmp_path / "data", out=tmp_path / "run", plugins=plugins)
    assert (result.steps, read_info(result.model).perceptual) == (2, True)


def test_ssim_of_volumes_is_monais() -> None:
    rng = np.random.default_rng(0)
    hr = rng.uniform(0, 1, (1, 20, 22, 24))
    sr = (hr + rng.normal(0, 0.1, hr.shape)).astype(np.float32)
    judge = SSIMMetric(spatial_dims=3, data_range=1.0)
    expected = float(judge(torch.from_numpy(sr)[None].double(), torch.from_numpy(hr)[None].double()))
    assert ssim(sr, hr, data_range=1.0) == pytest.approx(expected, abs=1e-6)
