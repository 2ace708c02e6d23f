"""From a file of somebody else's network to an enlarged photograph, on the command line."""

import os
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from srkit.cli.app import make_app
from srkit.plugins import load_plugins

pytestmark = pytest.mark.skipif(
    "photo" not in {plugin.name for plugin in load_plugins(environment=os.environ).loaded},
    reason="the plugin of photographs is not installed",
)


def test_a_file_becomes_a_model_that_enlarges_a_photograph(spandrel: ModuleType, tmp_path: Path) -> None:
    torch.manual_seed(0)
    parameters = {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 8, "num_conv": 2, "upscale": 2}
    network = import_module("spandrel.architectures.Compact").Compact(**parameters)
    torch.save({"params_ema": network.state_dict()}, tmp_path / "public.pth")
    y, x = np.mgrid[:37, :53]
    image = (127 + 90 * np.sin(y / 5 + x / 7 + np.arange(3)[:, None, None])).astype(np.uint8)
    Image.fromarray(image.transpose(1, 2, 0)).save(tmp_path / "image.png")

    def srkit(*words: object) -> str:
        done = CliRunner().invoke(make_app(), [str(word) for word in words])
        assert done.exit_code == 0, done.output
        return done.output

    model = tmp_path / "model.safetensors"
    assert "(Compact, x2, 3 channels, perceptual)" in srkit("models", "import", tmp_path / "public.pth", model)
    assert "spandrel" in srkit("models", "show", model)
    srkit("upscale", tmp_path / "image.png", "--model", model, "--out", tmp_path / "out")
    found = np.asarray(Image.open(tmp_path / "out" / "image.png")).transpose(2, 0, 1)
    padded = np.pad(image / np.float32(255), ((0, 0), (4, 4), (4, 4)), mode="symmetric")
    judge = spandrel.MAIN_REGISTRY.load(network.state_dict()).eval()(torch.from_numpy(padded)[None])[0, :, 8:-8, 8:-8]
    assert np.abs(found.astype(float) - 255 * judge.numpy()).max() < 0.51
