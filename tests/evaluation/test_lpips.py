"""LPIPS. The judge is the package `lpips`. Both get the same random backbone: ImageNet's are not to be had in tests."""

import hashlib
import math
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from srkit.errors import MissingRequirementError
from srkit.evaluation import evaluate
from srkit.evaluation import lpips as figure
from srkit.evaluation.lpips import ALEXNET, LINEAR, VGG16, lpips, lpips_vgg
from srkit.grid import Scale

METRICS = {"alex": lpips, "vgg": lpips_vgg}
SIZES = [(64, 64), (31, 31), (33, 97), (130, 47), (96, 75)]


@pytest.fixture(scope="module")
def package(torchvision):
    """The package `lpips`, which takes its networks from torchvision."""
    return pytest.importorskip("lpips")


@pytest.fixture(scope="module", params=["alex", "vgg"])
def judge(request, package):
    """The judge with a random backbone and the linear layers of version 0.1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks torchvision for networks in an old way
        with torch.random.fork_rng():
            torch.manual_seed(1)
            network = package.LPIPS(net=request.param, pnet_rand=True, verbose=False)
            for layer in network.net.modules():
                if isinstance(layer, torch.nn.Conv2d):  # begun like this, deep layers still tell pictures apart
                    torch.nn.init.kaiming_normal_(layer.weight)
                    torch.nn.init.normal_(layer.bias, std=0.05)
    return network


@pytest.fixture(scope="module")
def backbone_folder(tmp_path_factory):
    """Return a function that saves a state dict as torchvision does, and returns its folder and its name."""

    def save(state):
        folder = tmp_path_factory.mktemp("srkit")
        path = folder / "weights" / "network.pth"
        path.parent.mkdir()
        torch.save(state, path)
        name = f"network-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
        path.rename(path.with_name(name))
        return folder, name

    return save


@pytest.fixture(scope="module")
def saved(judge, backbone_folder):
    """The judge's backbone as torchvision names its parts, with a part that LPIPS does not look at."""
    parts = {f"features.{key.partition('.')[2]}": tensor for key, tensor in judge.net.state_dict().items()}
    return backbone_folder(parts | {"classifier.1.weight": torch.zeros(2, 2)})


