"""The folder of scripts on the path as its own scripts have it, a tiny model of arrays, and a plan to judge it by."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import torch

from srkit.grid import Scale
from srkit.models.file import ModelInfo, load_model, save_model
from srkit.models.packing import pack_model
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins, load_plugins

HERE = Path(__file__).parent
QUALITY = HERE.parents[1] / "benchmarks" / "quality"
sys.path.insert(0, str(HERE))  # pytest's importlib mode leaves helpers beside tests unfound
CONDITIONS = """
toy-in-plane:
  noise:
    noise of 20: {after: {name: gaussian_noise, sigma: 20}}
  foreign:
    box mean: [{name: area}]
    antialiased bicubic: [{name: bicubic}]
"""
BLUR = ({"name": "gaussian", "sigma": {"from": 0.4, "to": 0.6}}, {"name": "gaussian_noise", "sigma": 5})
SHAPE = {"features": 4, "blocks": 1, "head_kernel": 3, "skip": "bicubic"}


@pytest.fixture(scope="module", autouse=True)
def scripts() -> Iterator[None]:
    """Import the modules of the folder as its own script does."""
    sys.path.insert(0, str(QUALITY))
    yield
    sys.path.remove(str(QUALITY))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    """The core, the domain `toy`, and the networks of public weights."""
    core = [point for point in entry_points(group="srkit.plugins") if point.name == "core"]
    files = [HERE.parent / "toy_domain.py", QUALITY / "public_networks.py"]
    return load_plugins(files, installed=core, environment={})


@pytest.fixture
def model(tmp_path: Path, toy_plugins: Plugins) -> Path:
    torch.manual_seed(0)
    network = SRResNet(channels=1, scale=2, **SHAPE).eval()
    info = ModelInfo(
        "toy-x2", "toy", "srresnet", Scale(2, 2), ("row", "column"), 1, SHAPE, degradation=BLUR,
        normalizer={"kind": "range", "low": 0, "high": 1000}, halo=network.halo,
        card="# toy-x2\n\nNever for diagnosis.\n",
    )  # fmt: skip
    save_model(tmp_path / "run.safetensors", network, info)
    pack_model(load_model(tmp_path / "run.safetensors", toy_plugins), tmp_path / "toy-x2.safetensors")
    return tmp_path / "toy-x2.safetensors"


@pytest.fixture
def given(tmp_path: Path, save_array: Any, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    """A plan for six arrays, and where everything goes."""
    monkeypatch.setattr("srkit.evaluation.linear.NOISES", (1e-3, 1e-2))
    monkeypatch.setattr("srkit.evaluation.linear.EXPONENTS", (2.5,))
    uses = ["validation", "test", "test", "test", "elsewhere", "real"]
    with (tmp_path / "items.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("set", "use", "path", "subject", "licence", "note"))
        for number, use in enumerate(uses):
            path = save_array(f"s{number}_image", (24, 24), seed=number)
            subject = f"s{number}" if number != 2 else "s1"  # two items of one subject
            table.writerow(("toy-in-plane", use, path.name, subject, "A", "made here" if use == "elsewhere" else ""))
    (tmp_path / "conditions.yaml").write_text(CONDITIONS)
    return argparse.Namespace(
        plan=tmp_path, data=path.parent, pages=tmp_path / "pages", results=tmp_path / "results", models=[], kept=False
    )
