"""Other runtimes than torch give torch's values, in every family of networks."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from srkit.arrays import ArraySource
from srkit.errors import MissingRequirementError, ModelError, UsageError
from srkit.grid import Scale
from srkit.networks.compact import Compact
from srkit.networks.context import SRResNetGC
from srkit.networks.rrdb import RRDBNet
from srkit.networks.span import SPAN
from srkit.networks.srcnn import SRCNN
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger, Wishes, enlarge, enlarge_whole
from srkit.upscaling.enlarging.engine import prepare
from srkit.upscaling.routing.runtimes import BOUND, RUNTIMES, RuntimeNetwork, check_match, open_session

SMALL: dict[str, Any] = {"features": 8, "blocks": 2}
FAMILIES: dict[str, Callable[[], nn.Module]] = {
    "srresnet": lambda: SRResNet(**SMALL, channels=2),
    "srresnet with a skip": lambda: SRResNet(**SMALL, skip="bicubic", scale=(3, 2), input_range=(0, 1)),
    "srresnet, resized": lambda: SRResNet(**SMALL, upsampling="resize", output="tanh"),
    "srresnet, transposed": lambda: SRResNet(**SMALL, upsampling="transposed"),
    "srresnet in 3-D": lambda: SRResNet(**SMALL, ndim=3, channels=1, scale=(2, 1, 1), head_kernel=3, skip="bicubic"),
    "compact": lambda: Compact(**SMALL),
    "compact in 3-D": lambda: Compact(**SMALL, ndim=3, channels=1, scale=2),
    "span": lambda: SPAN(**SMALL),
    "rrdb": lambda: RRDBNet(**SMALL, growth=4, input_range=(0, 1)),
    "srresnet-gc": lambda: SRResNetGC(**SMALL),
    "srcnn": lambda: SRCNN(channels=1, scale=2),
}


def trained(make: Callable[[], nn.Module]) -> nn.Module:
    """Return a network none of whose weights is zero, its norms among them."""
    random = torch.Generator().manual_seed(3)
    result = make().eval().requires_grad_(False)
    for tensor in (*result.parameters(), *(b for b in result.buffers() if b.is_floating_point())):
        tensor += 0.03 * torch.rand(tensor.shape, generator=random)
    return result


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("family", FAMILIES)
def test_any_family_is_torchs_within_a_hundred_thousandth_of_the_range(family: str, runtime: Any) -> None:
    network = trained(FAMILIES[family])
    found = RuntimeNetwork(network, runtime)
    random = torch.Generator().manual_seed(4)
    lengths = [(1, 1, 1), (2, 7, 3), (9, 17, 21)]
    for images, shape in enumerate(lengths, start=1):
        lr = torch.rand((images, network.channels, *shape[: network.ndim]), generator=random) * 2 - 1
        expected = network(lr)
        assert (found(lr) - expected).abs().max() <= BOUND * expected.abs().max()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_gives_the_same_bits_again(runtime: Any) -> None:
    network = trained(FAMILIES["srresnet"])
    lr = torch.rand((1, 2, 40, 30), generator=torch.Generator().manual_seed(5))
    first = RuntimeNetwork(network, runtime)
    kept = first(lr).clone()
    first(lr + 1)
    assert torch.equal(first(lr), kept)
    assert torch.equal(RuntimeNetwork(network, runtime)(lr), kept)


class Bessel(nn.Module):
    """A network with a function that ONNX does not have."""

    ndim, channels, scale, halo = 2, 1, (1, 1), (0, 0)

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        return torch.special.i0(lr)


def test_a_network_that_cannot_be_written_is_refused_in_words(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match=r"cannot (take this network|be written as ONNX)"):
        RuntimeNetwork(Bessel().eval(), "onnxruntime")
    assert capfd.readouterr().out == ""


def test_a_runtime_that_computes_something_else_is_refused() -> None:
    network = trained(FAMILIES["compact"])
    with pytest.raises(ModelError, match="strays from torch by"):
        check_match(network, lambda lr: network(torch.from_numpy(lr)).numpy() * 1.001, "onnxruntime")
    with pytest.raises(ModelError, match="strays from torch by inf"):
        check_match(network, lambda lr: lr, "onnxruntime")


def test_what_is_no_onnx_is_refused_in_words() -> None:
    for runtime in RUNTIMES:
        with pytest.raises(ModelError, match=f"{runtime} cannot take this network"):
            open_session(b"nothing", runtime)


def enlarger_of(network: nn.Module) -> Enlarger:
    return Enlarger("n", Scale(*network.scale), network, ("row", "column"), network.channels)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_runtime_takes_the_route_of_all_and_says_so(plugins: Plugins, rng: np.random.Generator, runtime: Any) -> None:
    network = trained(lambda: Compact(**SMALL, channels=1))
    source = ArraySource(rng.random((1, 50, 41)).astype(np.float32))
    route = prepare(plugins, source, enlarger_of(network), domain="toy", wishes=Wishes(backend=runtime)).route
    assert (route.backend, route.device, route.precision, route.channels_last) == (runtime, "cpu", "fp32", False)
    assert f"backend {runtime} was asked for, and is there in version" in route.explain()
    assert route.made_by()["backend"] == runtime
    shape = source.grid.upscaled((4, 4)).shape
    whole, tiled = (
        enlarge_whole(enlarge(plugins, source, enlarger_of(network), domain="toy", wishes=wishes), shape).values
        for wishes in (Wishes(backend="plain"), Wishes(backend=runtime, tile=24))
    )
    assert np.abs(whole - tiled).max() <= BOUND * np.ptp(whole)


def test_torchs_own_backends_leave_provenance_as_it_was(plugins: Plugins, rng: np.random.Generator) -> None:
    network = trained(lambda: Compact(**SMALL, channels=1))
    source = ArraySource(rng.random((1, 20, 20)).astype(np.float32))
    route = prepare(plugins, source, enlarger_of(network), domain="toy").route
    assert route.made_by() == {"device": "cpu", "precision": "fp32"}


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"backend": "onnxruntime", "precision": "bf16"}, "has no bf16 here"),
        ({"backend": "onnx"}, "no backend 'onnx' .*onnxruntime"),
        ({"backend": "openvino", "device": "meta"}, "runs on the CPU, not on 'meta'"),
    ],
)
def test_wishes_that_a_runtime_cannot_meet_are_refused(
    plugins: Plugins, rng: np.random.Generator, wishes: dict[str, str], words: str
) -> None:
    source = ArraySource(rng.integers(0, 99, (1, 20, 20), dtype=np.uint8))
    enlarger = enlarger_of(trained(lambda: Compact(**SMALL, channels=1)))
    with pytest.raises(UsageError, match=words):
        prepare(plugins, source, enlarger, domain="toy", wishes=Wishes(**wishes))


@pytest.mark.parametrize(("runtime", "extra"), [("onnxruntime", "onnx"), ("openvino", "openvino")])
def test_a_runtime_that_is_not_there_names_its_extra(
    plugins: Plugins, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, runtime: str, extra: str
) -> None:
    monkeypatch.delitem(sys.modules, runtime, raising=False)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    source = ArraySource(rng.random((1, 20, 20)).astype(np.float32))
    network = trained(lambda: Compact(**SMALL, channels=1))
    with pytest.raises(MissingRequirementError, match=rf"package {runtime} is not installed; .*'srkit\[{extra}\]'"):
        prepare(plugins, source, enlarger_of(network), domain="toy", wishes=Wishes(backend=runtime))
