"""The models inside the installed plugins: each may be given away, and each wheel holds what lies in its folder."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from srkit import plugins as verbs
from srkit.grid import Scale
from srkit.models.file import ModelInfo, load_model, save_model
from srkit.models.packing import pack_model, shipping_problems
from srkit.models.shelf import find_model
from srkit.networks.srresnet import SRResNet
from srkit.plugins import load_plugins

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "models"
DOMAINS = {"medical": "mri", "satellite": "satellite", "photo": "photo"}


def faults(paths: Iterator[Path], docs: Path) -> list[str]:
    """Return all that keeps models from being shipped: the file's own problems, and a page that is not its card."""
    plugins = load_plugins()
    found: list[str] = []
    for path in paths:
        found += [f"{path.name} {problem}" for problem in shipping_problems(path, plugins)]
        info, page = load_model(path, plugins).info, docs / f"{path.stem}.md"
        if info.domain not in verbs.domains(plugins):
            found.append(f"{path.name} is of {info.domain}, which no plugin owns")
        if not page.is_file() or page.read_text(encoding="utf-8") != info.card:
            found.append(f"{path.name} has another card than {page.name}; run `make evaluate`")
    return found


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A tiny model of the domain `mri`, packed, and the page of its card."""
    parameters = {"features": 2, "blocks": 0, "head_kernel": 1}
    network = SRResNet(channels=1, scale=2, **parameters)
    torch.nn.init.ones_(next(network.parameters()))
    info = ModelInfo("tiny-x2", "mri", "srresnet", Scale(2, 2), ("row", "column"), 1, parameters, halo=network.halo)
    save_model(tmp_path / "run.safetensors", network, info)
    card = "# tiny-x2\n\nNot for diagnosis.\n"
    path = tmp_path / "models" / "tiny-x2.safetensors"
    path.parent.mkdir()
    pack_model(load_model(tmp_path / "run.safetensors", load_plugins()), path, card=card)
    (tmp_path / "tiny-x2.md").write_text(card, encoding="utf-8")
    return path


def test_every_shipped_model_may_be_given_away() -> None:
    shipped = (entry.path for entry in verbs.models(load_plugins()))
    assert faults(shipped, DOCS) == []


def test_a_model_with_another_card_than_its_page_is_told_of(packed: Path, tmp_path: Path) -> None:
    assert faults(iter([packed]), tmp_path) == []
    (tmp_path / "tiny-x2.md").write_text("# Other\n", encoding="utf-8")
    assert "another card" in " ".join(faults(iter([packed]), tmp_path))
    assert "another card" in " ".join(faults(iter([packed]), tmp_path / "none"))


@pytest.mark.parametrize("name", DOMAINS)
def test_wheel_and_sdist_hold_the_models(name: str, packed: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "plugins" / f"srkit-{name}", project, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    shutil.copytree(packed.parent, project / f"srkit_{name}" / "models", dirs_exist_ok=True)
    inside = f"srkit_{name}/models/tiny-x2.safetensors"
    wheel = next(WheelBuilder(str(project)).build(directory=str(tmp_path), versions=["standard"]))
    with zipfile.ZipFile(wheel) as file:
        assert file.read(inside) == packed.read_bytes()
    sdist = next(SdistBuilder(str(project)).build(directory=str(tmp_path), versions=["standard"]))
    with tarfile.open(sdist) as file:
        assert any(member.endswith(inside) for member in file.getnames())


@pytest.mark.parametrize("name", DOMAINS)
def test_a_file_in_the_folder_of_a_plugin_is_on_the_shelf(
    name: str, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("SRKIT_MODELS", raising=False)
    plugins = load_plugins(environment={"SRKIT_PLUGINS": name})
    module = next(plugin.module for plugin in plugins.loaded if plugin.name == name)
    monkeypatch.setattr(module, "MODELS", packed.parent)
    assert packed in [entry.path for entry in verbs.models(plugins)]
    if name == "medical":
        found = find_model(plugins, name=None, domain="mri", scale=Scale(2, 2), channels=1)
        assert found.path == packed
