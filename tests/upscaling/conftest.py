"""Plugins that the tests of upscaling share; their helpers are in `upscaling_toys`."""

import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import torch

from srkit.plugins import Plugins, load_plugins

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # pytest's importlib mode leaves helpers beside tests unfound
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    core = [point for point in entry_points(group="srkit.plugins") if point.name == "core"]
    return load_plugins([HERE / "toy_plugin.py"], installed=core, environment={})


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
