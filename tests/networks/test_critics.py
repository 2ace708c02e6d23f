import pytest
import torch
from torch import nn

from srkit.errors import RecipeError
from srkit.networks.critics import PatchDiscriminator, UNetDiscriminator


@pytest.mark.parametrize("size", [(32, 32), (33, 50), (9, 16), (16, 16, 12)])
def test_a_unet_gives_every_pixel_a_logit(size: tuple[int, ...]) -> None:
    network = UNetDiscriminator(ndim=len(size), channels=2, features=2)
    assert network(torch.rand(2, 2, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize("size", [(32, 32), (33, 50), (16, 16, 12)])
def test_a_patch_discriminator_gives_a_map_of_logits(size: tuple[int, ...]) -> None:
    network = PatchDiscriminator(ndim=len(size), channels=2, features=2)
    assert network(torch.rand(2, 2, *size)).shape == (2, 1, *(-(-n // 8) for n in size))


def test_a_logit_of_the_patch_discriminator_sees_47_pixels() -> None:
    network = PatchDiscriminator(channels=1, features=2).eval()
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.1, 1)
    image = torch.rand(1, 1, 96, 96, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(image)[0, 0, 6, 6], image)
    seen = gradient[0, 0].nonzero()
    assert (seen.max(dim=0).values - seen.min(dim=0).values + 1).tolist() == [47, 47]


def test_spectral_norm_bounds_each_layer() -> None:
    network = UNetDiscriminator(channels=1, features=2)
    for _ in range(60):
        network(torch.rand(1, 1, 16, 16))
    for layer in [*network.down, *network.up, *network.after]:
        matrix = layer.weight.detach().flatten(1)
        assert float(torch.linalg.matrix_norm(matrix, 2)) == pytest.approx(1, abs=0.05)


def test_real_esrgans_discriminator_has_its_size() -> None:
    """Spectral norm keeps its vectors in buffers, not in parameters."""
    assert sum(p.numel() for p in UNetDiscriminator().parameters()) == 4_376_897


@pytest.mark.parametrize("build", [PatchDiscriminator, UNetDiscriminator])
def test_wrong_parameters_are_refused(build: type[nn.Module]) -> None:
    with pytest.raises(RecipeError, match="features 0"):
        build(features=0)
