import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit.networks.upsampling import ResizeStage, TransposedStage, stage_factors


@pytest.mark.parametrize(
    ("scale", "wanted"),
    [
        ((4, 4), [(2, 2), (2, 2)]),
        ((8, 8), [(2, 2)] * 3),
        ((3, 3), [(3, 3)]),
        ((4, 1, 1), [(2, 1, 1), (2, 1, 1)]),
        ((4, 2, 2), [(2, 2, 2), (2, 1, 1)]),
        ((1, 1), []),
    ],
)
def test_scales_part_into_prime_stages(scale: tuple[int, ...], wanted: list[tuple[int, ...]]) -> None:
    assert stage_factors(scale) == wanted


@given(st.lists(st.integers(1, 64), min_size=2, max_size=3))
@settings(max_examples=30, deadline=None)
def test_stages_multiply_to_the_scale(scale: list[int]) -> None:
    stages = stage_factors(scale)
    assert [math.prod(stage[axis] for stage in stages) for axis in range(len(scale))] == scale


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_a_transposed_stage_lies_centred_on_the_edge_aligned_grid(factor: int) -> None:
    stage = TransposedStage(1, (factor, factor))
    torch.nn.init.ones_(stage.convolution.weight)
    torch.nn.init.zeros_(stage.convolution.bias)
    point = torch.zeros(1, 1, 7, 7)
    point[..., 3, 3] = 1
    line = stage(point).detach()[0, 0].sum(dim=0)
    centroid = float((line * torch.arange(len(line))).sum() / line.sum())
    assert centroid == pytest.approx((3 + 0.5) * factor - 0.5)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_transposed_stage_sums_equally_many_inputs_everywhere(factor: int) -> None:
    stage = TransposedStage(1, (factor, factor))
    torch.nn.init.ones_(stage.convolution.weight)
    torch.nn.init.zeros_(stage.convolution.bias)
    inner = stage(torch.ones(1, 1, 9, 9)).detach()[..., 3 * factor : -3 * factor, 3 * factor : -3 * factor]
    assert float(inner.max() - inner.min()) == 0


@pytest.mark.parametrize("factor", [2, 3, 5, 7])
def test_resizing_repeats_samples_exactly_in_wide_images(factor: int) -> None:
    stage = ResizeStage(1, (1, factor))
    torch.nn.init.zeros_(stage.convolution.weight)
    torch.nn.init.zeros_(stage.convolution.bias)
    stage.convolution.weight.data[0, 0, 1, 1] = 1
    line = torch.arange(5000.0).reshape(1, 1, 1, -1)
    torch.testing.assert_close(stage(line)[0, 0, 0], line[0, 0, 0].repeat_interleave(factor), rtol=0, atol=0)
