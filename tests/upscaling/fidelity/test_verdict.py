"""Agreement of finished pairs, judged by limits: under the degradation of a model, of the output, or of nobody."""

from pathlib import Path

import numpy as np
import pytest
import torch
from upscaling_toys import save

import srkit
from srkit.errors import ModelError, UsageError
from srkit.grid import Scale
from srkit.models.file import ModelInfo, save_model
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins
from srkit.upscaling.fidelity.agreement import Agreement, ChannelAgreement
from srkit.upscaling.fidelity.verdict import judged

TWICE = Scale(2, 2)
PARAMETERS = {"features": 8, "blocks": 1, "skip": "bicubic", "head_kernel": 3}
CODES = {"radiometric": "R", "spectral": "S"}


def agreement(relative: float, angle: float | None = None, bias: float = 0.0, origin: str = "model") -> Agreement:
    channels = (ChannelAgreement("1", bias, 1.0, 1.0, relative, bias), ChannelAgreement("2", 0.0, 1.0, 1.0, 0.0, 0.0))
    return Agreement(({"name": "area"},), origin, channels, 9, 0.1, angle)


@pytest.mark.parametrize(
    ("found", "limit", "wrong", "held"),
    [
        (agreement(0.19, 0.9), None, [], ["R", "S"]),
        (agreement(0.21, 0.9), None, [("failure", "R")], ["S"]),
        (agreement(0.21, 0.9), 0.3, [], ["R", "S"]),
        (agreement(0.1, 1.1), None, [("warning", "S")], ["R"]),
        (agreement(0.1, 0.1, -0.02), None, [("warning", "S")], ["R"]),
        (agreement(0.1), 0.05, [("failure", "R")], []),
        (agreement(0.5, 3.0, origin="box mean"), None, [], []),
        (agreement(0.5, origin="box mean"), 0.2, [("failure", "R")], []),
    ],
)
def test_limits_are_kept_and_said(found: Agreement, limit: float | None, wrong: list, held: list) -> None:
    findings, passed = judged(found, limit, CODES)
    assert [(finding.level, finding.code) for finding in findings] == wrong
    assert [code for code, _ in passed] == held
    assert all("more than" in finding.text for finding in findings)
    assert all("at most" in words for _, words in passed)


@pytest.fixture
def pair(tmp_path: Path, plugins: Plugins) -> tuple[Path, Path]:
    lr = np.random.default_rng(5).integers(200, 800, (1, 40, 33), dtype=np.uint16)
    path = save(tmp_path / "in.npy", lr)
    srkit.upscale(path, tmp_path / "out.npy", model="nearest", plugins=plugins)
    return path, tmp_path / "out.npy"


def model(folder: Path, degradation: tuple) -> Path:
    torch.manual_seed(0)
    network = SRResNet(ndim=2, channels=1, scale=(2, 2), **PARAMETERS)  # type: ignore[arg-type]
    spec = {"kind": "range", "low": 0, "high": 1000}
    more = {"degradation": degradation, "halo": network.halo}
    info = ModelInfo("small", "toy", "srresnet", TWICE, ("row", "column"), 1, PARAMETERS, (), spec, **more)
    save_model(folder / "small.safetensors", network, info)
    return folder / "small.safetensors"


def test_a_pair_is_compared_as_the_model_declares(pair: tuple[Path, Path], tmp_path: Path, plugins: Plugins) -> None:
    alone = srkit.verify(*pair, plugins=plugins)
    assert alone.good
    assert alone.consistency is not None
    assert (alone.consistency.origin, alone.consistency.relative) == ("box mean", 0)
    declared = model(tmp_path, ({"name": "gaussian", "mtf": 0.1},))
    found = srkit.verify(*pair, model=declared, plugins=plugins)
    assert not found.good
    assert found.consistency is not None
    assert [step["name"] for step in found.consistency.degradation] == ["gaussian"]
    assert [finding.code for finding in found.findings if finding.level == "failure"] == ["agreement"]
    assert srkit.verify(*pair, model=declared, consistency_limit=1.0, plugins=plugins).good


def test_figures_of_a_pair_are_those_of_the_run_that_made_it(tmp_path: Path, plugins: Plugins) -> None:
    lr = np.random.default_rng(5).integers(200, 800, (1, 40, 33), dtype=np.uint16)
    path = save(tmp_path / "in.npy", lr)
    declared = model(tmp_path, ({"name": "gaussian", "mtf": 0.3},))
    (result,) = srkit.upscale(path, tmp_path / "out.npy", model=declared, plugins=plugins).results
    found = srkit.verify(path, tmp_path / "out.npy", model=declared, plugins=plugins)
    assert result.consistency is not None
    assert found.consistency is not None
    assert found.consistency.as_json() == result.consistency.as_json()


def test_an_interpolation_as_the_model_means_the_box(pair: tuple[Path, Path], plugins: Plugins) -> None:
    found = srkit.verify(*pair, model="bicubic", consistency_limit=1e-3, plugins=plugins)
    assert found.good
    assert found.consistency is not None
    assert found.consistency.origin == "box mean"


def test_what_cannot_be_compared_is_said(pair: tuple[Path, Path], tmp_path: Path, plugins: Plugins) -> None:
    unfit = model(tmp_path, ({"name": "gaussian", "mtf": [0.3, 0.3]},))
    found = srkit.verify(*pair, model=unfit, plugins=plugins)
    assert found.consistency is None
    assert any("does not fit the image" in finding.text for finding in found.findings if finding.level == "warning")
    with pytest.raises(ModelError, match="no model"):
        srkit.verify(*pair, model="nobody", plugins=plugins)
    with pytest.raises(UsageError, match="limit"):
        srkit.verify(*pair, consistency_limit=0.0, plugins=plugins)
