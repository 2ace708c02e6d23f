"""2.5-D networks: slices in the batch, neighbours in the channels, a network of volumes to everybody else."""

import pytest
import torch

from srkit.errors import RecipeError
from srkit.networks.interpolation import Interpolation
from srkit.networks.slices import SRResNet25D

SMALL = {"channels": 1, "scale": (1, 2, 2), "features": 4, "blocks": 1, "head_kernel": 3}


def live(**more: object) -> SRResNet25D:
    """Give every weight a random value, so that no dependence is cut off by a layer that starts at zero."""
    torch.manual_seed(0)
    network = SRResNet25D(**{**SMALL, **more})
    for parameter in network.parameters():
        parameter.data.uniform_(0.01, 0.3)
    return network.double().eval()


@pytest.mark.parametrize("skip", ["none", "bicubic"])
@pytest.mark.parametrize("neighbours", [1, 2])
def test_the_halo_is_exactly_what_the_output_depends_on(neighbours: int, skip: str) -> None:
    network = live(neighbours=neighbours, skip=skip)
    sizes = [2 * h + 5 for h in network.halo]
    x = torch.rand(1, 1, *sizes, dtype=torch.double, requires_grad=True)
    centre = [n // 2 for n in sizes]
    own = tuple(slice(c * s, (c + 1) * s) for c, s in zip(centre, network.scale, strict=True))
    (gradient,) = torch.autograd.grad(network(x)[(0, 0, *own)].sum(), x)
    places = gradient[0, 0].nonzero()
    reached = [
        max(c - int(a), int(b) - c)
        for c, a, b in zip(centre, places.min(dim=0).values, places.max(dim=0).values, strict=True)
    ]
    assert tuple(reached) == network.halo
    assert network.halo[0] == neighbours


def test_the_first_layer_is_a_convolution_over_slices_too() -> None:
    network = live(neighbours=1, channels=2)
    x = torch.rand(1, 2, 5, 6, 7, dtype=torch.double)
    flat = network.planes.head[0]
    kernel = flat.weight.unflatten(1, (3, 2)).transpose(1, 2)  # (features, channel, slice, row, column)
    edges = torch.cat([x[:, :, :1], x, x[:, :, -1:]], dim=2)
    expected = torch.nn.functional.conv3d(edges, kernel, flat.bias, padding=(0, 1, 1))
    found = flat(network._stacks(x)).unflatten(0, (1, 5)).transpose(1, 2)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_a_slab_with_its_halo_gives_the_samples_of_the_whole() -> None:
    network = live(neighbours=2, skip="bicubic")
    volume = torch.rand(1, 1, 12, 6, 7, dtype=torch.double)
    whole = network(volume)
    torch.testing.assert_close(network(volume[:, :, 3:10])[:, :, 2:-2], whole[:, :, 5:8], rtol=1e-12, atol=1e-12)


def test_with_a_skip_it_starts_as_the_interpolation_of_each_slice() -> None:
    network = SRResNet25D(**SMALL, skip="bicubic").eval()
    lr = torch.rand(2, 1, 3, 6, 5)
    planes = Interpolation("bicubic", (2, 2))(lr[:, :, 1])
    torch.testing.assert_close(network(lr)[:, :, 1], planes)


def test_every_weight_learns_and_one_slice_is_enough() -> None:
    network = live()
    network(torch.rand(2, 1, 1, 6, 6, dtype=torch.double)).square().mean().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


def test_a_neighbour_changes_the_slice() -> None:
    network = live()
    x = torch.rand(1, 1, 5, 6, 6, dtype=torch.double)
    y = x.clone()
    y[:, :, 3] += 1
    changed = (network(x) != network(y)).flatten(3).any(dim=3)[0, 0]
    assert changed.tolist() == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"ndim": 2, "scale": 2}, "needs slices"),
        ({"scale": (2, 2, 2)}, "along slices"),
        ({"neighbours": 0}, "neighbours 0"),
        ({"head_kernel": 2}, "odd"),
    ],
)
def test_wrong_parameters_are_refused_with_a_reason(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        SRResNet25D(**{**SMALL, **parameters})
