from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from srkit.cli.app import make_app

PLUGIN = """
import numpy as np
import srkit

@srkit.hookimpl
def srkit_domains():
    options = (
        srkit.Option("loud", bool, False, "speak up"),
        srkit.Option("gain", float, 1.5, "how much"),
        srkit.Option("tone", str, "low", "which one", choices=("low", "high")),
        srkit.Option("note", str, (), "a remark", many=True),
    )
    return [srkit.Domain("npy", "NumPy arrays", options), srkit.Domain("other", "Other things", options[:1])]

@srkit.hookimpl
def srkit_discover(root, options):
    for path, folder in srkit.files_below(root):
        if path.suffix == ".npy":
            yield srkit.Item((path,), "npy", folder=folder, stem=path.stem, suffix=".npy")

@srkit.hookimpl
def srkit_open(domain, item, options):
    if domain != "npy":
        return None
    try:
        return srkit.ArraySource(np.load(item.path)[np.newaxis])
    except ValueError as error:
        raise srkit.InputError(f"{item.path}: is a broken .npy file; write it again") from error

@srkit.hookimpl
def srkit_inspect(domain, source):
    return [srkit.Finding("info", "seen"), srkit.Finding("warning", "mind this")] if domain == "npy" else None

@srkit.hookimpl
def srkit_create(domain, target, plan):
    if plan.options.get("loud"):
        print("LOUD", dict(plan.options))
    return Sink(target, plan) if domain == "npy" else None

class Sink(srkit.ArraySink):
    def save(self, target, stored):
        with target.open("wb") as file:
            np.save(file, stored[0])
"""

Run = Callable[..., Result]


@pytest.fixture
def plugin_file(tmp_path: Path) -> Path:
    path = tmp_path / "npy_plugin.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "image.npy"
    path.parent.mkdir()
    np.save(path, np.random.default_rng(0).integers(0, 4096, (9, 11), dtype=np.uint16))
    return path


@pytest.fixture
def run(plugin_file: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process, with the test's plugin alone."""
    monkeypatch.setenv("SRKIT_PLUGINS", "")
    monkeypatch.setenv("COLUMNS", "160")

    def invoke(*arguments: object, plugin: Path | None = plugin_file) -> Result:
        before = ["--plugin", str(plugin)] if plugin else []
        return CliRunner().invoke(make_app(), [*before, *map(str, arguments)], prog_name="srkit")

    return invoke
