"""Models as ONNX files; ONNX Runtime, which we did not write, is the judge."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from srkit.errors import ModelError, OutputError
from srkit.grid import Scale
from srkit.models.file import Model, ModelInfo, load_model, save_model
from srkit.models.info import info_from_json
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins
from srkit.upscaling.routing.exporting import export_onnx


@pytest.fixture
def model(plugins: Plugins, tmp_path: Path) -> Model:
    torch.manual_seed(0)
    parameters = {"features": 8, "blocks": 1, "head_kernel": 5}
    network = SRResNet(channels=2, scale=(2, 3), **parameters)
    spec = {"kind": "range", "low": 0, "high": 1000}
    roles = ("row", "column")
    info = ModelInfo("small", "toy", "srresnet", Scale(2, 3), roles, 2, parameters, (), spec, halo=network.halo)
    save_model(tmp_path / "small.safetensors", network, info)
    return load_model(tmp_path / "small.safetensors", plugins)


def test_onnx_runtime_computes_the_model_for_any_size_of_image(model: Model, tmp_path: Path) -> None:
    exported = export_onnx(model, tmp_path / "new" / "small.onnx")
    assert exported.input == ("images", "2", "length0", "length1")
    assert exported.output == ("images", "2", "2*length0", "3*length1")
    assert 0 < exported.deviation < 1e-5
    session = onnxruntime.InferenceSession(exported.path)
    for shape in ((1, 2, 1, 1), (3, 2, 33, 8), (1, 2, 12, 12)):
        lr = torch.rand(shape) * 2 - 1
        (sr,) = session.run(None, {"lr": lr.numpy()})
        np.testing.assert_allclose(sr, model.generator(lr).numpy(), atol=1e-5)


def test_the_file_says_what_the_model_says(model: Model, tmp_path: Path) -> None:
    exported = export_onnx(model, tmp_path / "small.onnx")
    proto = onnx.load(exported.path)
    onnx.checker.check_model(proto, full_check=True)
    said = {entry.key: entry.value for entry in proto.metadata_props}
    assert info_from_json(said["srkit"], exported.path) == model.info
    assert said["sha256"] == model.sha256
    assert json.loads(said["halo"]) == list(model.generator.halo)
    assert (proto.opset_import[0].version, proto.graph.name) == (exported.opset, "small")


def test_nothing_in_the_file_tells_of_the_machine(model: Model, tmp_path: Path) -> None:
    data = export_onnx(model, tmp_path / "small.onnx").path.read_bytes()
    for path in (tmp_path, Path(__file__).parents[3], Path.home()):
        assert str(path).encode() not in data


def test_the_same_model_gives_the_same_bytes(model: Model, tmp_path: Path) -> None:
    first, second = (export_onnx(model, tmp_path / name).path.read_bytes() for name in ("a.onnx", "b.onnx"))
    assert first == second


def test_a_file_that_is_there_is_replaced_only_where_that_is_asked_for(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    path.write_text("mine")
    with pytest.raises(OutputError, match="there already"):
        export_onnx(model, path)
    assert path.read_text() == "mine"
    export_onnx(model, path, overwrite=True)
    assert onnx.load(path).graph.name == "small"


def test_a_network_that_does_not_match_leaves_no_file(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(lr: torch.Tensor) -> torch.Tensor:
        return SRResNet.forward(model.generator, lr) * 1.01

    monkeypatch.setattr(model.generator, "forward", changed)  # `to_onnx` writes what the weights say
    with pytest.raises(ModelError, match="strays from torch"):
        export_onnx(model, tmp_path / "small.onnx")
    assert not (tmp_path / "small.onnx").exists()
