from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from srkit.cli.app import make_app
from srkit.errors import OutputError
from srkit.grid import Scale
from srkit.models.file import Model, ModelInfo, load_model, read_info, save_model
from srkit.models.packing import LIMIT, STORED, pack_model, shipping_problems, without_folders
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins

PARAMETERS = {"features": 8, "blocks": 1, "head_kernel": 3, "skip": "bicubic"}
CARD = "# Small\n\nNever for diagnosis.\n"
Train = Callable[..., Model]


@pytest.fixture
def trained(tmp_path: Path, toy_plugins: Plugins) -> Train:
    """Return a function that writes a model as a run leaves it: float32, with weights that float16 does not have."""

    def write(features: int = 8, card: str = CARD) -> Model:
        torch.manual_seed(0)
        parameters = {**PARAMETERS, "features": features}
        network = SRResNet(channels=1, scale=2, **parameters).eval()
        for parameter in network.parameters():
            parameter.data.normal_(0, 0.1)
        training = {"recipe": {"name": "a"}, "from": {"model": "/home/ann/models/first.safetensors"}, "step": 3}
        info = ModelInfo(
            "small", "toy", "srresnet", Scale(2, 2), ("row", "column"), 1, parameters, training=training, card=card
        )
        save_model(tmp_path / "best.safetensors", network, replace(info, halo=network.halo))
        return load_model(tmp_path / "best.safetensors", toy_plugins)

    return write


def test_a_packed_model_is_half_as_large_and_computes_nearly_the_same(
    trained: Train, toy_plugins: Plugins, tmp_path: Path
) -> None:
    model = trained(features=48)
    info = pack_model(model, tmp_path / "small.safetensors")
    packed = load_model(tmp_path / "small.safetensors", toy_plugins)
    assert packed.path.stat().st_size < 0.55 * model.path.stat().st_size
    lr = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(1)) * 2 - 1
    wanted, found = model.generator(lr), packed.generator(lr)
    strays = float((wanted - found).square().mean().sqrt() / (wanted.max() - wanted.min()) * 100)
    assert 0 < strays < 0.1
    assert info.precision[STORED]["rms"] == pytest.approx(strays, rel=1)
    assert found.dtype == torch.float32


def test_what_it_says_is_measured_on_the_weights_that_are_stored(trained: Train, tmp_path: Path) -> None:
    model = trained()
    once = pack_model(model, tmp_path / "small.safetensors")
    wanted = {name: t.half().float() if t.ndim > 1 else t for name, t in model.generator.state_dict().items()}
    stored = load_file(tmp_path / "small.safetensors")
    assert {str(t.dtype) for t in stored.values() if t.ndim > 1} == {"torch.float16"}
    assert all(torch.equal(stored[name].float(), tensor) for name, tensor in wanted.items())
    assert set(once.precision) == {STORED, "bf16"}


def test_packing_again_changes_the_card_alone(trained: Train, toy_plugins: Plugins, tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    once = pack_model(trained(), path)
    before = load_file(path)
    again = pack_model(load_model(path, toy_plugins), path, card="# Other\n", overwrite=True)
    assert again == replace(once, card="# Other\n")
    assert all(torch.equal(tensor, load_file(path)[name]) for name, tensor in before.items())


def test_folders_of_the_machine_are_gone(trained: Train, tmp_path: Path) -> None:
    info = pack_model(trained(card="Made in /home/ann/work/x.csv."), tmp_path / "small.safetensors")
    assert info.training["from"] == {"model": "first.safetensors"}
    assert info.card == "Made in x.csv."
    assert b"/home" not in (tmp_path / "small.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/data/patients/p1.nii", "p1.nii"),
        ("~/data/p1.nii", "p1.nii"),
        (r"C:\Users\ann\p1.nii", "p1.nii"),
        (r"\\server\share\p1.nii", "p1.nii"),
        ("/Users/Ann Smith/my data/p1.nii", "p1.nii"),
        (r"C:\Users\Ann Smith\p1.nii", "p1.nii"),
        ("file:///home/ann/p1.nii", "p1.nii"),
        ("see https://example.org/a/b and mm/px, and/or 1/2", "see https://example.org/a/b and mm/px, and/or 1/2"),
    ],
)
def test_paths_are_told_from_other_slashes(text: str, wanted: str) -> None:
    assert without_folders({"a": [text, 1]}) == {"a": [wanted, 1]}


