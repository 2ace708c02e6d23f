"""The fast form of a network is the network."""

from typing import Any

import pytest
import torch
from torch import nn

from srkit.networks.fast import FastSRResNet, accelerated, can_be_rewritten
from srkit.networks.folding import folded
from srkit.networks.post_ops import fusing_works
from srkit.networks.srresnet import SRResNet

torch.set_num_threads(1)
KINDS: list[dict[str, Any]] = [
    {},
    {"scale": (3, 2)},
    {"scale": 1},
    {"blocks": 0},
    {"upsampling": "resize", "scale": 2},
    {"upsampling": "transposed"},
    {"skip": "bicubic", "output": "tanh", "input_range": (0, 1), "head_kernel": 3},
    {"ndim": 3, "channels": 1, "scale": (4, 1, 1), "head_kernel": 3},
    {"ndim": 3, "channels": 1, "scale": 2, "head_kernel": 5},
]
FUSED = [False, *([True] if fusing_works(2, torch.float32) and fusing_works(3, torch.float32) else [])]


def trained(**parameters: Any) -> SRResNet:
    """Return a network none of whose parts is at its start, where it could hide: zeros, ones, equal sub-pixels."""
    random = torch.Generator().manual_seed(3)
    network = SRResNet(**{"features": 8, "blocks": 2, **parameters})
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.1, generator=random)
            module.running_var.uniform_(0.3, 0.9, generator=random)
    for name, parameter in network.named_parameters():
        scale = 0.2 if parameter.ndim > 1 or "weight" not in name else 1.0
        parameter.data = scale * torch.rand(parameter.shape, generator=random) - (scale / 2 if scale < 1 else 0)
    return network.eval()


def image(network: SRResNet) -> torch.Tensor:
    return torch.rand(2, network.channels, *[14, 11, 9][: network.ndim], generator=torch.Generator().manual_seed(1))


def deviation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max() / (b.max() - b.min()))


@pytest.mark.parametrize("fused", FUSED)
@pytest.mark.parametrize("parameters", KINDS, ids=str)
def test_the_fast_network_is_the_network_up_to_rounding(parameters: dict[str, Any], fused: bool) -> None:
    network = trained(**parameters)
    lr = image(network)
    with torch.inference_mode():
        assert deviation(accelerated(network, fused=fused)(lr), network(lr)) < 2e-6


@pytest.mark.parametrize("fused", FUSED)
@pytest.mark.parametrize("parameters", KINDS, ids=str)
def test_bfloat16_is_close_and_leaves_as_float32(parameters: dict[str, Any], fused: bool) -> None:
    network = trained(**parameters)
    lr = image(network)
    with torch.inference_mode():
        sr = accelerated(network, torch.bfloat16, fused=fused)(lr)
        assert sr.dtype == torch.float32
        assert 0 < deviation(sr, network(lr)) < 0.05


@pytest.mark.parametrize("parameters", KINDS, ids=str)
def test_the_features_beyond_the_tails_halo_do_not_count(parameters: dict[str, Any]) -> None:
    fast = FastSRResNet(trained(**parameters))
    halo = fast.tail_halo
    features = torch.rand(1, 8, *(2 * h + 5 for h in halo), generator=torch.Generator().manual_seed(2))
    features.requires_grad_()
    centre = [slice((h + 2) * s, (h + 3) * s) for h, s in zip(halo, fast.scale, strict=True)]
    fast.tail(features)[(0, slice(None), *centre)].abs().sum().backward()
    assert features.grad is not None
    seen = features.grad[0].abs().sum(0).nonzero() - torch.tensor([h + 2 for h in halo])
    assert seen.abs().amax(0).tolist() == list(halo)


def test_the_network_itself_stays_as_it_was() -> None:
    network = trained().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    accelerated(network, torch.bfloat16)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_folding_leaves_a_norm_without_convolution_alone() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    network[0].running_mean.fill_(0.5)
    network[2].running_var.fill_(0.3)
    x = torch.rand(1, 3, 8, 8)
    result = folded(network)
    assert [type(layer) for layer in result] == [nn.BatchNorm2d, nn.Conv2d, nn.Identity, nn.ReLU]
    torch.testing.assert_close(result(x), network(x))


def test_a_network_of_another_kind_is_left_alone_or_folded() -> None:
    plain = nn.Conv2d(1, 1, 3)
    assert accelerated(plain) is plain

    class Own(SRResNet):
        pass

    assert not can_be_rewritten(Own(features=8, blocks=1))


@pytest.mark.parametrize("parameters", [{}, {"scale": (3, 2)}, {"ndim": 3, "channels": 1, "scale": 2}], ids=str)
def test_training_rewrites_the_tail_and_learns_the_same(parameters: dict[str, Any]) -> None:
    network = trained(**{"head_kernel": 5, **parameters}).double()
    features = torch.rand(1, 8, *[6, 5, 4][: network.ndim], dtype=torch.float64)
    found = []
    for training in (False, True):
        network.train(training)
        network.zero_grad()
        sr = network.tail(features)
        (sr**2).sum().backward()
        found.append((sr, *(p.grad.clone() for p in (*network.stages.parameters(), *network.last.parameters()))))
    for textbook, rewritten in zip(*found, strict=True):
        torch.testing.assert_close(rewritten, textbook, rtol=1e-10, atol=1e-12)
