"""Maps of residual and spread, against numpy on the whole image and against networks whose spread is known."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from upscaling_toys import Mapper, integer_enlarger, load, save

from srkit.degrade import parse
from srkit.errors import OutputError, UsageError
from srkit.grid import Scale
from srkit.networks.interpolation import Interpolation
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger, upscale
from srkit.upscaling.batch.merging import merge
from srkit.upscaling.enlarging import stream
from srkit.upscaling.enlarging.engine import prepare
from srkit.upscaling.fidelity.maps import ensemble
from srkit.upscaling.fidelity.observation import Observation
from srkit.upscaling.making import room
from srkit.upscaling.making.forecast import Forecast

TWICE = Scale(2, 2)
AREA = ({"name": "area"},)


class Shifting(nn.Module):
    """Nearest, with the sample to the left or above mixed in: its mirror images differ."""

    multiple_of, border = 1, 1

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.scale, self.ndim, self.halo, self._axis = (2, 2), 2, (1, 1), axis

    def forward(self, lr: Tensor) -> Tensor:
        before = torch.cat(
            [lr.narrow(self._axis, 0, 1), lr.narrow(self._axis, 0, lr.shape[self._axis] - 1)], self._axis
        )
        return ((lr + before) / 2).repeat_interleave(2, 2).repeat_interleave(2, 3)


def scene(rng: np.random.Generator, size: int = 40) -> np.ndarray:
    return rng.integers(1000, 5000, (2, size, size)).astype(np.uint16)


def enlarger(network: nn.Module) -> Enlarger:
    return Enlarger("m", TWICE, network, ("row", "column"), degradation=AREA, sha256="0" * 64)


def maps_of(tmp_path: Path, plugins: Plugins, model: object, **more: object) -> tuple[np.ndarray, np.ndarray]:
    report = upscale(
        tmp_path / "in.npy",
        tmp_path / "out.npy",
        model=model,
        plugins=plugins,
        maps=True,
        **more,  # type: ignore[arg-type]
    )
    places = report.results[0].maps
    assert [place.name for place in places] == ["out_residual.npy", "out_departure.npy", "out_spread.npy"]
    residual, departure, spread = (load(place) for place in places)
    assert departure.shape == residual.shape
    return residual, spread


def test_the_residual_is_what_consistency_would_add(
    tmp_path: Path, plugins: Plugins, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "RUN_SAMPLES", 1)
    lr = scene(rng)
    save(tmp_path / "in.npy", lr)
    residual, _ = maps_of(tmp_path, plugins, enlarger(Mapper(lambda x: 0.9 * x)))
    observation = Observation(parse(AREA), (2, 2), ("row", "column"))
    seen, _ = observation.degraded(load(tmp_path / "out.npy").astype(np.float32), None)
    expected, _ = observation.interpolated(lr - seen)
    assert residual.dtype == np.float32
    np.testing.assert_allclose(residual, expected, atol=1e-3)


@pytest.mark.parametrize("short", [True, False])
def test_the_departure_is_above_one_where_nothing_hints_at_the_detail(
    short: bool, tmp_path: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    if short:
        monkeypatch.setattr(stream, "RUN_SAMPLES", 1)
    rows, columns = np.indices((40, 40))
    lr = np.where(columns < 20, 1000, 1000 + 3000 * ((rows + columns) % 2)).astype(np.uint16)[None]
    lr[0, 20, 5] = 1001
    lr[0, 30:33, 30:33] = 7
    save(tmp_path / "in.npy", lr)

    def inventing(x: torch.Tensor) -> torch.Tensor:
        return torch.where(x == 1001, 2001, x)

    maps_of(tmp_path, plugins, enlarger(Mapper(inventing)), options={"toy": {"nodata": 7.0}})
    departure = load(tmp_path / "out_departure.npy")
    assert np.argwhere(departure > 1).tolist() == [[0, 40, 10], [0, 40, 11], [0, 41, 10], [0, 41, 11]]
    assert departure[0, :, 24:].max(initial=0, where=~np.isnan(departure[0, :, 24:])) > 0.1
    assert np.isnan(departure).tolist() == (lr == 7).repeat(2, 1).repeat(2, 2).tolist()


def test_a_network_that_mirrors_with_its_image_has_no_spread(
    tmp_path: Path, plugins: Plugins, rng: np.random.Generator
) -> None:
    save(tmp_path / "in.npy", scene(rng))
    _, spread = maps_of(tmp_path, plugins, enlarger(Mapper(lambda x: 1.1 * x + 3)))
    assert (spread == 0).all()


@pytest.mark.parametrize("tile", [9, None])
def test_the_spread_is_that_of_eight_mirror_images(
    tile: int | None, tmp_path: Path, plugins: Plugins, rng: np.random.Generator
) -> None:
    """The members mix each sample with its left, right, upper or lower neighbour, two of each."""
    lr = scene(rng)
    save(tmp_path / "in.npy", lr)
    _, spread = maps_of(tmp_path, plugins, enlarger(Shifting(3)), tile=tile)
    wide = np.pad(lr.astype(np.float64), ((0, 0), (1, 1), (1, 1)), mode="symmetric")
    neighbours = [wide[:, 1:-1, :-2], wide[:, 1:-1, 2:], wide[:, :-2, 1:-1], wide[:, 2:, 1:-1]]
    expected = np.stack([(lr + neighbour) / 2 for neighbour in neighbours]).std(axis=0)
    np.testing.assert_allclose(spread, expected.repeat(2, 1).repeat(2, 2), rtol=1e-3, atol=0.01)


def test_nothing_is_known_where_the_input_is_not_valid(
    tmp_path: Path, plugins: Plugins, rng: np.random.Generator
) -> None:
    lr = scene(rng)
    lr[:, 5:9, 7:20] = 0
    save(tmp_path / "in.npy", lr)
    for chart in maps_of(tmp_path, plugins, enlarger(Shifting(2)), options={"toy": {"nodata": 0.0}}):
        assert np.isnan(chart).tolist() == (lr == 0).repeat(2, 1).repeat(2, 2).tolist()


def test_maps_are_made_tile_by_tile_without_a_seam(tmp_path: Path, plugins: Plugins, rng: np.random.Generator) -> None:
    save(tmp_path / "in.npy", rng.integers(0, 9, (1, 60, 60)).astype(np.uint16))
    whole = maps_of(tmp_path, plugins, integer_enlarger(TWICE))
    tiles = maps_of(tmp_path, plugins, integer_enlarger(TWICE), tile=21, overwrite=True)
    for one, other in zip(whole, tiles, strict=True):
        np.testing.assert_array_equal(one, other)


def test_torch_is_left_as_it_was(tmp_path: Path, plugins: Plugins, rng: np.random.Generator) -> None:
    cudnn = torch.backends.cudnn
    before = (cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic, torch.get_num_threads())
    save(tmp_path / "in.npy", scene(rng))
    maps_of(tmp_path, plugins, enlarger(Shifting(2)), tile=9)
    assert (cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic, torch.get_num_threads()) == before


def test_there_are_eight_members_where_axes_are_alike(plugins: Plugins) -> None:
    from srkit.arrays import ArraySource
    from srkit.grid import Grid

    def members(spacing: float) -> int:
        grid = Grid((8, 8), np.diag([1.0, spacing, 1.0]))
        source = ArraySource(np.zeros((1, 8, 8), np.uint8), grid=grid)
        return len(ensemble(prepare(plugins, source, enlarger(Mapper(lambda x: x)), domain="toy")))

    assert (members(1.0), members(2.0)) == (8, 4)
    volume = ArraySource(np.zeros((1, 4, 8, 8), np.uint8), roles={"slice": 0, "row": 1, "column": 2})
    deep = Enlarger("m", TWICE, Mapper(lambda x: x, (1, 2, 2)), ("slice", "row", "column"))
    assert len(ensemble(prepare(plugins, volume, deep, domain="toy"))) == 8


def test_maps_are_refused_before_anything_is_made(tmp_path: Path, plugins: Plugins, rng: np.random.Generator) -> None:
    save(tmp_path / "in.npy", scene(rng))
    save(tmp_path / "out_spread.npy", scene(rng))
    with pytest.raises(UsageError, match="exists"):
        maps_of(tmp_path, plugins, "nearest")
    assert not (tmp_path / "out.npy").exists()
    save(tmp_path / "in.npy", scene(rng)[None])
    (tmp_path / "in.json").write_text(json.dumps({"affine": np.diag([2.0, 2.0, 1.0]).tolist()}))
    with pytest.raises(UsageError, match=r"resampling.*leave --maps out"):
        upscale(tmp_path / "in.npy", tmp_path / "b.npy", spacing=1.3, model="nearest", maps=True, plugins=plugins)
    assert not (tmp_path / "b.npy").exists()


def test_maps_of_a_window_are_those_of_its_samples(tmp_path: Path, plugins: Plugins, rng: np.random.Generator) -> None:
    """The network sees beyond the window, so the spread is the crop of the whole's; the residual knows the part."""
    lr = scene(rng)
    save(tmp_path / "in.npy", lr)
    _, whole = maps_of(tmp_path, plugins, enlarger(Shifting(3)))
    residual, spread = maps_of(tmp_path, plugins, enlarger(Shifting(3)), window="5:21,8:30", overwrite=True)
    np.testing.assert_array_equal(spread, whole[:, 10:42, 16:60])
    output = load(tmp_path / "out.npy").astype(np.float32)
    seen = output.reshape(2, 16, 2, 22, 2).mean(axis=(2, 4))
    difference = torch.from_numpy(lr[:, 5:21, 8:30].astype(np.float32) - seen)
    expected = Interpolation("bicubic", (2, 2))(difference[None])[0].numpy()
    np.testing.assert_allclose(residual, expected, atol=1e-3)


