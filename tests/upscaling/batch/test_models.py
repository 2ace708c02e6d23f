"""Upscaling with model files."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from upscaling_toys import load, save

from srkit.domain import Item
from srkit.errors import InputError, ModelError
from srkit.grid import Role, Scale
from srkit.models.file import ModelInfo, save_model
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins
from srkit.upscaling import upscale
from srkit.upscaling.session import Session


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SRKIT_MODELS", str(folder))
    return folder


TWICE = Scale(2, 2)


def model(
    folder: Path, name: str, scale: Scale = TWICE, roles: tuple[Role, ...] = ("row", "column"), **more: Any
) -> Path:
    """A residual network at its start: it interpolates bicubically."""
    torch.manual_seed(0)
    channels = more.pop("channels", 1)
    factors = tuple(scale.of(role) for role in roles)
    parameters = {"features": 8, "blocks": 1, "skip": "bicubic", "head_kernel": 3}
    network = SRResNet(ndim=len(roles), channels=channels, scale=factors, **parameters)
    spec = {"kind": "range", "low": 0, "high": 1000}
    info = ModelInfo(name, "toy", "srresnet", scale, roles, channels, parameters, (), spec, halo=network.halo, **more)
    save_model(folder / f"{name}.safetensors", network, info)
    return folder / f"{name}.safetensors"


@pytest.fixture
def array(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(200, 800, (1, 40, 33), dtype=np.uint16)


def run(plugins: Plugins, path: Path, out: Path, **more: Any) -> Any:
    return upscale(path, out, plugins=plugins, **more).results[0]


@pytest.mark.parametrize("how", ["path", "name", "default"])
def test_a_model_is_found_and_its_scale_taken(
    plugins: Plugins, tmp_path: Path, shelf: Path, array: np.ndarray, how: str
) -> None:
    file = model(shelf, "small")
    path = save(tmp_path / "a.npy", array)
    named = {"path": str(file), "name": "small", "default": None}[how]
    result = run(plugins, path, tmp_path / "b.npy", model=named, tile=20)
    assert (result.model, result.scale) == ("small", "2")
    run(plugins, path, tmp_path / "c.npy", model="bicubic")
    difference = load(tmp_path / "b.npy").astype(int) - load(tmp_path / "c.npy")
    assert np.abs(difference[:, 4:-4, 4:-4]).max() <= 1
    assert "model small" in (tmp_path / "b.json").read_text()


def test_the_models_domain_settles_what_an_item_may_be(
    plugins: Plugins, tmp_path: Path, shelf: Path, array: np.ndarray
) -> None:
    file, path = model(shelf, "small"), save(tmp_path / "a-unclear.npy", array)
    with pytest.raises(InputError, match="may be stack or toy; say which with --domain"):
        run(plugins, path, tmp_path / "out", model="bicubic")
    for named in (file, "small"):
        assert run(plugins, path, tmp_path / "out", model=named, overwrite=True).domain == "toy"
    assert run(plugins, path, tmp_path / "c.npy", model="bicubic", domain="toy").status == "done"


def test_the_models_domain_settles_what_an_item_is_likely_to_be(
    plugins: Plugins, tmp_path: Path, shelf: Path, array: np.ndarray
) -> None:
    file, path = model(shelf, "small"), save(tmp_path / "a-likely.npy", array)
    assert [(item.domain, item.doubts) for item in _found(plugins, path)] == [("stack", ("toy",))]
    assert [(item.domain, item.doubts) for item in _found(plugins, path, "stack")] == [("stack", ())]
    result = run(plugins, path, tmp_path / "out", model=file)
    assert (result.domain, [f for f in result.findings if "--domain" in f.text]) == ("toy", [])


def _found(plugins: Plugins, path: Path, hint: str | None = None) -> list[Any]:
    return [entry for entry in Session.of_call(plugins).find(path, None, hint) if isinstance(entry, Item)]


def test_labels_are_repeated_at_the_named_models_scale(
    plugins: Plugins, tmp_path: Path, shelf: Path, array: np.ndarray
) -> None:
    file, path = model(shelf, "three", Scale(3, 3)), save(tmp_path / "a.npy", array)
    result = run(plugins, path, tmp_path / "b.npy", model=file, options={"toy": {"alpha": True}})
    assert (result.model, result.scale) == ("nearest", "3")
    np.testing.assert_array_equal(load(tmp_path / "b.npy"), array.repeat(3, 1).repeat(3, 2))


def test_the_asked_scale_picks_the_model(plugins: Plugins, tmp_path: Path, shelf: Path, array: np.ndarray) -> None:
    model(shelf, "two")
    model(shelf, "three", Scale(3, 3))
    assert run(plugins, save(tmp_path / "a.npy", array), tmp_path / "b.npy", scale=3).model == "three"


def test_a_model_of_another_scale_is_refused_with_both(
    plugins: Plugins, tmp_path: Path, shelf: Path, array: np.ndarray
) -> None:
    with pytest.raises(ModelError, match="enlarges by 2, not by 4"):
        run(plugins, save(tmp_path / "a.npy", array), tmp_path / "b.npy", scale=4, model=model(shelf, "two"))


def test_a_one_channel_model_serves_an_image_of_three(
    plugins: Plugins, tmp_path: Path, shelf: Path, array: np.ndarray
) -> None:
    path = save(tmp_path / "a.npy", np.concatenate([array, array + 7, array]))
    run(plugins, path, tmp_path / "b.npy", model=model(shelf, "grey"))
    assert load(tmp_path / "b.npy").shape == (3, 80, 66)


def test_a_three_channel_model_refuses_an_image_of_one(
    plugins: Plugins, tmp_path: Path, shelf: Path, array: np.ndarray
) -> None:
    with pytest.raises(ModelError, match=r"3 channel\(s\), the item has 1"):
        run(plugins, save(tmp_path / "a.npy", array), tmp_path / "b.npy", model=model(shelf, "rgb", channels=3))


def test_a_model_along_slices_sharpens_a_volume(
    plugins: Plugins, tmp_path: Path, shelf: Path, rng: np.random.Generator
) -> None:
    path = save(tmp_path / "a.npy", rng.integers(0, 999, (1, 6, 12, 13), dtype=np.int16))
    file = model(shelf, "through", Scale(1, 1, 4), ("slice", "row", "column"))
    result = run(plugins, path, tmp_path / "b.npy", model=file)
    assert (load(tmp_path / "b.npy").shape, result.scale) == ((1, 24, 12, 13), "1x1x4")


def test_the_same_input_and_model_give_the_same_bytes(
    plugins: Plugins, tmp_path: Path, shelf: Path, array: np.ndarray
) -> None:
    file, path = model(shelf, "small"), save(tmp_path / "a.npy", array)
    for name in ("b.npy", "c.npy"):
        run(plugins, path, tmp_path / name, model=file)
    assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "c.npy").read_bytes()
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "c.json").read_bytes()


def test_a_scene_is_never_whole_in_memory_as_float(plugins: Plugins, tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", np.tile(np.arange(900, dtype=np.uint8), (1, 1000, 1)))
    run(plugins, path, tmp_path / "warm.npy", model="nearest", scale=4, tile=64)
    tracemalloc.start()
    try:
        run(plugins, path, tmp_path / "b.npy", model="nearest", scale=4, tile=64)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4000 * 3600 * 4 / 10
