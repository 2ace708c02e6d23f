import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from srkit.errors import MissingRequirementError, RecipeError
from srkit.losses.perceptual import stvgg16_loss, vgg19_loss
from srkit.losses.vgg import STVGG16, VGG19, VGGFeatures
from srkit.losses.weights import VGG19_FILE, stvgg16_weights, vgg19_weights

State = Callable[[], dict[str, Tensor]]


def reference_features(state: dict[str, Tensor], images: Tensor) -> Tensor:
    """Compute relu3_4 as torchvision's documentation describes VGG19 and its normalisation."""
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((images + 1) / 2 - mean.reshape(1, 3, 1, 1)) / deviation.reshape(1, 3, 1, 1)
    for place in (0, 2, "pool", 5, 7, "pool", 10, 12, 14, 16):
        if place == "pool":
            x = F.max_pool2d(x, 2)
        else:
            x = F.relu(F.conv2d(x, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1))
    return x


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_torchvisions_weights_give_torchvisions_features(tmp_path: Path, torchvision_state: State, suffix: str) -> None:
    state, path = torchvision_state(), tmp_path / f"vgg{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    features = VGGFeatures(VGG19, ["relu3_4"], vgg19_weights(path, ["relu3_4"]))
    images = torch.rand(2, 3, 16, 12) * 2 - 1
    torch.testing.assert_close(features(images)["relu3_4"], reference_features(state, images), rtol=1e-4, atol=1e-4)


def test_the_loss_is_the_mse_of_features_over_12_75(tmp_path: Path, torchvision_state: State) -> None:
    state = torchvision_state()
    torch.save(state, tmp_path / "vgg.pth")
    loss = vgg19_loss(layers="relu3_4", weights=tmp_path / "vgg.pth")
    sr, hr = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    judge = F.mse_loss(reference_features(state, sr) / 12.75, reference_features(state, hr) / 12.75)
    torch.testing.assert_close(loss(sr, hr), judge, rtol=1e-3, atol=1e-7)


def test_phi_5_4_is_the_last_activation_before_the_last_pool() -> None:
    assert VGG19.layers[-1] == "relu5_4"
    assert len(VGG19.layers) == 16


def test_the_network_is_frozen_but_passes_the_gradient_to_sr(tmp_path: Path, torchvision_state: State) -> None:
    torch.save(torchvision_state(), tmp_path / "vgg.pth")
    loss = vgg19_loss(layers="relu2_2", weights=tmp_path / "vgg.pth")
    sr, hr = torch.rand(1, 1, 8, 8, requires_grad=True), torch.rand(1, 1, 8, 8, requires_grad=True)
    loss(sr, hr).backward()
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    assert float(sr.grad.abs().sum()) > 0
    assert hr.grad is None


def test_building_a_loss_does_not_move_the_random_state(tmp_path: Path, torchvision_state: State) -> None:
    torch.save(torchvision_state(), tmp_path / "vgg.pth")
    before = torch.get_rng_state()
    vgg19_loss(layers="relu2_2", weights=tmp_path / "vgg.pth")
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)


def test_weights_are_found_in_torchs_cache(nowhere: Path, torchvision_state: State) -> None:
    torch.save(torchvision_state(), nowhere / VGG19_FILE)
    assert set(vgg19_weights(None, ["relu1_1"])) >= {"conv1_1.weight", "conv1_1.bias"}


@pytest.mark.parametrize("find", [vgg19_weights, stvgg16_weights])
def test_missing_weights_are_an_error_that_names_the_alternatives(nowhere: Path, find: Callable[..., object]) -> None:
    with pytest.raises(MissingRequirementError) as caught:
        find(None, ["relu2_2"])
    text = str(caught.value)
    assert "losses.perceptual.weights=FILE" in text
    assert "content loss alone" in text
    assert "stvgg16" in text
    assert "vgg19" in text


def test_a_download_that_fails_names_the_file_to_get(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srkit.losses.weights.VGG19_URL", (nowhere / "absent.pth").as_uri())
    with pytest.raises(MissingRequirementError, match="could not be downloaded"):
        vgg19_weights(None, ["relu1_1"], download=True)


def test_a_download_with_another_hash_is_not_kept(
    nowhere: Path, torchvision_state: State, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch.save(torchvision_state(), tmp_path / "forged.pth")
    monkeypatch.setattr("srkit.losses.weights.VGG19_URL", (tmp_path / "forged.pth").as_uri())
    with pytest.raises(MissingRequirementError, match="hash"):
        vgg19_weights(None, ["relu1_1"], download=True)
    assert list(nowhere.iterdir()) == []


class _Evil:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.victim,)


@pytest.mark.parametrize("content", ["pickle", "text", "list", "absent"])
def test_files_that_are_no_plain_weights_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "weights.pth"
    if content == "pickle":
        torch.save({"features.0.weight": _Evil(tmp_path / "victim")}, path)
    elif content == "text":
        path.write_text("no weights")
    elif content == "list":
        torch.save([torch.zeros(1)], path)
    with pytest.raises(MissingRequirementError, match=r"weights\.pth"):
        vgg19_weights(path, ["relu1_1"])
    assert not (tmp_path / "victim").exists()


def test_a_layer_deeper_than_the_file_is_refused(tmp_path: Path, torchvision_state: State) -> None:
    torch.save(torchvision_state(), tmp_path / "vgg.pth")
    with pytest.raises(MissingRequirementError, match="conv4_1"):
        vgg19_loss(layers="relu5_4", weights=tmp_path / "vgg.pth")


def test_unknown_layers_and_choices_are_refused_with_a_hint(tmp_path: Path, torchvision_state: State) -> None:
    torch.save(torchvision_state(), tmp_path / "vgg.pth")
    with pytest.raises(RecipeError, match="did you mean 'relu5_4'"):
        vgg19_loss(layers="relu54", weights=tmp_path / "vgg.pth")
    with pytest.raises(RecipeError, match="did you mean 'criterion'"):
        vgg19_loss(layers="relu1_1", weights=tmp_path / "vgg.pth", criterium="l1")


@pytest.mark.parametrize("layer", ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"])
def test_the_smallest_image_is_really_the_smallest(layer: str) -> None:
    weights = {}
    width = 3
    for name in STVGG16.layers:
        features = STVGG16.widths[int(name[4]) - 1]
        weights[f"conv{name[4:]}.weight"] = torch.zeros(features, width, 3, 3)
        weights[f"conv{name[4:]}.bias"] = torch.zeros(features)
        width = features
    network = VGGFeatures(STVGG16, [layer], weights)
    side = network.smallest
    assert min(network(torch.zeros(1, 3, side, side))[layer].shape[2:]) >= 1
    if side > 1:
        with pytest.raises(RuntimeError):
            network(torch.zeros(1, 3, side - 1, side - 1))
    assert math.isfinite(side)


def test_a_file_of_the_other_network_is_recognised(tmp_path: Path, torchvision_state: State) -> None:
    torch.save(torchvision_state(), tmp_path / "vgg.pth")
    with pytest.raises(MissingRequirementError, match="kind=vgg19"):
        stvgg16_loss(weights=tmp_path / "vgg.pth")
    torch.save({"conv1_1.weight": torch.zeros(1)}, tmp_path / "shift.pth")
    with pytest.raises(MissingRequirementError, match="kind=stvgg16"):
        vgg19_loss(weights=tmp_path / "shift.pth")
