"""Every backend and every way to cut gives the network's own values."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from srkit.arrays import ArraySource
from srkit.grid import Scale, Window
from srkit.networks.fast import FastSRResNet
from srkit.networks.post_ops import fusing_works
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger, Wishes, enlarge, enlarge_whole
from srkit.upscaling.routing.backend import network_for
from srkit.upscaling.routing.tail import WindowedTail, enlarged_core

BACKENDS = ["plain", "rewritten", *(["fused"] if fusing_works(2, torch.float32) else []), "onnxruntime", "openvino"]


def network(*, integer: bool, **parameters: Any) -> SRResNet:
    """Return a network without zeros; with integer weights its sums are exact in any order."""
    random = torch.Generator().manual_seed(5)
    result = SRResNet(**{"channels": 1, "features": 6, "blocks": 1, "scale": 4, "head_kernel": 5, **parameters})
    for module in result.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps, module.running_var = 0.0, torch.ones_like(module.running_var)
        elif isinstance(module, nn.PReLU):
            module.weight.data.fill_(0.5)
    for name, parameter in result.named_parameters():
        if parameter.ndim > 1:
            whole = torch.randint(-1, 2, parameter.shape, generator=random) * (
                torch.rand(parameter.shape, generator=random) < 0.4
            )
            parameter.data = whole.float() if integer else torch.randn(parameter.shape, generator=random) * 0.15
        elif name.endswith("bias"):
            parameter.data = torch.randint(-1, 2, parameter.shape, generator=random).float()
    return result.eval().requires_grad_(False)


def run(plugins: Plugins, generator: nn.Module, image: np.ndarray, **wishes: Any) -> np.ndarray:
    source = ArraySource(image)
    enlarger = Enlarger("n", Scale(*generator.scale), generator, ("row", "column"), image.shape[0])
    shape = source.grid.upscaled((*generator.scale,)).shape
    return enlarge_whole(enlarge(plugins, source, enlarger, domain="toy", wishes=Wishes(**wishes)), shape).values


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tile", [45, 64, None])
@pytest.mark.parametrize("scale", [4, (3, 2)])
def test_integer_weights_give_the_same_bits_on_every_fp32_route(
    plugins: Plugins, rng: np.random.Generator, backend: str, tile: int | None, scale: Any
) -> None:
    generator = network(integer=True, scale=scale)
    image = rng.integers(-2, 3, (1, 90, 71)).astype(np.float32)
    expected = run(plugins, generator, image, backend="plain")
    assert 0 < np.abs(expected).max() < 2**19  # five slopes of 1/2 leave 19 of 24 bits: no sum was rounded
    np.testing.assert_array_equal(run(plugins, generator, image, backend=backend, tile=tile), expected)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("tile", [40, None])
def test_any_fp32_route_is_the_network_within_a_hundred_thousandth_of_the_range(
    plugins: Plugins, rng: np.random.Generator, backend: str, tile: int | None
) -> None:
    generator, image = network(integer=False, skip="bicubic"), rng.random((1, 70, 60)).astype(np.float32)
    expected = run(plugins, generator, image, backend="plain")
    found = run(plugins, generator, image, backend=backend, tile=tile)
    assert np.abs(found - expected).max() <= 1e-5 * np.ptp(expected)


@pytest.mark.parametrize("length", [9, 12, 30, 100])
@pytest.mark.parametrize("scale", [4, (3, 2), (1, 2)])
def test_a_tail_on_windows_gives_the_bits_of_the_whole(length: int, scale: Any) -> None:
    fast = FastSRResNet(network(integer=True, scale=scale))
    lr = torch.randint(-2, 3, (2, 1, 37, 25), generator=torch.Generator().manual_seed(1)).float()
    with torch.inference_mode():
        assert torch.equal(WindowedTail(fast, length)(lr), fast(lr))


@pytest.mark.parametrize("skip", ["none", "bicubic"])
@pytest.mark.parametrize("core", [((0, 0), (37, 25)), ((5, 0), (30, 25)), ((11, 7), (12, 9)), ((30, 20), (37, 25))])
def test_of_a_core_alone_a_tail_gives_the_bits_of_the_whole(core: Any, skip: str) -> None:
    fast = FastSRResNet(network(integer=True, scale=(4, 2), skip=skip))
    lr = torch.randint(-2, 3, (2, 1, 37, 25), generator=torch.Generator().manual_seed(1)).float()
    window = Window(*core)
    with torch.inference_mode():
        whole = fast(lr)[(slice(None), slice(None), *window.upscaled((4, 2)).slices)]
        assert torch.equal(WindowedTail(fast, 14).of_core(lr, window), whole)
        assert torch.equal(enlarged_core(fast, lr, window), whole)


def test_only_what_a_core_needs_is_enlarged() -> None:
    fast, seen = FastSRResNet(network(integer=False)), []
    tail = fast.tail
    fast.tail = lambda features: seen.append(features.shape[2:]) or tail(features)  # type: ignore[method-assign]
    with torch.inference_mode():
        WindowedTail(fast, 40).of_core(torch.zeros(1, 1, 90, 90), Window((10, 10), (70, 70)))
    halo = fast.tail_halo[0]
    assert len(seen) == 4
    assert {tuple(shape) for shape in seen} == {(32 + 2 * halo, 32 + 2 * halo)}


def test_a_tails_halo_one_pixel_short_shows() -> None:
    fast = FastSRResNet(network(integer=True))
    lr = torch.randint(-2, 3, (1, 1, 37, 25), generator=torch.Generator().manual_seed(1)).float()
    with torch.inference_mode():
        whole = fast(lr)
        fast.tail_halo = tuple(h - 1 for h in fast.tail_halo)
        assert not torch.equal(WindowedTail(fast, 12)(lr), whole)


def test_a_loaded_model_is_rewritten_once_and_one_in_training_each_time() -> None:
    how = {"device": "cpu", "precision": "fp32", "backend": "rewritten", "tail": 0, "channels_last": True}
    fixed = network(integer=False)
    assert network_for(fixed, **how) is network_for(fixed, **how)
    learning = network(integer=False).requires_grad_()
    first = network_for(learning, **how)
    with torch.no_grad():
        learning.last.bias.add_(1)
    lr = torch.zeros(1, 1, 8, 8)
    torch.testing.assert_close(network_for(learning, **how)(lr), first(lr) + 1)


def test_bfloat16_strays_little_over_a_skip(plugins: Plugins, rng: np.random.Generator) -> None:
    generator, image = network(integer=False, skip="bicubic"), rng.random((1, 40, 40)).astype(np.float32)
    generator.last.weight *= 0.02
    generator.last.bias *= 0
    expected = run(plugins, generator, image, precision="fp32")
    found = run(plugins, generator, image, precision="bf16")
    assert 0 < np.abs(found - expected).max() < 2e-3 * np.ptp(expected)
