"""The plugin that README and how-to show is run exactly as it is printed."""

import re
from pathlib import Path

import numpy as np
import pytest

import srkit
import srkit.plugins
from srkit.plugins import domains
from srkit.testing import DomainContract, Example, plugins_with

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"<!-- plugin: npy -->\n```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINES_ALLOWED = 30


def block_in(page: str) -> str:
    found = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(found) == 1, f"{page} has {len(found)} blocks marked `<!-- plugin: npy -->`, not one"
    return str(found[0])


@pytest.fixture
def plugin_file(tmp_path: Path) -> Path:
    path = tmp_path / "npy_plugin.py"
    path.write_text(block_in("docs/how-to/write-a-plugin.md"), encoding="utf-8")
    return path


def test_readme_and_how_to_show_the_same_plugin() -> None:
    assert block_in("README.md") == block_in("docs/how-to/write-a-plugin.md")


def test_plugin_has_at_most_thirty_lines_of_code() -> None:
    lines = [line for line in block_in("docs/how-to/write-a-plugin.md").splitlines() if line.strip()]
    assert len(lines) <= LINES_ALLOWED


def test_plugin_brings_its_domain(plugin_file: Path) -> None:
    assert "npy" in domains(plugins_with(plugin_file))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_upscaling_an_array_repeats_its_samples(plugin_file: Path, tmp_path: Path, dtype: type[np.generic]) -> None:
    stored = np.arange(42).reshape(6, 7).astype(dtype)
    np.save(tmp_path / "small.npy", stored)
    report = srkit.upscale(
        tmp_path / "small.npy", tmp_path / "large.npy", scale=2, model="nearest", plugins=plugins_with(plugin_file)
    )
    assert [result.status for result in report.results] == ["done"]
    large = np.load(tmp_path / "large.npy")
    assert large.dtype == stored.dtype
    np.testing.assert_array_equal(large, np.kron(stored, np.ones((2, 2), dtype)))


class TestNpyDomain(DomainContract):
    @pytest.fixture
    def plugins(self, plugin_file: Path) -> srkit.plugins.Plugins:
        return plugins_with(plugin_file)

    @pytest.fixture
    def example(self, tmp_path: Path) -> Example:
        root = tmp_path / "input"
        root.mkdir()
        np.save(root / "image.npy", np.arange(99, dtype=np.uint16).reshape(9, 11))
        return Example("npy", root)


class TestNpyVolume(TestNpyDomain):
    @pytest.fixture
    def example(self, tmp_path: Path) -> Example:
        root = tmp_path / "input"
        root.mkdir()
        np.save(root / "volume.npy", np.random.default_rng(0).normal(size=(9, 11, 6)))
        return Example("npy", root)
