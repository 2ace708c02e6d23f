"""Fixtures for the tests of photographs: the pipeline with this plugin alone, and real pictures."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import srkit
from srkit.plugins import Plugins
from srkit.testing import plugins_with

Enlarge = Callable[..., Path]


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    return plugins_with("srkit_photo.plugin")


@pytest.fixture
def enlarge(plugins: Plugins, tmp_path: Path) -> Enlarge:
    """Return a function that upscales one file by nearest and returns the output."""

    def run(path: Path, *, scale: object = 2, model: str = "nearest", **options: Any) -> Path:
        report = srkit.upscale(
            path,
            tmp_path / "out",
            scale=scale,
            model=model,
            domain="photo",
            options={"photo": options},
            plugins=plugins,
        )
        (result,) = report.results
        assert result.status == "done", result.reason
        return Path(result.output)

    return run


@pytest.fixture
def refusal(plugins: Plugins, tmp_path: Path) -> Callable[..., str]:
    """Return a function that upscales one file and returns why that failed."""

    def run(path: Path, **options: Any) -> str:
        with pytest.raises(srkit.SrkitError) as caught:
            srkit.upscale(path, tmp_path / "out", scale=2, model="nearest", options={"photo": options}, plugins=plugins)
        assert isinstance(caught.value, srkit.InputError | srkit.OutputError)
        assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
        return str(caught.value)

    return run


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder of real photographs; the test is skipped where it is not at hand."""
    root = Path(os.environ.get("SRKIT_DATA", Path(__file__).parents[4] / "shared" / "data"))
    folder = root / "photo" / "train"
    if not folder.is_dir():
        pytest.skip("no real photographs; set SRKIT_DATA")
    return folder
