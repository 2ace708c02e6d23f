"""`--model wiener`, from a call to an output."""

import json
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from upscaling_toys import load, save

from srkit.arrays import ArraySource
from srkit.degrade import apply, parse
from srkit.errors import ModelError
from srkit.grid import Scale
from srkit.image import Channel
from srkit.plugins import load_plugins
from srkit.upscaling import upscale
from srkit.upscaling.planning.linear import Prior, wiener

HERE = Path(__file__).parents[1]
PER_BAND = [{"name": "gaussian", "sigma": [0.3, 0.6]}]


def test_what_the_domain_degrades_comes_back_nearer_than_by_interpolation(plugins, tmp_path) -> None:
    hr = ndimage.gaussian_filter(np.random.default_rng(0).normal(30000, 9000, (80, 72)), 0.8)
    lr = apply(torch.from_numpy(hr)[None, None], parse([{"name": "bicubic"}]), (2, 2)).numpy()[0, 0]
    path = save(tmp_path / "a.npy", np.rint(lr[None]).astype(np.uint16))
    errors = {}
    for model in ("wiener", "bspline"):
        result = upscale(path, tmp_path / model, model=model, scale=2, plugins=plugins).results[0]
        errors[model] = np.abs(load(result.output).reshape(hr.shape) - hr).mean()
        assert model in json.loads(result.output.with_suffix(".json").read_text())["by"]
    assert errors["wiener"] < 0.9 * errors["bspline"]


def test_tiles_do_not_show(plugins, tmp_path) -> None:
    path = save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 60000, (1, 90, 100), dtype=np.uint16))
    outputs = [
        load(upscale(path, tmp_path / f"{tile}", model="wiener", tile=tile, plugins=plugins).results[0].output)
        for tile in (48, 200)
    ]
    np.testing.assert_array_equal(*outputs)


def test_bands_of_different_blur_share_one_network(plugins) -> None:
    source = ArraySource(np.zeros((2, 8, 8), np.uint16), channels=(Channel("a"), Channel("b")))
    assert wiener(plugins, "toy", source, Scale(2, 2), PER_BAND).channels == 2
    assert wiener(plugins, "toy", source, Scale(2, 2), [{"name": "area"}]).channels == 1


PLUGIN = """
import srkit

@srkit.hookimpl
def srkit_degradation(domain, spec, source, scale):
    return srkit.Degradation((srkit.Step("own", {}, lambda hr, generator: hr[:, ::2, ::2], (0, 0)),))
"""


def test_a_step_of_a_plugin_is_no_open_book(tmp_path) -> None:
    (tmp_path / "own.py").write_text(PLUGIN)
    core = [point for point in entry_points(group="srkit.plugins") if point.name == "core"]
    plugins = load_plugins([HERE / "toy_plugin.py", tmp_path / "own.py"], installed=core, environment={})
    with pytest.raises(ModelError, match="'own' of a plugin"):
        wiener(plugins, "toy", ArraySource(np.zeros((1, 8, 8), np.uint16)), Scale(2, 2))


def test_what_is_expected_of_noise_decides_how_much_is_restored(plugins) -> None:
    source = ArraySource(np.zeros((1, 8, 8), np.uint16))
    edge = torch.linspace(-1, 1, 32)[None, None, :, None].sign().expand(1, 1, 32, 32)
    steep = []
    for noise in (1e-4, 1e-1, 10.0):
        found = wiener(plugins, "toy", source, Scale(2, 2), [{"name": "area"}], Prior(noise=noise))
        steep.append(float(found.generator_for((2, 2))(edge).diff(dim=2).abs().max()))
    assert steep[0] > steep[1] > steep[2]
