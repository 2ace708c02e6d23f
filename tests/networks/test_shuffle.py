import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from srkit.networks.shuffle import pixel_shuffle, start_like_nearest


def test_equal_factors_in_2d_agree_with_torch() -> None:
    x = torch.rand(2, 18, 3, 4)
    torch.testing.assert_close(pixel_shuffle(x, (3, 3)), F.pixel_shuffle(x, 3))


@pytest.mark.parametrize("factors", [(2, 3), (1, 2), (2, 1, 1), (2, 3, 2)])
def test_every_sample_comes_from_its_own_channel(factors: tuple[int, ...]) -> None:
    count, size = int(torch.tensor(factors).prod()), (3, 4, 2)[: len(factors)]
    x = torch.rand(1, 2 * count, *size)
    y = pixel_shuffle(x, factors)
    assert y.shape == (1, 2, *(n * f for n, f in zip(size, factors, strict=True)))
    for channel in range(2):
        for k, phase in enumerate(itertools.product(*(range(f) for f in factors))):
            every = tuple(slice(p, None, f) for p, f in zip(phase, factors, strict=True))
            torch.testing.assert_close(y[(0, channel, *every)], x[0, channel * count + k])


def test_the_start_makes_shuffled_neighbours_alike_and_keeps_the_spread() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(4, 64, 3, padding=1)
    deviation = float(convolution.weight.detach().std())
    start_like_nearest(convolution, (2, 2))
    y = pixel_shuffle(convolution(torch.rand(1, 4, 5, 5)), (2, 2))
    torch.testing.assert_close(y[..., 0::2, 0::2], y[..., 1::2, 1::2])
    assert float(convolution.weight.detach().std()) == pytest.approx(deviation, rel=0.1)
