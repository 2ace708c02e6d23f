"""`docs/make_pictures.py`: the same detail of one place, whatever made it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from srkit.grid import Scale
from srkit.models.file import ModelInfo, save_model
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins

ROOT = Path(__file__).parents[2]
SHAPE: dict[str, Any] = {"features": 4, "blocks": 0, "head_kernel": 1, "skip": "bicubic"}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pictures", ROOT / "docs" / "make_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("shape", "roles", "scale", "names"),
    [
        ((40, 44), ("row", "column"), Scale(2, 2), "area"),
        ((24, 20, 22), ("slice", "row", "column"), Scale(1, 1, 4), "profile"),
    ],
)
def test_all_pictures_of_a_model_show_one_place(
    script: ModuleType,
    save_array: Any,
    toy_plugins: Plugins,
    tmp_path: Path,
    shape: Any,
    roles: Any,
    scale: Any,
    names: str,
) -> None:
    network = SRResNet(ndim=len(roles), channels=1, scale=[scale.of(role) for role in roles], **SHAPE)
    torch.nn.init.zeros_([p for p in network.parameters() if p.ndim > 1][-1])
    info = ModelInfo(
        "toy", "toy", "srresnet", scale, roles, 1, SHAPE, normalizer={"kind": "range", "low": 0, "high": 1000},
        degradation=({"name": names},), halo=network.halo,
    )  # fmt: skip
    save_model(tmp_path / "toy.safetensors", network, info)
    data = save_array("a_image" if len(shape) == 2 else "a_volume", shape).parent
    plan = SimpleNamespace(linear=[{"name": names}], of_use=lambda use: [SimpleNamespace(path=".", use=use)])
    pictures = script.model_details(tmp_path / "toy.safetensors", data, toy_plugins, plan)
    captions = [picture.caption for picture in pictures]
    assert captions == ["input", "B-spline interpolation", "linear reconstruction", "toy", "original"]
    original = np.asarray(pictures[-1].pixels, float)
    for picture in pictures[1:-1]:
        assert picture.pixels.shape == original.shape
        assert np.corrcoef(np.asarray(picture.pixels, float).ravel(), original.ravel())[0, 1] > 0.6
    image = script.strip(pictures)
    assert image.size == (5 * 308 - 8, 328)
