"""From a wanted spacing to an output: geometry, tiles, resume, models, refusals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from upscaling_toys import affine_of, integer_enlarger, load, save

from srkit.errors import InputError, ModelError, UsageError
from srkit.grid import Grid, Role, Scale
from srkit.models.file import ModelInfo, save_model
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins
from srkit.upscaling import upscale
from srkit.upscaling.fidelity.agreement import UNEVEN
from srkit.upscaling.making.comparison import compare

SHAPE = (11, 40, 33)  # slices, rows, columns
AFFINE = np.array([[0, 0.1, 0.9, -80], [0.1, 0.85, 0, 12], [-5.0, 0.2, 0.1, 3], [0, 0, 0, 1]])


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SRKIT_MODELS", str(tmp_path / "shelf"))
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf"


@pytest.fixture
def volume(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = save(tmp_path / "v.npy", rng.integers(200, 800, (1, 1, *SHAPE), dtype=np.uint16))
    path.with_suffix(".json").write_text(json.dumps({"affine": AFFINE.tolist()}))
    return path


def model(folder: Path, name: str, scale: Scale) -> Path:
    parameters = {"features": 8, "blocks": 1, "skip": "bicubic", "head_kernel": 3}
    roles: tuple[Role, ...] = ("row", "column", "slice")[: 3 if scale.slice > 1 else 2]
    network = SRResNet(ndim=len(roles), channels=1, scale=tuple(scale.of(role) for role in roles), **parameters)
    spec = {"kind": "range", "low": 0, "high": 1000}
    info = ModelInfo(name, "toy", "srresnet", scale, roles, 1, parameters, (), spec, halo=network.halo)
    save_model(folder / f"{name}.safetensors", network, info)
    return folder / f"{name}.safetensors"


def run(plugins: Plugins, path: Path, out: Path, **more: Any) -> Any:
    return upscale(path, out, plugins=plugins, **{"model": "bspline", **more}).results[0]


def grid_of(path: Path) -> Grid:
    return Grid(load(path).shape[1:], affine_of(path))


@pytest.mark.parametrize(
    ("aim", "shape", "scale"),
    [
        ({"spacing": 1.0}, (55, 35, 30), "0.875x0.9091x5"),
        ({"spacing": "0.5,0.5"}, (11, 70, 60), "1.75x1.818x1"),
        ({"spacing": "0.6,0.3,2.4"}, (23, 59, 100), "1.475x3.03x2.091"),
        ({"isotropic": True}, (63, 40, 34), "1x1.03x5.727"),
    ],
)
def test_an_output_has_the_wanted_spacing_and_the_same_corners(
    plugins: Plugins, tmp_path: Path, volume: Path, aim: dict[str, Any], shape: tuple[int, ...], scale: str
) -> None:
    result = run(plugins, volume, tmp_path / "b.npy", **aim)
    grid, before = grid_of(tmp_path / "b.npy"), Grid(SHAPE, AFFINE)
    assert grid.shape == shape
    assert np.abs(grid.corners() - before.corners()).max() < 1e-9
    assert result.scale == scale
    assert result.spacing == tuple(grid.spacing[axis] for axis in (1, 2, 0))
    assert abs(load(tmp_path / "b.npy").mean() - np.load(volume).mean()) < 3
    for axis in range(3):
        if grid.shape[axis] == SHAPE[axis]:
            np.testing.assert_allclose(grid.affine[:-1, axis], AFFINE[:-1, axis], rtol=0, atol=0)


def test_a_blob_stays_where_it_is(plugins: Plugins, tmp_path: Path, volume: Path) -> None:
    before = Grid(SHAPE, AFFINE)
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    blob = 30000 * np.exp(-(((index - (5.2, 19.1, 15.7)) / (1.2, 4, 3.5)) ** 2).sum(-1) / 2)
    save(volume, blob.astype(np.uint16)[None, None])
    run(plugins, volume, tmp_path / "b.npy", spacing=1.0)
    made = load(tmp_path / "b.npy")[0].astype(np.float64)
    after = grid_of(tmp_path / "b.npy")
    places = after.world(np.stack(np.meshgrid(*map(np.arange, made.shape), indexing="ij"), axis=-1))
    stored = np.load(volume)[0, 0].astype(np.float64)
    centre = (before.world(index) * stored[..., None]).sum((0, 1, 2)) / stored.sum()
    np.testing.assert_allclose((places * made[..., None]).sum((0, 1, 2)) / made.sum(), centre, rtol=0, atol=0.01)


def test_a_spacing_that_a_whole_factor_makes_is_that_factor(plugins: Plugins, tmp_path: Path, volume: Path) -> None:
    row, column = Grid(SHAPE, AFFINE).spacing[1:]
    result = run(plugins, volume, tmp_path / "a.npy", spacing=(row / 2, column / 2))
    run(plugins, volume, tmp_path / "b.npy", scale=2)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    assert result.scale == "2x2x1"


@pytest.mark.parametrize("consistency", [False, True])
def test_what_is_resampled_after_the_model_says_why_it_is_not_compared(
    plugins: Plugins, tmp_path: Path, volume: Path, consistency: bool
) -> None:
    result = run(plugins, volume, tmp_path / "b.npy", spacing=1.0, consistency=consistency)
    assert result.consistency is None
    assert UNEVEN in [finding.text for finding in result.findings]
    assert UNEVEN in [finding.text for finding in compare(volume, tmp_path / "b.npy", plugins=plugins).findings]
    with pytest.raises(UsageError, match="--consistency-limit"):
        run(plugins, volume, tmp_path / "c.npy", spacing=1.0, consistency_limit=0.2)
    assert not (tmp_path / "c.npy").exists()


@pytest.mark.parametrize("tile", [12, 17])
def test_tiles_and_slabs_leave_no_trace(plugins: Plugins, tmp_path: Path, volume: Path, tile: int) -> None:
    def made(name: str, tile: int, slab: int) -> bytes:
        enlarger = integer_enlarger(Scale(2, 2))
        options = {"toy": {"nodata": 400.0, "slab": slab}}
        run(plugins, volume, tmp_path / name, model=enlarger, spacing="0.55,0.6,1.9", tile=tile, options=options)
        return (tmp_path / name).read_bytes()

    assert made("a.npy", 1000, 100) == made("b.npy", tile, 3)


@pytest.mark.parametrize("stop_at", [1, 4, 7])
def test_a_resumed_run_gives_the_same_bytes(plugins: Plugins, tmp_path: Path, volume: Path, stop_at: int) -> None:
    save(volume, np.random.default_rng(1).integers(0, 999, (2, 1, *SHAPE), dtype=np.uint16))

    def interrupt(done: int, total: int, note: str) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    more = {"options": {"toy": {"slab": 2, "nodata": 13.0}}, "tile": 30, "resume": True, "spacing": "0.55,0.6,1.9"}
    run(plugins, volume, tmp_path / "straight.npy", **more)
    with pytest.raises(KeyboardInterrupt):
        run(plugins, volume, tmp_path / "b.npy", **more, progress=interrupt)
    run(plugins, volume, tmp_path / "b.npy", **more)
    assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "straight.npy").read_bytes()


def test_slabs_of_another_spacing_are_not_taken_up_again(plugins: Plugins, tmp_path: Path, volume: Path) -> None:
    def interrupt(done: int, total: int, note: str) -> None:
        if done == 4:
            raise KeyboardInterrupt

    more = {"options": {"toy": {"slab": 2}}, "tile": 30, "resume": True}
    with pytest.raises(KeyboardInterrupt):
        run(plugins, volume, tmp_path / "b.npy", **more, spacing="0.5,0.5,4", progress=interrupt)
    with pytest.raises(UsageError, match="other work"):
        run(plugins, volume, tmp_path / "b.npy", **more, spacing="0.5,0.5,4.1")


def test_the_model_nearest_to_the_need_is_chosen(plugins: Plugins, tmp_path: Path, volume: Path, shelf: Path) -> None:
    for name, scale in (("plane2", Scale(2, 2)), ("plane4", Scale(4, 4)), ("through", Scale(1, 1, 4))):
        model(shelf, name, scale)
    chosen = {
        spacing: run(plugins, volume, tmp_path / f"{i}.npy", model=None, spacing=spacing).model
        for i, spacing in enumerate(["0.5,0.5", "0.25,0.25", "1,1,1"])
    }
    assert chosen == {"0.5,0.5": "plane2", "0.25,0.25": "plane4", "1,1,1": "through"}
    text = json.loads((tmp_path / "2.json").read_text())["by"]
    assert "x0.875x0.9091x5, of it x1x1x4 by the model, model through" in text


def test_a_model_for_other_axes_is_refused(plugins: Plugins, tmp_path: Path, volume: Path, shelf: Path) -> None:
    path = model(shelf, "plane2", Scale(2, 2))
    with pytest.raises(ModelError, match=r"'plane2' enlarges by 2, but the image is to have .* 5 times the slices"):
        run(plugins, volume, tmp_path / "b.npy", model=path, spacing="1,1,1")
    with pytest.raises(ModelError, match="no model at hand for toy fits"):
        run(plugins, volume, tmp_path / "b.npy", model=None, spacing="1,1,1")
    with pytest.raises(ModelError, match="no model named"):
        run(plugins, volume, tmp_path / "b.npy", model="plan", spacing="1,1,1")


def test_what_only_becomes_coarser_needs_no_model(plugins: Plugins, tmp_path: Path, volume: Path) -> None:
    result = run(plugins, volume, tmp_path / "b.npy", model=None, spacing="2,2")
    assert (result.model, load(tmp_path / "b.npy").shape) == ("bicubic", (1, 11, 18, 15))


def test_what_lies_so_already_is_left_alone(plugins: Plugins, tmp_path: Path, volume: Path) -> None:
    result = run(plugins, volume, tmp_path / "b.npy", spacing=Grid(SHAPE, AFFINE).spacing[1:])
    assert (result.status, (tmp_path / "b.npy").exists()) == ("skipped", False)
    assert "wanted spacing already" in result.reason


def test_labels_are_repeated(plugins: Plugins, tmp_path: Path, volume: Path) -> None:
    save(volume, np.random.default_rng(2).choice([0, 3, 900], (1, 1, *SHAPE)).astype(np.uint16))
    run(plugins, volume, tmp_path / "b.npy", spacing=1.3, options={"toy": {"alpha": True}}, model=None)
    assert set(np.unique(load(tmp_path / "b.npy"))) == {0, 3, 900}


def test_an_image_in_pixel_space_is_refused(plugins: Plugins, tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", np.zeros((1, 8, 8), np.uint8))
    with pytest.raises(InputError, match="give --scale"):
        run(plugins, path, tmp_path / "b.npy", spacing=1.0)
    with pytest.raises(UsageError, match="give one of them"):
        run(plugins, path, tmp_path / "b.npy", spacing=1.0, scale=2)


def test_a_finished_output_can_be_verified(plugins: Plugins, tmp_path: Path, volume: Path) -> None:
    run(plugins, volume, tmp_path / "b.npy", spacing=0.8)
    found = compare(volume, tmp_path / "b.npy", plugins=plugins)
    assert found.good
    assert [round(float(factor), 3) for factor in found.scale] == [6.273, 1.1, 1.121]
    other = json.loads((tmp_path / "b.json").read_text())
    other["affine"][0][3] += 0.5
    (tmp_path / "b.json").write_text(json.dumps(other))
    with pytest.raises(UsageError, match="is it of this input"):
        compare(volume, tmp_path / "b.npy", plugins=plugins)


def test_a_ready_enlarger_is_taken_for_the_axes_that_it_serves(plugins: Plugins, tmp_path: Path, volume: Path) -> None:
    result = run(plugins, volume, tmp_path / "b.npy", model=integer_enlarger(Scale(2, 2)), spacing="0.4,0.4")
    assert (result.model, load(tmp_path / "b.npy").shape) == ("integers", (1, 11, 88, 75))
    with pytest.raises(ModelError, match="'integers' enlarges by 2"):
        run(plugins, volume, tmp_path / "c.npy", model=integer_enlarger(Scale(2, 2)), spacing="0.4,1")
