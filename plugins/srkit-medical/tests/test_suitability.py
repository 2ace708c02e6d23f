"""A model of thin slices warns of thick ones; the spread of intensities is the item's own business in MRI."""

from pathlib import Path

import nibabel
import numpy as np
from srkit_medical.examples import blob

from srkit.plugins import load_plugins
from srkit.training import resolve_recipe, train
from srkit.upscaling import upscale

SHORT = ("phases.0.steps=1", "validate_every=0", "samples_every=0", "data.patch=16", "data.workers=0", "data.batch=2")


def write(path: Path, spacing: float, factor: int = 1, shift: int = 0) -> Path:
    path.parent.mkdir(exist_ok=True)
    voxels = np.roll(blob((24, 20, 8)), shift, axis=0) * np.int16(factor)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([spacing, spacing, 2.0, 1])), path)
    return path


def test_an_image_unlike_those_of_training_gives_a_warning(tmp_path: Path) -> None:
    for subject in (1, 2):
        write(tmp_path / "data" / f"sub-{subject}_T1w.nii.gz", 1.0, shift=subject)
    plugins = load_plugins()
    recipe = resolve_recipe(plugins, domain="mri", overrides=SHORT)
    result = train(recipe, data=tmp_path / "data", out=tmp_path / "run", plugins=plugins)
    found = {}
    for name, spacing, factor in (("like", 2.0, 1), ("coarse", 5.0, 1), ("bright", 2.0, 20)):
        volume = write(tmp_path / "in" / f"{name}.nii.gz", spacing, factor)
        report = upscale(volume, tmp_path / f"{name}.nii.gz", model=result.model, plugins=plugins)
        found[name] = [f.text for f in report.results[0].findings if "trained on" in f.text]
    assert (found["like"], found["bright"]) == ([], [])
    assert len(found["coarse"]) == 1
    assert "5" in found["coarse"][0]
