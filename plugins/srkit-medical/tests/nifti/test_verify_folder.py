"""An output is found in the folder that holds it alone, for `srkit verify` takes folders as `srkit upscale` does."""

from pathlib import Path

import nibabel as nib
import numpy as np

import srkit


def test_a_volume_is_judged_in_the_folder_that_it_alone_is_in(tmp_path: Path) -> None:
    voxels = np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8)
    image = nib.Nifti1Image(voxels, np.diag([2.0, 2.0, 3.0, 1.0]))
    (tmp_path / "in").mkdir()
    nib.save(image, tmp_path / "in" / "scan.nii.gz")
    srkit.upscale(tmp_path / "in", tmp_path / "out", scale=2, model="nearest", domain="mri")

    comparison = srkit.verify(tmp_path / "in", tmp_path / "out", domain="mri")

    assert comparison.output == tmp_path / "out" / "scan.nii.gz"
    assert comparison.good
