"""All families of generators but SRResNet: shapes, reach, tiles, published sizes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from srkit.errors import RecipeError
from srkit.networks.attention import WindowAttention, WindowedTransformer
from srkit.networks.compact import Compact
from srkit.networks.context import SRResNetGC
from srkit.networks.generator import Generator
from srkit.networks.interpolation import Interpolation
from srkit.networks.rrdb import RRDBNet
from srkit.networks.separable import DepthwiseConvolution, SRResNetLite
from srkit.networks.span import SPAN
from srkit.networks.srcnn import SRCNN

SMALL = {
    "rrdb": (RRDBNet, {"features": 4, "growth": 2, "blocks": 1}),
    "compact": (Compact, {"features": 4, "blocks": 2}),
    "compact-factorised": (Compact, {"features": 4, "blocks": 2, "kernels": "factorised"}),
    "span": (SPAN, {"features": 4, "blocks": 2}),
    "srcnn": (SRCNN, {"features": 4, "mapping": 4}),
    "srcnn-residual": (SRCNN, {"features": 4, "mapping": 4, "kernels": (3, 1, 3), "residual": True}),
    "attention": (WindowedTransformer, {"features": 4, "heads": 2, "window": 4, "blocks": 2}),
    "attention-odd": (WindowedTransformer, {"features": 4, "heads": 1, "window": 3, "blocks": 2, "skip": "bicubic"}),
    "lite-static": (SRResNetLite, {"features": 4, "blocks": 1, "experts": 1}),
    "lite": (SRResNetLite, {"features": 4, "blocks": 1}),
    "gc": (SRResNetGC, {"features": 4, "blocks": 1, "head_kernel": 3}),
}
LOCAL = [name for name in SMALL if name not in ("lite", "gc")]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small(name: str, **more: object) -> Generator:
    build, parameters = SMALL[name]
    torch.manual_seed(0)
    return build(**{"channels": 1, **parameters, **more})


def live(network: Generator) -> Generator:
    """Give every weight a random value, so that no dependence is cut off by a layer that starts at zero."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        parameter.data.uniform_(0.01, 0.3)
    return network.double().eval()


