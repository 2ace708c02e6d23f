"""The recipe for 2.5-D networks on real files: trained, saved, loaded, in tiles of any size."""

from pathlib import Path

import nibabel
import numpy as np
from srkit_medical.examples import OBLIQUE, blob

from srkit.models.file import read_info
from srkit.plugins import load_plugins
from srkit.training import resolve_recipe, train
from srkit.upscaling import upscale

RECIPE = Path(__file__).parents[3] / "configs" / "mri-25d.yaml"
SHORT = (
    "phases.0.steps=2",
    "validate_every=0",
    "samples_every=0",
    "checkpoint_every=0",
    "data.patch=[4, 16, 16]",
    "data.workers=0",
    "network.parameters={features: 4, blocks: 1, skip: bicubic, head_kernel: 3}",
    "precision=fp32",
)


def write(path: Path, shape: tuple[int, int, int], shift: int = 0) -> Path:
    affine = np.eye(4)
    affine[:3, :3] = OBLIQUE * [1.0, 1.0, 2.0]
    path.parent.mkdir(exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.roll(blob(shape), shift, axis=0), affine), path)
    return path


def test_the_recipe_trains_and_tiles_do_not_matter(tmp_path: Path) -> None:
    for subject in range(3):
        write(tmp_path / "data" / f"sub-{subject}_T1w.nii.gz", (24, 20, 6), shift=subject)
    plugins = load_plugins()
    recipe = resolve_recipe(plugins, RECIPE, overrides=SHORT)
    result = train(recipe, data=tmp_path / "data", out=tmp_path / "run", plugins=plugins)
    info = read_info(result.model)
    assert info.halo is not None
    assert (info.roles, info.scale.factors, info.halo[0]) == (("slice", "row", "column"), (2, 2, 1), 1)
    volume = write(tmp_path / "in" / "volume.nii.gz", (37, 33, 19))
    for tile in (16, 64):
        upscale(volume, tmp_path / f"{tile}.nii.gz", model=result.model, tile=tile, plugins=plugins)
    tiled, whole = (np.asarray(nibabel.load(tmp_path / f"{tile}.nii.gz").dataobj).astype(int) for tile in (16, 64))
    assert whole.shape == (74, 66, 19)
    assert np.abs(tiled - whole).max() <= 1  # rounding to whole numbers
    assert np.corrcoef(whole[::2, ::2].ravel(), np.asarray(nibabel.load(volume).dataobj).ravel())[0, 1] > 0.95
