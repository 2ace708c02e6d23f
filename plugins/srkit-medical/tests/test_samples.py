"""The demonstration's samples: made from packages, and in the same place in every format."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from srkit_medical.samples import enhanced_samples, t1_samples

import srkit
from srkit.errors import MissingRequirementError
from srkit.plugins import default_options, discover, load_plugins, open_source


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples")
    try:
        t1_samples(path)
    except MissingRequirementError as error:
        pytest.skip(str(error))
    return path


def opened(path: Path) -> srkit.Source:
    plugins = load_plugins(environment={"SRKIT_PLUGINS": "medical"})
    [item] = [e for e in discover(plugins, path, default_options(plugins), domain="mri") if isinstance(e, srkit.Item)]
    return open_source(plugins, item, default_options(plugins)["mri"])


def values_at(source: srkit.Source, points: np.ndarray) -> np.ndarray:
    """Return the samples at world points, which lie on sample centres."""
    affine = np.vstack([source.grid.affine[:-1], [0, 0, 0, 1]])
    indices = (np.column_stack([points, np.ones(len(points))]) @ np.linalg.inv(affine).T)[:, :3]
    np.testing.assert_allclose(indices, indices.round(), atol=1e-4)
    whole = source.read(srkit.Window.whole(source.grid.shape)).values[0]
    return np.asarray(whole[tuple(indices.round().astype(int).T)])


def test_series_and_slab_hold_the_same_voxels_in_the_same_places(folder: Path) -> None:
    slab, series = opened(folder / "mri-reference"), opened(folder / "mri-series")
    assert sorted(slab.grid.shape) == sorted(series.grid.shape)
    rng = np.random.default_rng(0)
    ras = slab.grid.world(np.column_stack([rng.integers(0, n, 200) for n in slab.grid.shape]))
    other = ras if series.grid.reference == slab.grid.reference else ras * [-1, -1, 1]
    np.testing.assert_array_equal(values_at(slab, ras), values_at(series, other))


def test_parts_of_the_split_are_apart(folder: Path) -> None:
    def slices(path: Path) -> tuple[float, float]:
        corners = opened(path).grid.corners()
        return float(corners[:, 2].min()), float(corners[:, 2].max())

    rows = [line.split(",") for line in (folder / "mri-train" / "split.csv").read_text().splitlines()[1:]]
    parts = {
        name: [slices(folder / "mri-train" / path) for path, split in rows if split == name]
        for name in ("train", "val")
    }
    held_out = [slices(folder / "mri-reference" / "z092-107.nii.gz"), *parts["val"]]
    assert parts["train"]
    gaps = [max(a - d, c - b) for a, b in held_out for c, d in parts["train"]]
    assert min(gaps) >= 4


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed: make judges")
def test_the_written_series_has_no_error_by_dciodvfy(folder: Path) -> None:
    for path in sorted((folder / "mri-series").iterdir()):
        done = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, check=False)
        assert "Error" not in done.stderr + done.stdout


def test_the_enhanced_object_is_unpacked_whole(tmp_path: Path) -> None:
    [sample] = enhanced_samples(tmp_path)
    assert sample.path.read_bytes()[128:132] == b"DICM"
