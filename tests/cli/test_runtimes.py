"""A model handed to another runtime by the command line: as a file, and to compute an output."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from typer.testing import Result

from srkit.grid import Scale
from srkit.models.file import ModelInfo, save_model
from srkit.networks.srresnet import SRResNet

Run = Callable[..., Result]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    parameters = {"features": 8, "blocks": 1, "head_kernel": 5}
    network = SRResNet(channels=1, scale=(2, 2), **parameters)
    spec = {"kind": "range", "low": 0, "high": 4096}
    info = ModelInfo(
        "npy-x2", "npy", "srresnet", Scale(2, 2), ("row", "column"), 1, parameters, (), spec, halo=network.halo
    )
    save_model(tmp_path / "npy-x2.safetensors", network, info)
    return tmp_path / "npy-x2.safetensors"


def test_an_exported_model_runs_elsewhere(run: Run, model: Path, tmp_path: Path) -> None:
    file = tmp_path / "npy-x2.onnx"
    result = run("models", "export", model, "--to", "onnx", file)
    assert result.exit_code == 0, result.output
    assert "images, 1, length0, length1 -> images, 1, 2*length0, 2*length1" in result.stdout
    session = onnxruntime.InferenceSession(file)
    assert session.run(None, {"lr": np.zeros((1, 1, 3, 4), np.float32)})[0].shape == (1, 1, 6, 8)
    again = run("models", "export", model, "--to", "onnx", file)
    assert (again.exit_code, "there already" in again.stderr) == (4, True)
    told = json.loads(run("models", "export", model, "--to", "onnx", file, "--overwrite", "--json").stdout)
    assert (told["opset"], told["multiple_of"], told["deviation"] < 1e-5) == (18, 1, True)


def test_a_format_that_nobody_writes_is_refused(run: Run, model: Path, tmp_path: Path) -> None:
    result = run("models", "export", model, "--to", "tflite", tmp_path / "x.tflite")
    assert (result.exit_code, "known: onnx" in result.stderr) == (2, True)


def test_onnx_runtime_computes_an_output_of_the_same_values(run: Run, model: Path, image: Path, tmp_path: Path) -> None:
    outputs = []
    for backend in ("auto", "onnxruntime"):
        target = tmp_path / f"{backend}.npy"
        result = run(
            "upscale", image, "-o", target, "--model", model, "--backend", backend, "--precision", "fp32", "--explain"
        )
        assert result.exit_code == 0, result.output
        assert ("backend onnxruntime was asked for" in result.stderr) == (backend == "onnxruntime")
        outputs.append(np.load(target).astype(int))
    assert np.abs(outputs[0] - outputs[1]).max() <= 1