@pytest.fixture
def metric(judge, saved, monkeypatch):
    """The figure with the judge's backbone, whose file cannot have the name of ImageNet's."""
    folder, name = saved
    monkeypatch.setenv("SRKIT_DATA", str(folder))
    for constant in ("ALEXNET", "VGG16"):
        monkeypatch.setattr(figure, constant, replace(getattr(figure, constant), file=name))
    return METRICS[judge.pnet_type]


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    for name in ("SRKIT_DATA", "XDG_DATA_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


def pictures(seed, rows, columns):
    """Return a picture of 8 bits with large and small structure, and one that is near it."""
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.uniform(0, 255, (3, rows // 8 + 1, columns // 8 + 1)), np.ones((8, 8)))[:, :rows, :columns]
    hr = np.clip(coarse + rng.normal(0, 20, coarse.shape), 0, 255).round()
    return np.clip(hr + rng.normal(0, 3 + 10 * seed, hr.shape), 0, 255).round(), hr


def judged(judge, sr, hr):
    """Return the judge's distance of two pictures of 8 bits, which it makes tensors of itself."""
    as_tensor = sys.modules["lpips"].im2tensor
    with torch.no_grad():
        return judge(*(as_tensor(image.transpose(1, 2, 0)) for image in (sr, hr))).item()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_it_is_what_the_package_of_its_authors_tells(judge, metric, seed, size):
    sr, hr = pictures(seed, *size)
    expected = judged(judge, sr, hr)
    assert expected > 1e-4
    assert metric(sr, hr, data_range=255) == pytest.approx(expected, rel=1e-6)
    assert metric(hr, hr, data_range=255) == 0


def test_unlike_pictures_are_as_far_apart_as_the_package_tells(judge, metric):
    rng = np.random.default_rng(0)
    flat, noise = np.full((3, 48, 48), 128.0), rng.integers(0, 256, (3, 48, 48)).astype(float)
    assert metric(flat, noise, data_range=255) == pytest.approx(judged(judge, flat, noise), rel=1e-6)


def test_the_smallest_picture_is_the_packages(judge, metric):
    smallest = (ALEXNET if judge.pnet_type == "alex" else VGG16).smallest
    sr, hr = pictures(1, smallest, 64)
    assert metric(sr, hr, data_range=255) == pytest.approx(judged(judge, sr, hr), rel=1e-6)
    assert math.isnan(metric(sr[:, 1:], hr[:, 1:], data_range=255))
    with pytest.raises(RuntimeError, match="too small"):
        judged(judge, sr[:, 1:], hr[:, 1:])


def test_grey_channels_and_planes_are_pictures_of_their_own(judge, metric):
    sr, hr = pictures(2, 40, 44)
    grey = [judged(judge, np.stack([a] * 3), np.stack([b] * 3)) for a, b in zip(sr, hr, strict=True)]
    assert metric(sr[:1], hr[:1], data_range=255) == pytest.approx(grey[0], rel=1e-6)
    assert metric(sr[:2], hr[:2], data_range=255) == pytest.approx(np.mean(grey[:2]), rel=1e-6)
    volume = sr[None], hr[None]
    assert metric(*volume, data_range=255) == pytest.approx(np.mean(grey), rel=1e-6)
    assert metric(sr[:, None] / 1000, hr[:, None] / 1000, data_range=0.255) == pytest.approx(
        judged(judge, sr, hr), rel=1e-4
    )


def test_what_is_invalid_has_no_say(metric):
    hr, valid = pictures(0, 64, 64)[1], np.ones((1, 64, 64), bool)
    valid[:, 10:20, 10:20] = False
    sr = np.where(valid, hr, 99.0)
    assert metric(sr, hr, data_range=255) > 0
    assert metric(sr, hr, data_range=255, valid=valid) == 0
    assert math.isnan(metric(sr, hr, data_range=255, valid=np.zeros_like(valid)))


def test_the_linear_layers_are_the_packages(judge):
    shipped = load_file(LINEAR)
    for number, layer in enumerate(judge.lins, start=1):
        assert torch.equal(shipped[f"{judge.pnet_type}.lin{number}.weight"], layer.model[-1].weight)


@pytest.mark.parametrize(("backbone", "named"), [(ALEXNET, "AlexNet_Weights"), (VGG16, "VGG16_Weights")])
def test_torchvision_names_its_files_so(torchvision, backbone, named):
    theirs = getattr(torchvision.models, named).IMAGENET1K_V1
    assert theirs.url == f"https://download.pytorch.org/models/{backbone.file}"
    assert round(theirs.meta["_file_size"] * 2**20 / 1e6) == backbone.megabytes  # they count in MiB


def test_the_layers_licence_lies_beside_them():
    text = (LINEAR.parent / "LICENSE").read_text(encoding="ascii")
    assert text.startswith("Copyright (c) 2018, Richard Zhang, Phillip Isola")
    assert "Redistributions in binary form must reproduce the above copyright notice" in text


@pytest.mark.parametrize(("name", "file"), [("lpips", "alexnet-owt-7be5be79.pth"), ("lpips_vgg", "vgg16-397923af.pth")])
def test_without_a_backbone_it_says_what_to_get_and_where_to_put_it(nowhere, save_array, toy_plugins, name, file):
    with pytest.raises(MissingRequirementError, match=f"figure {name} needs .*{file} is in {nowhere}.* get [0-9]+ MB"):
        evaluate(save_array("s_image", (70, 72)), scale=Scale(2, 2), metrics=[name], plugins=toy_plugins)


def test_a_damaged_backbone_gives_no_figure(nowhere):
    path = nowhere / "weights" / ALEXNET.file
    path.parent.mkdir()
    torch.save({"features.0.weight": torch.zeros(64, 3, 11, 11)}, path)
    sr, hr = pictures(0, 32, 32)
    with pytest.raises(MissingRequirementError, match=f"{ALEXNET.file} is not the file that its name says"):
        lpips(sr, hr, data_range=255)


def test_small_pictures_need_no_weights(nowhere):
    assert math.isnan(lpips(np.ones((3, 30, 64)), np.ones((3, 30, 64)), data_range=1))
    assert math.isnan(lpips_vgg(np.ones((3, 15, 64)), np.ones((3, 15, 64)), data_range=1))
