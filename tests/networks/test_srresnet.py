import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from srkit.errors import RecipeError
from srkit.networks.srresnet import SRResNet


def small(**parameters: object) -> SRResNet:
    return SRResNet(**{"channels": 1, "features": 4, "blocks": 1, "head_kernel": 3, **parameters})


def positive(network: SRResNet) -> SRResNet:
    """Give every weight a positive value, so that no dependence cancels out."""
    torch.manual_seed(0)
    for parameter in network.parameters():
        parameter.data.uniform_(0.01, 1)
    return network.double().eval()


def reached(network: SRResNet) -> tuple[int, ...]:
    """Return how far beyond an LR pixel inputs have a gradient from that pixel's SR samples."""
    x = torch.rand(1, network.channels, *(2 * h + 5 for h in network.halo), dtype=torch.double, requires_grad=True)
    centre = [h + 2 for h in network.halo]
    own = tuple(slice(c * s, (c + 1) * s) for c, s in zip(centre, network.scale, strict=True))
    (gradient,) = torch.autograd.grad(network(x)[(0, 0, *own)].sum(), x)
    found = gradient[0, 0].nonzero()
    low, high = found.min(dim=0).values, found.max(dim=0).values
    return tuple(max(c - int(a), int(b) - c) for c, a, b in zip(centre, low, high, strict=True))


def test_the_papers_network_has_1549462_parameters() -> None:
    assert sum(p.numel() for p in SRResNet().parameters()) == 1_549_462


def test_the_papers_network_reaches_40_lr_pixels() -> None:
    assert SRResNet().halo == (40, 40)


@pytest.mark.parametrize("scale", [2, 3, 4, 8, (4, 1), (1, 3), (2, 6)])
@pytest.mark.parametrize("upsampling", ["subpixel", "resize", "transposed"])
def test_the_halo_of_images_is_exactly_what_the_output_depends_on(upsampling: str, scale: object) -> None:
    network = positive(small(scale=scale, upsampling=upsampling))
    assert reached(network) == network.halo


@pytest.mark.parametrize("scale", [(4, 1, 1), (4, 2, 2)])
@pytest.mark.parametrize("upsampling", ["subpixel", "resize", "transposed"])
def test_the_halo_of_volumes_is_exactly_what_the_output_depends_on(upsampling: str, scale: tuple[int, ...]) -> None:
    network = positive(small(ndim=3, scale=scale, upsampling=upsampling, head_kernel=(1, 3, 3)))
    assert reached(network) == network.halo


def test_the_narrowest_network_still_covers_its_skip() -> None:
    network = positive(small(scale=2, blocks=0, head_kernel=1, skip="bicubic"))
    assert reached(network) == network.halo == (2, 2)


@pytest.mark.parametrize("upsampling", ["subpixel", "resize", "transposed"])
def test_a_tile_with_its_halo_gives_the_samples_of_the_whole(upsampling: str) -> None:
    network = positive(small(scale=3, upsampling=upsampling, skip="bicubic"))
    image = torch.rand(1, 1, 30, 24, dtype=torch.double)
    tile = network(image[..., 12 - network.halo[0] : 15 + network.halo[0], :])
    kept = tile[..., network.halo[0] * 3 : network.halo[0] * 3 + 9, :]
    torch.testing.assert_close(kept, network(image)[..., 36:45, :], rtol=1e-12, atol=1e-12)


def test_a_halo_one_pixel_short_changes_the_tile() -> None:
    network = positive(small(scale=2))
    image = torch.rand(1, 1, 30, 24, dtype=torch.double)
    short = network.halo[0] - 1
    tile = network(image[..., 12 - short : 15 + short, :])
    assert not torch.allclose(tile[..., short * 2 : short * 2 + 6, :], network(image)[..., 24:30, :], rtol=1e-12)


