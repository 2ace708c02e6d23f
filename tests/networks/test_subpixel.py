import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from srkit.networks.shuffle import pixel_shuffle
from srkit.networks.subpixel import rewriting_pays, rewritten_bias, rewritten_kernel, rewritten_weight

torch.set_num_threads(1)
ODD = st.sampled_from([1, 3, 5, 7, 9])
FACTOR = st.integers(1, 4)


def both(kernel: tuple[int, ...], factors: tuple[int, ...], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the textbook's order, shuffle then convolve, and the rewritten one."""
    random = torch.Generator().manual_seed(seed)
    phases = int(torch.tensor(factors).prod())
    weight = torch.randn((3, 2, *kernel), generator=random, dtype=torch.float64)
    bias = torch.randn(3, generator=random, dtype=torch.float64)
    x = torch.randn((1, 2 * phases, *[5, 4, 3][: len(kernel)]), generator=random, dtype=torch.float64)
    convolve = F.conv2d if len(kernel) == 2 else F.conv3d
    textbook = convolve(pixel_shuffle(x, factors), weight, bias, padding=tuple(k // 2 for k in kernel))
    before = rewritten_weight(weight, factors)
    padding = tuple(k // 2 for k in before.shape[2:])
    return textbook, pixel_shuffle(convolve(x, before, rewritten_bias(bias, factors), padding=padding), factors)


@settings(max_examples=30, deadline=None)
@given(st.tuples(ODD, ODD), st.tuples(FACTOR, FACTOR), st.integers(0, 9))
def test_an_image_convolved_before_the_shuffle_is_the_same(
    kernel: tuple[int, ...], factors: tuple[int, ...], seed: int
) -> None:
    textbook, rewritten = both(kernel, factors, seed)
    torch.testing.assert_close(rewritten, textbook, rtol=0, atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.tuples(ODD, ODD, ODD), st.tuples(FACTOR, FACTOR, st.just(1)), st.integers(0, 9))
def test_a_volume_convolved_before_the_shuffle_is_the_same(
    kernel: tuple[int, ...], factors: tuple[int, ...], seed: int
) -> None:
    textbook, rewritten = both(kernel, factors, seed)
    torch.testing.assert_close(rewritten, textbook, rtol=0, atol=1e-12)


def test_the_papers_nine_taps_become_five() -> None:
    assert rewritten_kernel((9, 9), (2, 2)) == (5, 5)
    assert rewritten_weight(torch.ones(3, 64, 9, 9), (2, 2)).shape == (12, 256, 5, 5)


def test_gradients_reach_the_weight_unchanged() -> None:
    weight = torch.randn(2, 3, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: rewritten_weight(w, (2, 3)), weight)


def test_the_rewriting_is_for_wide_kernels_with_few_output_channels() -> None:
    assert rewriting_pays((3, 64, 9, 9), (2, 2))
    assert not rewriting_pays((64, 64, 3, 3), (2, 2))
    assert not rewriting_pays((3, 64, 9, 9), (1, 1))