def reached(network: Generator) -> tuple[int, ...]:
    """Return how far beyond an LR pixel inputs have a gradient from that pixel's SR samples, over all places."""
    assert network.halo is not None
    raster = network.multiple_of
    sizes = [-(-(2 * h + 2 * raster + 1) // raster) * raster for h in network.halo]
    found = [0] * network.ndim
    for shift in range(raster):
        x = torch.rand(1, 1, *sizes, dtype=torch.double, requires_grad=True)
        centre = [-(-h // raster) * raster + shift for h in network.halo]
        own = tuple(slice(c * s, (c + 1) * s) for c, s in zip(centre, network.scale, strict=True))
        (gradient,) = torch.autograd.grad(network(x)[(0, 0, *own)].sum(), x)
        places = gradient[0, 0].nonzero()
        low, high = places.min(dim=0).values, places.max(dim=0).values
        found = [max(f, c - int(a), int(b) - c) for f, c, a, b in zip(found, centre, low, high, strict=True)]
    return tuple(found)


@pytest.mark.parametrize("scale", [3, (1, 4)])
@pytest.mark.parametrize("name", LOCAL)
def test_the_halo_of_images_is_exactly_what_the_output_depends_on(name: str, scale: object) -> None:
    network = live(small(name, scale=scale))
    assert reached(network) == network.halo


@pytest.mark.parametrize("name", ["compact", "compact-factorised", "span", "attention-odd", "lite-static"])
def test_the_halo_of_volumes_is_exactly_what_the_output_depends_on(name: str) -> None:
    network = live(small(name, ndim=3, scale=(2, 1, 1)))
    assert reached(network) == network.halo


@pytest.mark.parametrize("name", ["lite", "gc"])
def test_a_network_that_sees_the_whole_image_says_so(name: str) -> None:
    network = live(small(name, scale=2))
    assert network.halo is None
    x = torch.rand(1, 1, 40, 40, dtype=torch.double, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(x)[0, 0, 0, 0], x)
    assert gradient[0, 0, -1, -1] != 0


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("ndim", "scale", "size"), [(2, 2, (5, 7)), (2, (1, 3), (4, 9)), (3, (4, 1, 1), (3, 5, 4))])
def test_the_output_is_scale_times_the_input(name: str, ndim: int, scale: object, size: tuple[int, ...]) -> None:
    network = small(name, ndim=ndim, scale=scale, channels=5).eval()
    assert network(torch.rand(2, 5, *size)).shape == (2, 5, *(n * s for n, s in zip(size, network.scale, strict=True)))


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("name", SMALL)
def test_every_weight_learns(name: str, ndim: int) -> None:
    network = small(name, ndim=ndim, scale=2)
    torch.nn.init.normal_(next(p for n, p in reversed(list(network.named_parameters())) if p.ndim > 1))
    network(torch.rand(2, 1, *(8,) * ndim)).square().mean().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("name", SMALL)
def test_an_image_has_the_same_result_alone_and_in_a_batch(name: str) -> None:
    network = live(small(name, scale=2))
    images = torch.rand(3, 1, 9, 8, dtype=torch.double)
    torch.testing.assert_close(network(images)[1:2], network(images[1:2]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LOCAL)
def test_a_tile_with_its_halo_gives_the_samples_of_the_whole(name: str) -> None:
    network = live(small(name, scale=2))
    assert network.halo is not None
    raster = network.multiple_of
    margin = -(-network.halo[0] // raster) * raster
    image = torch.rand(1, 1, 2 * margin + 4 * raster, 8 * raster, dtype=torch.double)
    tile = network(image[..., raster : 2 * margin + 3 * raster, :])
    kept = tile[..., 2 * margin : 2 * (margin + 2 * raster), :]
    whole = network(image)[..., 2 * (raster + margin) : 2 * (3 * raster + margin), :]
    torch.testing.assert_close(kept, whole, rtol=1e-10, atol=1e-10)


def test_published_sizes_are_met() -> None:
    """Of ESRGAN's file, of realesr-general-x4v3, of SPAN (426 k); SRCNN's paper counts 57,184 without biases."""
    count = {build: sum(p.numel() for p in build().parameters()) for build in (RRDBNet, Compact, SPAN)}
    assert count == {RRDBNet: 16_697_987, Compact: 1_213_296, SPAN: 426_288}
    assert sum(p.numel() for p in SRCNN(channels=1, kernels=(9, 5, 5)).parameters() if p.ndim > 1) == 57_184


def test_rrdb_has_the_names_of_the_public_files() -> None:
    names = set(RRDBNet(blocks=1).state_dict())
    outer = {"conv_first", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"}
    inner = {f"body.0.rdb{i}.conv{k}" for i in (1, 2, 3) for k in (1, 2, 3, 4, 5)}
    assert names == {f"{layer}.{kind}" for layer in outer | inner for kind in ("weight", "bias")}


def test_rrdb_trained_on_0_to_1_is_the_same_function_in_other_units() -> None:
    plain, public = small("rrdb", scale=2), small("rrdb", scale=2, input_range=(0, 1))
    public.load_state_dict(plain.state_dict())
    lr = torch.rand(1, 1, 6, 6)
    torch.testing.assert_close(public(lr * 2 - 1), plain(lr) * 2 - 1)


def test_factorised_kernels_have_that_many_fewer_weights() -> None:
    def weights(kernels: str) -> int:
        network = Compact(ndim=3, channels=1, scale=2, features=8, blocks=1, kernels=kernels)
        return sum(p.numel() for p in network.body[2].parameters() if p.ndim > 1)

    assert weights("full") == 2.25 * weights("factorised")


@pytest.mark.parametrize("kernels", ["full", "factorised"])
def test_a_long_chain_passes_on_what_it_sees(kernels: Any) -> None:
    torch.manual_seed(0)
    network = Compact(channels=1, scale=2, features=16, blocks=32, kernels=kernels)
    with torch.no_grad():
        first, second = network.body[:-1](torch.rand(2, 1, 16, 16) * 2 - 1)
    assert 0.1 < float((first - second).std()) < 10


def test_compact_without_residual_repeats_pixels() -> None:
    network = small("compact", scale=3)
    torch.nn.init.zeros_(network.body[-1].weight)
    torch.nn.init.zeros_(network.body[-1].bias)
    lr = torch.rand(1, 1, 4, 5)
    torch.testing.assert_close(network(lr), F.interpolate(lr, scale_factor=3, mode="nearest"))


def test_dynamic_kernels_are_the_mixture_that_the_image_decides() -> None:
    layer = DepthwiseConvolution(4, 2, 3).eval()
    images = torch.randn(2, 4, 6, 6)
    shares = torch.softmax(layer.shares(images.mean(dim=(2, 3))) / 30, dim=1)
    for n in range(2):
        kernel = sum(shares[n, e] * layer.kernels[4 * e : 4 * e + 4] for e in range(3))
        torch.testing.assert_close(layer(images)[n : n + 1], F.conv2d(images[n : n + 1], kernel, padding=1, groups=4))


def test_shifted_windows_attend_as_a_plain_computation_does() -> None:
    torch.manual_seed(0)
    layer = WindowAttention(4, 2, 4, 2, shifted=True).double()
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(1, 7, 6, 4, dtype=torch.double)
    tokens = [(i, j) for i in range(7) for j in range(6)]
    query, key, value = (layer.qkv(x).reshape(42, 3, 2, 2).permute(1, 2, 0, 3)[k] for k in range(3))
    scores = query @ key.transpose(1, 2) / 2**0.5
    for a, (i, j) in enumerate(tokens):
        for b, (k, m) in enumerate(tokens):
            same = (i + 2) // 4 == (k + 2) // 4 and (j + 2) // 4 == (m + 2) // 4
            place = (i - k + 3) * 7 + (j - m + 3)
            scores[:, a, b] += layer.bias[:, place] if same else -1e9 if abs(i - k) < 99 else 0
    expected = layer.projection((torch.softmax(scores, dim=-1) @ value).transpose(0, 1).reshape(1, 7, 6, 4))
    torch.testing.assert_close(layer(x), expected, rtol=1e-9, atol=1e-9)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_interpolation_looks_exactly_where_it_says(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["nearest", "bicubic", "lanczos"]))
    factor = data.draw(st.integers(1, 5))
    start = data.draw(st.integers(8 * factor, 12 * factor))
    stop = data.draw(st.integers(start, start + 3 * factor))
    network = Interpolation(kind, (factor,))
    x = torch.rand(1, 1, 24, dtype=torch.double, requires_grad=True)
    weights = torch.from_numpy(np.random.default_rng(0).uniform(1, 2, stop - start + 1))
    (gradient,) = torch.autograd.grad((network(x)[0, 0, start : stop + 1] * weights).sum(), x)
    seen = gradient[0, 0].nonzero()
    assert network.reach((start, stop), 0) == (int(seen.min()), int(seen.max()))


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("attention", {"heads": 3}, "3 heads"),
        ("attention", {"window": 1}, "window 1"),
        ("attention", {"head_kernel": 2}, "odd"),
        ("lite", {"experts": 0}, "experts 0"),
        ("gc", {"skip": "cubic"}, "did you mean 'bicubic'"),
        ("srcnn", {"kernels": (9, 2, 5)}, "odd"),
        ("rrdb", {"input_range": (1, 0)}, "rising"),
        ("span", {"blocks": 1}, "blocks 1"),
        ("compact", {"ndim": 4}, "ndim 4"),
        ("compact", {"kernels": "factorized"}, "did you mean 'factorised'"),
    ],
)
def test_wrong_parameters_are_refused_with_a_reason(name: str, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        small(name, **parameters)