@pytest.mark.parametrize("upsampling", ["subpixel", "resize", "transposed"])
@pytest.mark.parametrize(
    ("ndim", "scale", "size"),
    [(2, 2, (5, 7)), (2, 3, (5, 7)), (2, 8, (2, 3)), (3, (4, 1, 1), (3, 5, 4)), (3, 2, (3, 2, 4))],
)
def test_the_output_is_scale_times_the_input(ndim: int, scale: object, size: tuple[int, ...], upsampling: str) -> None:
    network = small(ndim=ndim, scale=scale, channels=5, upsampling=upsampling).eval()
    sr = network(torch.rand(2, 5, *size))
    assert sr.shape == (2, 5, *(n * s for n, s in zip(size, network.scale, strict=True)))


def test_a_fresh_sub_pixel_network_has_no_checkerboard() -> None:
    torch.manual_seed(1)
    network = small(scale=2, head_kernel=1).eval()
    sr = network(torch.rand(1, 1, 6, 6))
    blocks = F.avg_pool2d(sr, 2)
    torch.testing.assert_close(F.interpolate(blocks, scale_factor=2.0, mode="nearest"), sr)


def test_with_a_skip_training_starts_at_bicubic_interpolation() -> None:
    lr = torch.rand(1, 3, 9, 11)
    sr = small(channels=3, scale=2, skip="bicubic").eval()(lr)
    judge = F.interpolate(_symmetric(lr, 4), scale_factor=2.0, mode="bicubic", antialias=True)  # torch's a is -1/2 here
    torch.testing.assert_close(sr, judge[..., 8:-8, 8:-8])


def test_the_skip_stays_float32_in_low_precision() -> None:
    lr = torch.rand(1, 1, 8, 8)
    network = small(scale=2, skip="bicubic").eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = network(lr)
    torch.testing.assert_close(low, network(lr), rtol=0, atol=0)  # the residual is zero at the start


def test_the_papers_input_range_is_a_shift_and_a_factor() -> None:
    torch.manual_seed(2)
    plain, paper = small(scale=2), small(scale=2, input_range=(0, 1))
    paper.load_state_dict(plain.state_dict())
    lr = torch.rand(1, 1, 6, 6) * 2 - 1
    torch.testing.assert_close(paper.eval()(lr), plain.eval()((lr + 1) / 2))


def test_tanh_bounds_the_output() -> None:
    network = small(scale=2, output="tanh").eval()
    assert network(torch.randn(1, 1, 6, 6) * 1e4).abs().max() <= 1


def test_trunk_and_tail_make_the_whole() -> None:
    network = small(scale=2).eval()
    lr = torch.rand(1, 1, 6, 6)
    torch.testing.assert_close(network.tail(network.trunk(lr)), network(lr))


def test_layers_stand_in_the_papers_order() -> None:
    kinds = [type(layer).__name__ for layer in SRResNet(features=4, blocks=2).modules() if not list(layer.children())]
    block = ["Conv2d", "BatchNorm2d", "PReLU", "Conv2d", "BatchNorm2d"]
    stage = ["Conv2d", "PReLU"]
    assert kinds == ["Conv2d", "PReLU", *block, *block, "Conv2d", "BatchNorm2d", *stage, *stage, "Conv2d", "Identity"]


def test_every_prelu_has_one_slope() -> None:
    slopes = [layer.num_parameters for layer in SRResNet().modules() if isinstance(layer, nn.PReLU)]
    assert slopes == [1] * 19


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"ndim": 4}, "ndim 4"),
        ({"scale": (2, 2, 2)}, "scale"),
        ({"scale": 0}, "scale"),
        ({"features": 0}, "features 0"),
        ({"blocks": "16"}, "blocks '16'"),
        ({"channels": True}, "channels True"),
        ({"head_kernel": 4}, "odd"),
        ({"upsampling": "subpixels"}, "did you mean 'subpixel'"),
        ({"output": "tan"}, "did you mean 'tanh'"),
        ({"skip": "cubic"}, "did you mean 'bicubic'"),
        ({"input_range": (1, 0)}, "input_range"),
    ],
)
def test_wrong_parameters_are_refused_with_a_reason(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        small(**parameters)


def _symmetric(image: Tensor, margin: int) -> Tensor:
    padded = np.pad(image.numpy(), ((0, 0), (0, 0), (margin, margin), (margin, margin)), mode="symmetric")
    return torch.from_numpy(padded)
