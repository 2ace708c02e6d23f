"""Several volumes of one subject, each with slices of its own direction, are one item of a plugin's."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import srkit
from srkit.testing import plugins_with

PLUGIN = Path(__file__).with_name("stacks.py")
THICK = 4


@pytest.fixture
def subject(tmp_path: Path) -> np.ndarray:
    volume = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(24, 24, 24)), 1.5).astype(np.float32)
    for axis in range(3):
        shape = [n for k, size in enumerate(volume.shape) for n in ((size // THICK, THICK) if k == axis else (size,))]
        np.save(tmp_path / f"a.stack{axis}.npy", volume.reshape(shape).mean(axis + 1))
    return volume


def test_three_stacks_become_one_output_that_is_nearer_to_the_truth_than_any_of_them(
    subject: np.ndarray, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    report = srkit.upscale(tmp_path, out, scale="1,1,2", model="bspline", plugins=plugins_with(PLUGIN))
    assert [result.status for result in report.results] == ["done"]
    sr = np.load(out / "a.npy")
    assert sr.shape == (24, 24, 48)
    back = sr.reshape(24, 24, 24, 2).mean(3)
    alone = [ndimage.zoom(np.load(tmp_path / f"a.stack{n}.npy"), np.where(np.arange(3) == n, THICK, 1), order=3,
                          grid_mode=True, mode="reflect") for n in range(3)]  # fmt: skip
    assert np.abs(back - subject).mean() < min(np.abs(volume - subject).mean() for volume in alone)
