"""Files of networks that spandrel knows: as models they compute what spandrel's own descriptors do."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from srkit.errors import MissingRequirementError, ModelError, RecipeError
from srkit.models.file import load_model
from srkit.models.foreign import import_model
from srkit.models.packing import pack_model
from srkit.networks.foreign import ForeignNetwork
from srkit.plugins import Plugins
from srkit.training import resolve_origins, train
from srkit.upscaling import upscale
from srkit.upscaling.routing.exporting import export_onnx

WINDOWS = {"embed_dim": 8, "depths": [2], "num_heads": [2]}
SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "Compact": ("Compact", {"num_in_ch": 1, "num_out_ch": 1, "num_feat": 6, "num_conv": 2, "upscale": 2}),
    "SPAN": ("SPAN", {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 6, "upscale": 2}),
    "SwinIR": (
        "SwinIR",
        {"img_size": 16, "window_size": 8, "upscale": 2, "upsampler": "pixelshuffledirect", **WINDOWS},
    ),
    "OmniSR": ("OmniSR", {"num_feat": 8, "up_scale": 2}),
    "SAFMN": ("SAFMN", {"dim": 8, "n_blocks": 1, "upscaling_factor": 3}),
    "RealPLKSR": ("PLKSR", {"dim": 8, "n_blocks": 1, "upscaling_factor": 2}),
    "DAT": ("DAT", {"embed_dim": 32, "depth": [1], "num_heads": [2], "split_size": [4, 8], "upscale": 2}),
    "FDAT": ("FDAT", {"scale": 2, "embed_dim": 16, "num_groups": 1, "depth_per_group": 1, "num_heads": 2}),
}
EXACT = {"Compact": 4, "SPAN": 21}  # convolutions of 3 on the longest way from LR to SR
READ = {"DAT": "layers.0.blocks.0.attn.attns.0.rpe_biases", "FDAT": "upsampler.MetaUpsample"}


def made(name: str) -> nn.Module:
    """A small network of spandrel's with random weights."""
    folder, parameters = SMALL[name]
    torch.manual_seed(0)
    network: nn.Module = getattr(import_module(f"spandrel.architectures.{folder}"), name)(**parameters)
    return network.eval()


def imported(name: str, plugins: Plugins, folder: Path) -> Path:
    torch.save({"params": made(name).state_dict()}, folder / f"{name}.pth")
    import_model(folder / f"{name}.pth", folder / f"{name}.safetensors", plugins, domain="bytes")
    return folder / f"{name}.safetensors"


def as_spandrel(spandrel: ModuleType, name: str, image: Tensor) -> Tensor:
    """What spandrel makes of an image in 0..1, and clips to it."""
    return spandrel.MAIN_REGISTRY.load(made(name).state_dict()).eval()(image)


def as_srkit(network: nn.Module, image: Tensor) -> Tensor:
    with torch.inference_mode():
        return ((network(image * 2 - 1) + 1) / 2).clamp(0, 1)


@pytest.mark.filterwarnings("ignore:torch.meshgrid")  # by the judge; srkit does not pass on what it says
@pytest.mark.filterwarnings("ignore:Initializing zero-element")
@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_model_computes_what_spandrel_does_on_any_size(
    name: str, spandrel: ModuleType, bytes_plugins: Plugins, tmp_path: Path
) -> None:
    model = load_model(imported(name, bytes_plugins, tmp_path), bytes_plugins)
    halo = EXACT.get(name)
    assert (model.info.network, model.info.perceptual) == ("spandrel", True)
    assert model.info.halo == (None if halo is None else (halo, halo))
    assert list(model.info.parameters["values"]) == ([READ[name]] if name in READ else [])
    random = torch.Generator().manual_seed(1)
    for rows, columns in ((19, 33), (5, 7), (1, 1)):
        image = torch.rand(1, model.info.channels, rows, columns, generator=random)
        found, judge = as_srkit(model.generator, image), as_spandrel(spandrel, name, image)
        assert judge.std() > 1e-3 or judge.numel() < 50
        torch.testing.assert_close(found, judge, rtol=0, atol=1e-5)


