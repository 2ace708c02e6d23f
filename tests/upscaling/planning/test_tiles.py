import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit.grid import Window
from srkit.upscaling.planning.tiles import AxisPlan, iterate_tiles, mirrored


@st.composite
def plans(draw: st.DrawFn) -> AxisPlan:
    length, halo = draw(st.integers(1, 90)), draw(st.integers(0, 12))
    before, after = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    multiple = draw(st.sampled_from([1, 1, 2, 4]))
    return AxisPlan(length, (-before, length + after), draw(st.integers(1, 60)), halo, min(halo, 8), multiple)


@given(plan=plans())
@settings(max_examples=300, deadline=None)
def test_cores_cover_every_sample_once_in_order(plan: AxisPlan) -> None:
    cores = [tile.core for tile in plan.tiles()]
    assert [i for low, high in cores for i in range(low, high)] == list(range(plan.length))


@given(plan=plans())
@settings(max_examples=300, deadline=None)
def test_tiles_are_of_one_length_inside_the_padded_image_and_aligned(plan: AxisPlan) -> None:
    first, last = plan.padded
    assert len({tile.stop - tile.start for tile in plan.tiles()}) == 1
    for tile in plan.tiles():
        assert first <= tile.start < tile.stop <= last
        assert (tile.start - first) % plan.multiple == (tile.stop - first) % plan.multiple == 0


@given(plan=plans())
@settings(max_examples=300, deadline=None)
def test_a_core_keeps_the_halo_from_edges_that_are_not_the_images(plan: AxisPlan) -> None:
    first, last = plan.padded
    for tile in plan.tiles():
        assert tile.start == first or tile.core[0] - tile.start >= plan.halo
        assert tile.stop == last or tile.stop - tile.core[1] >= plan.halo


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_mirrored_is_numpys_symmetric_padding(length: int) -> None:
    expected = np.pad(np.arange(length), 10, mode="symmetric")
    np.testing.assert_array_equal(mirrored(-10, length + 10, (0, length)), expected)


def test_tiles_go_along_the_outermost_axis_first() -> None:
    axes = (AxisPlan(4, (0, 4), 2), AxisPlan(6, (0, 6), 3))
    cores = [tile.core for tile in iterate_tiles(axes, outermost=1)]
    assert cores == [Window(a, b) for a, b in [((0, 0), (2, 3)), ((2, 0), (4, 3)), ((0, 3), (2, 6)), ((2, 3), (4, 6))]]
