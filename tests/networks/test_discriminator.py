import pytest
import torch
from torch import nn

from srkit.errors import RecipeError
from srkit.networks.discriminator import VGGDiscriminator


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]


def test_widths_and_strides_are_the_papers() -> None:
    layers = convolutions(VGGDiscriminator(features=64, dense=8))
    assert [layer.out_channels for layer in layers] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [layer.stride[0] for layer in layers] == [1, 2, 1, 2, 1, 2, 1, 2]


def test_the_dense_layer_sees_6_by_6_by_512_at_the_papers_patch() -> None:
    network = VGGDiscriminator(dense=1024).eval()
    features = network.convolutions(torch.zeros(1, 3, 96, 96))
    assert features.shape == (1, 512, 6, 6)
    dense = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in dense] == [(6 * 6 * 512, 1024), (1024, 1)]


def test_the_first_convolution_alone_has_no_batch_norm_and_slopes_are_0_2() -> None:
    network = VGGDiscriminator(features=2, dense=4)
    kinds = [type(layer).__name__ for layer in network.convolutions]
    assert kinds == ["Conv2d", "LeakyReLU", *["Conv2d", "BatchNorm2d", "LeakyReLU"] * 7]
    assert {layer.negative_slope for layer in network.modules() if isinstance(layer, nn.LeakyReLU)} == {0.2}


@pytest.mark.parametrize("size", [(96, 96), (16, 16), (33, 50), (5, 128)])
def test_images_of_any_size_and_channel_count_get_one_logit(size: tuple[int, int]) -> None:
    network = VGGDiscriminator(channels=7, features=2, dense=4).eval()
    assert network(torch.rand(2, 7, *size)).shape == (2, 1)


@pytest.mark.parametrize("size", [(32, 32, 32), (4, 40, 17)])
def test_volumes_of_any_size_get_one_logit(size: tuple[int, int, int]) -> None:
    network = VGGDiscriminator(ndim=3, channels=1, features=2, dense=4).eval()
    assert network(torch.rand(2, 1, *size)).shape == (2, 1)


def test_logits_are_not_squashed() -> None:
    network = VGGDiscriminator(features=2, dense=4).eval()
    nn.init.constant_(network.judge[-1].bias, 50.0)
    assert float(network(torch.rand(1, 3, 16, 16)).detach()) > 10


@pytest.mark.parametrize(
    ("parameters", "message"), [({"ndim": 1}, "2 or 3"), ({"dense": 0}, "dense 0"), ({"pooled": -1}, "pooled -1")]
)
def test_wrong_parameters_are_refused_with_a_reason(parameters: dict[str, int], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        VGGDiscriminator(**parameters)