def test_half_precision_and_safetensors_and_a_prefix_are_taken(
    spandrel: ModuleType, bytes_plugins: Plugins, tmp_path: Path
) -> None:
    half = {f"module.{name}": tensor.half() for name, tensor in made("Compact").state_dict().items()}
    save_file(half, tmp_path / "half.safetensors")
    import_model(tmp_path / "half.safetensors", tmp_path / "m.safetensors", bytes_plugins, domain="bytes")
    image = torch.rand(1, 1, 9, 7, generator=torch.Generator().manual_seed(1))
    found = as_srkit(load_model(tmp_path / "m.safetensors", bytes_plugins).generator, image)
    torch.testing.assert_close(found, as_spandrel(spandrel, "Compact", image), rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", ["Compact", "SwinIR"])
def test_tiles_are_exact_where_the_reach_is_known_and_blended_where_not(
    name: str, spandrel: ModuleType, bytes_plugins: Plugins, tmp_path: Path
) -> None:
    model = imported(name, bytes_plugins, tmp_path)
    y, x = np.mgrid[:50, :61]
    image = 127 + 90 * np.sin(y / 5 + x / 7 + np.arange(3)[:, None, None])
    np.save(tmp_path / "image.npy", image.astype(np.uint8))
    for tile in (24, 200):
        options: dict[str, Any] = {"model": model, "tile": tile, "precision": "fp32", "plugins": bytes_plugins}
        assert upscale(tmp_path / "image.npy", tmp_path / f"{tile}.npy", **options).exit_code == 0
    tiled, whole = (np.load(tmp_path / f"{tile}.npy").astype(int) for tile in (24, 200))
    assert whole.shape == (3, 100, 122)
    assert np.abs(tiled - whole).max() <= (1 if name == "Compact" else 40)


def test_what_enlarges_no_images_is_refused(
    spandrel: ModuleType, bytes_plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SMALL, "Compact", ("Compact", {**SMALL["Compact"][1], "upscale": 1}))
    with pytest.raises(ModelError, match="Compact, which restores without enlarging"):
        imported("Compact", bytes_plugins, tmp_path)
    assert not (tmp_path / "Compact.safetensors").exists()


def test_other_channels_out_than_in_are_refused(
    spandrel: ModuleType, bytes_plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SMALL, "Compact", ("Compact", {**SMALL["Compact"][1], "num_in_ch": 2, "num_out_ch": 3}))
    with pytest.raises(ModelError, match="takes 2 channels and gives 3"):
        imported("Compact", bytes_plugins, tmp_path)


def test_a_recognised_file_that_is_not_whole_is_refused(
    spandrel: ModuleType, bytes_plugins: Plugins, tmp_path: Path
) -> None:
    tensors = made("SPAN").state_dict()
    del tensors["block_1.c1_r.sk.bias"]
    torch.save(tensors, tmp_path / "part.pth")
    with pytest.raises(ModelError, match="recognised by spandrel, but cannot be built"):
        import_model(tmp_path / "part.pth", tmp_path / "m.safetensors", bytes_plugins, domain="bytes")


def test_a_network_is_built_from_a_file_alone(spandrel: ModuleType) -> None:
    with pytest.raises(RecipeError, match="srkit models import"):
        ForeignNetwork()
    with pytest.raises(RecipeError, match="knows no architecture 'Nothing'"):
        ForeignNetwork(architecture="Nothing", tensors={"a": [1]})
    with pytest.raises(RecipeError, match="spandrel cannot build 'SPAN'"):
        ForeignNetwork(architecture="SPAN", tensors={"a": [1]})
    shapes = {name: list(tensor.shape) for name, tensor in made("Compact").state_dict().items()}
    with pytest.raises(RecipeError, match="1 channels at x2"):
        ForeignNetwork(architecture="Compact", tensors=shapes, channels=3, scale=2)


def test_a_model_is_packed_and_exported(spandrel: ModuleType, bytes_plugins: Plugins, tmp_path: Path) -> None:
    model = load_model(imported("Compact", bytes_plugins, tmp_path), bytes_plugins)
    pack_model(model, tmp_path / "packed.safetensors", name="packed")
    assert load_model(tmp_path / "packed.safetensors", bytes_plugins).info.halo == (4, 4)
    assert export_onnx(model, tmp_path / "m.onnx").deviation < 1e-5
    windows = load_model(imported("SwinIR", bytes_plugins, tmp_path), bytes_plugins)
    with pytest.raises(ModelError, match="cannot be written as ONNX: images are continued to a size"):
        export_onnx(windows, tmp_path / "w.onnx")


def test_a_model_is_trained_further(
    spandrel: ModuleType, toy_plugins: Plugins, bytes_plugins: Plugins, toy_data: Path, tmp_path: Path
) -> None:
    beginning = imported("Compact", bytes_plugins, tmp_path)
    short = ("phases.0.steps=2", "validate_every=0", "samples_every=0", "checkpoint_every=0", "data.patch=16")
    recipe = resolve_origins(toy_plugins, domain="toy", overrides=short, model=beginning).recipe
    result = train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    before, after = load_model(beginning, bytes_plugins), load_model(result.model, toy_plugins)
    assert (after.info.network, after.info.halo) == ("spandrel", (4, 4))
    old, new = before.generator.state_dict(), after.generator.state_dict()
    distance = max(float((new[name] - old[name]).abs().max()) for name in old)
    assert 0 < distance < 0.05


def test_without_spandrel_the_extra_is_named(
    bytes_plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spandrel: ModuleType
) -> None:
    model = imported("Compact", bytes_plugins, tmp_path)
    monkeypatch.setitem(sys.modules, "spandrel", None)
    for attempt in (lambda: load_model(model, bytes_plugins), lambda: imported("SPAN", bytes_plugins, tmp_path)):
        with pytest.raises(MissingRequirementError, match=r"pip install 'srkit\[spandrel\]'"):
            attempt()


def test_a_torchvision_of_another_build_is_told_of_in_a_sentence(spandrel: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    code = "from srkit.networks.foreign import spandrel_library; spandrel_library()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "MissingRequirementError: the package spandrel is installed, but cannot be imported: operator" in done.stderr
    assert "does not exist; it needs the torchvision that was built for torch" in done.stderr
