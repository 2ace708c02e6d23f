"""A domain whose range is known without training data, for models that come from elsewhere."""

import pytest

from srkit.plugins import Plugins
from srkit.testing import plugins_with

PLUGIN = """
import numpy as np
import srkit

@srkit.hookimpl
def srkit_domains():
    return [srkit.Domain("bytes", "Bytes", training={"normalizer": {"kind": "range", "low": 0, "high": 255}})]

@srkit.hookimpl
def srkit_discover(root):
    for path, folder in srkit.files_below(root):
        if path.suffix == ".npy":
            yield srkit.Item((path,), "bytes", folder=folder, stem=path.stem, suffix=".npy")

@srkit.hookimpl
def srkit_open(domain, item):
    return srkit.ArraySource(np.load(item.path)) if domain == "bytes" else None

@srkit.hookimpl
def srkit_create(domain, target, plan):
    return Sink(target, plan) if domain == "bytes" else None

class Sink(srkit.ArraySink):
    def save(self, target, stored):
        with target.open("wb") as file:
            np.save(file, stored)
"""


@pytest.fixture(scope="session")
def bytes_plugins(tmp_path_factory: pytest.TempPathFactory) -> Plugins:
    """The core and the domain `bytes`."""
    path = tmp_path_factory.mktemp("plugin") / "bytes_plugin.py"
    path.write_text(PLUGIN)
    return plugins_with(path)
