"""Every shipped recipe trains: two steps of each phase, on arrays, with the network's width and depth cut down."""

from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file

from srkit.config import load_recipe
from srkit.models.file import read_info
from srkit.training import train

CONFIGS = sorted((Path(__file__).parents[3] / "configs").glob("*.yaml"))
SMALL = (
    "network.parameters.features=8",
    "network.parameters.blocks=1",
    "discriminator.parameters.features=2",
    "normalizer.kind=range",
    "data.batch=1",
    "data.workers=0",
    "validate_every=0",
    "samples_every=2",
    "checkpoint_every=0",
    "precision=fp32",
)


def three_blocks():
    """Random weights of the first blocks of a VGG16, and of ST-LPIPS on them: shapes matter here, not what they see."""
    generator = torch.Generator().manual_seed(0)
    weights, before = {}, 3
    for block, (count, width) in enumerate(((2, 64), (2, 128), (3, 256)), start=1):
        for number in range(1, count + 1):
            weights[f"conv{block}_{number}.weight"] = torch.randn(width, before, 3, 3, generator=generator) / 30
            weights[f"conv{block}_{number}.bias"] = torch.zeros(width)
            before = width
        weights[f"lin{block}.weight"] = torch.rand(1, width, 1, 1, generator=generator)
    return weights


def shrunk(path: Path, tmp_path: Path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    roles = load_recipe(path).network_roles
    volume = "slice" in roles
    changes = [f"phases.{index}.steps=2" for index in range(len(content["phases"]))]
    changes.append(f"data.patch={[8] * len(roles)}" if volume else "data.patch=32")
    if content.get("discriminator", {}).get("name", "vgg") == "vgg":
        changes.append("discriminator.parameters.dense=4")
    for name, loss in content["losses"].items():
        if loss["kind"] in ("vgg19", "stvgg16", "stlpips"):
            weights = tmp_path / "weights.safetensors"
            save_file(three_blocks(), weights)
            changes.append(f"losses.{name}.weights={weights}")
        if loss["kind"] in ("vgg19", "stvgg16"):
            changes.append(f"losses.{name}.layers=relu1_2")
    return load_recipe(path, domain="toy", overrides=[*SMALL, *changes]), volume


def test_there_is_a_recipe_for_every_domain_and_for_the_paper():
    assert {"paper-srgan", "mri-fast", "ct-fast", "satellite-fast", "photo-fast"} <= {path.stem for path in CONFIGS}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_shipped_recipe_trains(path, toy_plugins, save_array, tmp_path):
    recipe, volume = shrunk(path, tmp_path)
    bands = recipe.network.parameters.get("channels") == 3
    shape = (16, 12, 12) if volume else (3, 40, 40) if bands else (40, 40)
    name = "volume" if volume else "bands" if bands else "image"
    for number in range(3):
        item = save_array(f"s{number}_{name}", shape, dtype="uint8" if "photo" in path.stem else "uint16")
    result = train(recipe, data=item.parent, out=tmp_path / "run", plugins=toy_plugins)
    assert result.steps == 2 * len(recipe.phases)
    assert read_info(result.model).name == path.stem


def test_the_papers_recipe_is_the_papers():
    recipe = load_recipe(next(path for path in CONFIGS if path.stem == "paper-srgan"))
    pretraining, adversarial = recipe.phases
    assert (recipe.scale, recipe.patch, recipe.data.batch) == ((4, 4, 1), (96, 96), 16)
    assert (pretraining.steps, adversarial.steps) == (1_000_000, 200_000)
    assert [adversarial.learning_rate_at(step) for step in (0, 99_999, 100_000)] == [1e-4, 1e-4, 1e-5]
    assert pretraining.losses == {"content": 1.0}
    assert adversarial.losses == {"perceptual": 1.0, "adversarial": 1e-3}
    assert all(phase.optimizer.betas[0] == 0.9 for phase in recipe.phases)
    assert recipe.network.parameters["input_range"] == [0, 1]