def test_shards_leave_the_maps_to_whoever_joins_them(
    tmp_path: Path, plugins: Plugins, rng: np.random.Generator
) -> None:
    save(tmp_path / "in.npy", scene(rng))
    whole = maps_of(tmp_path, plugins, "lanczos")
    more = {"model": "lanczos", "maps": True, "plugins": plugins}
    for number in (1, 2):
        (part,) = upscale(tmp_path / "in.npy", tmp_path / "b.npy", shard=f"{number}/2", **more).results
        assert part.maps == ()
    (result,) = merge(tmp_path / "b.npy", plugins=plugins).results
    for place, chart in zip((result.maps[0], result.maps[2]), whole, strict=True):
        np.testing.assert_array_equal(load(place), chart)


def test_a_run_that_was_cut_off_before_its_maps_makes_them_alone(
    tmp_path: Path, plugins: Plugins, rng: np.random.Generator
) -> None:
    save(tmp_path / "in.npy", scene(rng))
    whole = maps_of(tmp_path, plugins, "lanczos")
    for kind in ("departure", "residual"):
        (tmp_path / f"out_{kind}.npy").unlink()
        (tmp_path / f"out_{kind}.json").unlink()
    made = (tmp_path / "out.npy").stat().st_mtime_ns
    again = maps_of(tmp_path, plugins, "lanczos", resume=True)
    assert (tmp_path / "out.npy").stat().st_mtime_ns == made
    for one, other in zip(whole, again, strict=True):
        np.testing.assert_array_equal(one, other)
    (result,) = upscale(
        tmp_path / "in.npy", tmp_path / "out.npy", model="lanczos", maps=True, resume=True, plugins=plugins
    ).results
    assert result.status == "skipped"


def test_what_maps_take_is_foretold_and_asked_for(
    tmp_path: Path, plugins: Plugins, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = save(tmp_path / "in.npy", scene(rng)), tmp_path / "out.npy"

    def forecast(**more: bool) -> Forecast:
        (planned,) = upscale(path, out, model=enlarger(Shifting(3)), dry_run=True, plugins=plugins, **more).results
        assert planned.forecast is not None
        return planned.forecast

    plain, mapped = forecast(), forecast(maps=True)
    maps_bytes = 3 * 2 * 80 * 80 * 4
    assert (plain.maps_bytes, mapped.maps_bytes) == (0, maps_bytes)
    assert mapped.needed_bytes == plain.needed_bytes + maps_bytes
    assert mapped.seconds > 3 * plain.seconds  # nine times in truth, measured twice on a busy machine
    assert not list(tmp_path.glob("*out*"))
    monkeypatch.setattr(room, "free_bytes", lambda target: mapped.needed_bytes - 1)
    upscale(path, tmp_path / "enough.npy", model="nearest", plugins=plugins)
    with pytest.raises(OutputError, match="may take"):
        maps_of(tmp_path, plugins, enlarger(Shifting(3)))
    assert not out.exists()