def test_nothing_is_replaced_unasked(trained: Train, tmp_path: Path) -> None:
    (tmp_path / "small.safetensors").write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        pack_model(trained(), tmp_path / "small.safetensors")
    assert (tmp_path / "small.safetensors").read_text() == "mine"


def test_a_packed_model_may_be_given_away_and_a_fresh_one_not(
    trained: Train, toy_plugins: Plugins, tmp_path: Path
) -> None:
    model = trained(card="Fine.")
    told = " ".join(shipping_problems(model.path, toy_plugins))
    for problem in ("'best'", "float32", "float16 makes it stray", "diagnosis", "names a folder"):
        assert problem in told
    pack_model(model, tmp_path / "small.safetensors", card=CARD)
    assert shipping_problems(tmp_path / "small.safetensors", toy_plugins) == []


def test_lines_of_a_card_are_no_folders(trained: Train, toy_plugins: Plugins, tmp_path: Path) -> None:
    card = f"{CARD}\n| a / b |\n| ---: |\n| 1 / 2 |\n\n- one.\n"
    pack_model(trained(), tmp_path / "small.safetensors", card=card)
    assert shipping_problems(tmp_path / "small.safetensors", toy_plugins) == []


def test_a_large_model_is_told_of(
    trained: Train, toy_plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack_model(trained(), tmp_path / "small.safetensors")
    size = (tmp_path / "small.safetensors").stat().st_size
    assert LIMIT == 8_000_000
    monkeypatch.setattr("srkit.models.packing.LIMIT", size - 1)
    assert shipping_problems(tmp_path / "small.safetensors", toy_plugins) == [
        f"has {size:,} bytes, more than {size - 1:,}"
    ]


def test_the_command_packs_with_a_card_and_tells_what_is_left_to_do(trained: Train, tmp_path: Path) -> None:
    card, out = tmp_path / "card.md", tmp_path / "toy-x2.safetensors"
    card.write_text("# Toy\n", encoding="utf-8")
    plugin = Path(__file__).parents[1] / "toy_domain.py"
    arguments = ["--plugin", plugin, "models", "pack", trained().path, out, "--card", card]
    result = CliRunner().invoke(make_app(), [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert "float16 makes it stray by 0.0" in result.stdout
    assert "diagnosis" in result.stderr
    info = read_info(out)
    assert (info.name, info.card) == ("toy-x2", "# Toy\n")
    arguments[-1] = tmp_path / "none.md"
    again = CliRunner().invoke(make_app(), [str(argument) for argument in (*arguments, "--overwrite")])
    assert again.exit_code == 4
    assert "none.md cannot be read" in again.stderr


def test_of_a_network_that_always_answers_alike_the_cost_of_float16_is_not_told(tmp_path: Path) -> None:
    parameters = {"features": 2, "blocks": 0}
    network = SRResNet(channels=1, scale=2, **parameters).eval()
    for parameter in network.parameters():
        parameter.data.zero_()
    info = ModelInfo("flat", "toy", "srresnet", Scale(2, 2), ("row", "column"), 1, parameters, halo=network.halo)
    save_model(tmp_path / "flat.safetensors", network, info)
    plugin = Path(__file__).parents[1] / "toy_domain.py"
    arguments = ["--plugin", plugin, "models", "pack", tmp_path / "flat.safetensors", tmp_path / "packed.safetensors"]
    result = CliRunner().invoke(make_app(), [str(argument) for argument in arguments])
    assert "bytes; what float16 costs is not known)" in result.stdout
    assert "does not say how far float16 makes it stray" in result.stderr
