import numpy as np
import pytest
import torch

from srkit.errors import InputError
from srkit.evaluation.linear import Linear
from srkit.evaluation.unreferenced import examine
from srkit.grid import Scale
from srkit.models.file import ModelInfo, save_model
from srkit.networks.srresnet import SRResNet

SHAPE = {"features": 4, "blocks": 0, "head_kernel": 1, "skip": "bicubic"}
RIVALS = ["nearest", "bicubic", "lanczos", "bspline", "wiener"]


@pytest.fixture
def put(tmp_path):
    """Return a function that writes a model which adds a checkerboard of a strength to bicubic interpolation."""

    def write(strength, name="checked"):
        network = SRResNet(channels=1, scale=2, **SHAPE).eval()
        for parameter in network.parameters():
            torch.nn.init.zeros_(parameter)
        last = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)][-1]
        assert last.bias is not None
        last.bias.data += strength
        info = ModelInfo(
            name,
            "toy",
            "srresnet",
            Scale(2, 2),
            ("row", "column"),
            1,
            SHAPE,
            degradation=({"name": "area"},),
            normalizer={"kind": "range", "low": 0, "high": 1000},
            halo=network.halo,
        )
        save_model(tmp_path / f"{name}.safetensors", network, info)
        return str(tmp_path / f"{name}.safetensors")

    return write


def figures(path, model, plugins):
    return {row.model: row for row in examine(path, model, linear=Linear(), plugins=plugins)}


def test_bicubic_by_another_name_has_its_figures(save_array, toy_plugins, put):
    found = figures(save_array("a_image"), put(0.0), toy_plugins)
    assert list(found) == [*RIVALS, "checked"]
    assert found["checked"].difference == pytest.approx(found["bicubic"].difference, abs=1e-3)
    assert found["checked"].sharpness == pytest.approx(found["bicubic"].sharpness, abs=1e-3)
    assert found["bspline"].sharpness == 1
    assert found["nearest"].difference == pytest.approx(0, abs=1e-6)  # the mean of what was repeated
    assert found["wiener"].sharpness > 1


def test_detail_ends_where_the_model_makes_none(save_array, toy_plugins, put):
    path = save_array("a_image", (80, 80))
    found = figures(path, put(0.0), toy_plugins)
    assert found["checked"].cutoff == pytest.approx(found["bicubic"].cutoff)
    assert found["bspline"].cutoff < found["nearest"].cutoff


def test_an_output_at_another_level_differs_from_its_input(save_array, toy_plugins, put):
    path = save_array("a_image")
    found = figures(path, put(0.2), toy_plugins)  # of -1..1, which is 0..1000
    assert found["checked"].difference == pytest.approx(100 / np.load(path).std(), rel=0.05)
    assert found["checked"].sharpness == pytest.approx(found["bicubic"].sharpness, abs=0.02)


def test_invalid_samples_have_no_say(save_array, toy_plugins, put):
    path = save_array("a_image")
    spoiled = np.load(path)
    spoiled[10:20, 10:20] = 60000  # nodata of the toy domain
    np.save(path, spoiled)
    found = figures(path, put(0.0), toy_plugins)
    assert all(row.difference < 0.2 and 0.5 < row.sharpness < 3 for row in found.values())


def test_a_place_without_items_is_told_of(tmp_path, toy_plugins, put):
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="holds no item"):
        examine(tmp_path / "none", put(0.0), linear=Linear(), plugins=toy_plugins)
