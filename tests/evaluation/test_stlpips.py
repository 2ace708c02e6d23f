"""ST-LPIPS. The judge is the package's own code, whose figures of its example pictures are on record."""

import io
import math
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from srkit.errors import MissingRequirementError, UsageError
from srkit.evaluation import evaluate, stlpips
from srkit.evaluation.benchmark import benchmark
from srkit.evaluation.stlpips import st_lpips
from srkit.grid import Scale
from srkit.plugins import load_plugins

DATA = Path(os.environ.get("SRKIT_DATA", Path(__file__).parents[3] / "shared" / "data"))
REFERENCE = DATA / "weights" / "ref"


@pytest.fixture
def weights(monkeypatch):
    if not (DATA / "weights" / "stlpips_alex_fp16.safetensors").is_file():
        pytest.skip("the weights of ST-LPIPS are not here")
    monkeypatch.setenv("SRKIT_DATA", str(DATA))
    stlpips._weights.cache_clear()
    yield
    stlpips._weights.cache_clear()


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    for name in ("SRKIT_DATA", "XDG_DATA_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    stlpips._weights.cache_clear()


def picture(name):
    return np.asarray(Image.open(REFERENCE / f"{name}.png").convert("RGB")).transpose(2, 0, 1).astype(np.float64)


@pytest.mark.parametrize(("name", "expected"), [("ex_p0", 0.77768), ("ex_p1", 0.13198)])
def test_the_packages_example_pictures_have_its_figures(weights, name, expected):
    assert st_lpips(picture(name), picture("ex_ref"), data_range=255) == pytest.approx(expected, abs=1e-4)
    assert st_lpips(picture("ex_ref"), picture("ex_ref"), data_range=255) == 0


@pytest.mark.parametrize("name", ["alex_shift_tolerant.pth", "stlpips_pytorch-0.0.2-py3-none-any.whl"])
def test_the_originals_names_are_understood(weights, monkeypatch, tmp_path, name):
    """The original counts its filters too, and its linear layers from 0."""
    places = {1: 0, 2: 5, 3: 9, 4: 11, 5: 13}
    original = {"net.slice1.1.filt": torch.ones(64, 1, 3, 3)}
    for key, tensor in load_file(DATA / "weights" / "stlpips_alex_fp16.safetensors").items():
        layer, part = key.split(".")
        kind, number = layer[:-1], int(layer[-1])
        head = f"net.slice{number}.{places[number]}" if kind == "conv" else f"lin{number - 1}.model.1"
        original[f"{head}.{part}"] = tensor
    path = tmp_path / "weights" / name
    path.parent.mkdir()
    if path.suffix == ".whl":
        content = io.BytesIO()
        torch.save(original, content)
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth", content.getvalue())
    else:
        torch.save(original, path)
    monkeypatch.setenv("SRKIT_DATA", str(tmp_path))
    assert st_lpips(picture("ex_p1"), picture("ex_ref"), data_range=255) == pytest.approx(0.13198, abs=1e-4)


def test_units_channels_and_planes_do_not_matter(weights):
    sr, hr = picture("ex_p0"), picture("ex_ref")
    whole = st_lpips(sr, hr, data_range=255)
    assert st_lpips(sr / 1000, hr / 1000, data_range=0.255) == pytest.approx(whole, rel=1e-4)
    volume = np.stack([sr, sr], axis=1), np.stack([hr, hr], axis=1)
    assert st_lpips(*volume, data_range=255) == pytest.approx(whole, rel=1e-5)
    grey = [st_lpips(np.stack([sr[i]] * 3), np.stack([hr[i]] * 3), data_range=255) for i in range(2)]
    assert st_lpips(sr[:2], hr[:2], data_range=255) == pytest.approx(np.mean(grey), rel=1e-5)


def test_of_many_slices_some_are_looked_at(weights):
    hr = np.repeat(picture("ex_ref")[:1, None], 63, axis=1)
    sr, between = hr.copy(), hr.copy()
    sr[:, 62], between[:, 1] = picture("ex_p0")[:1], picture("ex_p0")[:1]
    one = st_lpips(sr[:, 62], hr[:, 62], data_range=255)
    assert st_lpips(sr, hr, data_range=255) == pytest.approx(one / 32, rel=1e-4)
    assert st_lpips(between, hr, data_range=255) == 0


def test_what_is_invalid_has_no_say(weights):
    hr, valid = picture("ex_ref"), np.ones((1, 64, 64), bool)
    valid[:, 10:20, 10:20] = False
    sr = np.where(valid, hr, 99.0)
    assert st_lpips(sr, hr, data_range=255, valid=valid) == 0
    assert math.isnan(st_lpips(sr, hr, data_range=255, valid=np.zeros_like(valid)))


def test_small_pictures_have_no_figure(no_weights):
    assert math.isnan(st_lpips(np.ones((3, 31, 64)), np.ones((3, 31, 64)), data_range=1))


def test_set5_has_the_figures_of_its_manifest(weights):
    folder = DATA / "photo" / "test_set5"
    if not folder.is_dir():
        pytest.skip("Set5 is not here")
    plugins = load_plugins(environment={"SRKIT_PLUGINS": "photo"})
    table = benchmark("set5", folder, metrics=["st_lpips"], plugins=plugins)
    assert table.means["bicubic"]["st_lpips"] == pytest.approx(0.3256, abs=0.002)
    assert table.higher_is_better == {"psnr": True, "ssim": True, "st_lpips": False}


def test_it_is_computed_where_it_is_asked_for(weights, save_array, toy_plugins):
    item = save_array("s_image", (70, 72))
    asked = evaluate(item, scale=Scale(2, 2), metrics=["st_lpips"], plugins=toy_plugins).means
    assert all(0 < asked[name]["st_lpips"] < 1 for name in ("bicubic", "nearest"))
    assert "st_lpips" not in evaluate(item, scale=Scale(2, 2), plugins=toy_plugins).means["bicubic"]


def test_without_weights_it_says_where_they_are_to_be_had(no_weights, save_array, toy_plugins):
    with pytest.raises(MissingRequirementError, match=r"stlpips_pytorch==0\.0\.2"):
        evaluate(save_array("s_image", (70, 72)), metrics=["st_lpips"], plugins=toy_plugins)


def test_an_unknown_figure_is_a_usage_error(save_array, toy_plugins):
    with pytest.raises(UsageError, match="did you mean 'st_lpips'"):
        evaluate(save_array("s_image"), metrics=["stlpips"], plugins=toy_plugins)
