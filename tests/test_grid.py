import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srkit import Grid, Scale, Slab, UsageError, Window, index_map

few = settings(max_examples=40, deadline=None)
sizes = st.integers(1, 9)
factors = st.integers(1, 5)
finite = st.floats(-50, 50, allow_nan=False)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Grids of 2 or 3 axes, turned, sheared and anisotropic, never singular."""
    ndim = draw(st.integers(2, 3))
    shape = tuple(draw(st.lists(sizes, min_size=ndim, max_size=ndim)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    turned, _ = np.linalg.qr(rng.normal(size=(ndim, ndim)))
    shear = np.eye(ndim) + 0.3 * np.triu(rng.uniform(-1, 1, (ndim, ndim)), 1)
    affine = np.eye(ndim + 1)
    affine[:-1, :-1] = turned @ shear @ np.diag(rng.uniform(0.2, 5, ndim))
    affine[:-1, -1] = rng.uniform(-1000, 1000, ndim)
    return Grid(shape, affine, draw(st.sampled_from([None, "RAS"])))


@st.composite
def windows(draw: st.DrawFn, ndim: int = 3) -> Window:
    start = tuple(draw(st.lists(st.integers(-20, 20), min_size=ndim, max_size=ndim)))
    return Window(start, tuple(a + draw(st.integers(0, 20)) for a in start))


@st.composite
def parts(draw: st.DrawFn, grid: Grid) -> Window:
    start = tuple(draw(st.integers(0, n - 1)) for n in grid.shape)
    return Window(start, tuple(draw(st.integers(a + 1, n)) for a, n in zip(start, grid.shape, strict=True)))


def draw_scale(data: st.DataObject, grid: Grid) -> tuple[int, ...]:
    return tuple(data.draw(st.lists(factors, min_size=grid.ndim, max_size=grid.ndim)))


@few
@given(grids(), st.data())
def test_upscaling_keeps_outer_corners(grid: Grid, data: st.DataObject) -> None:
    fine = grid.upscaled(draw_scale(data, grid))
    np.testing.assert_allclose(fine.corners(), grid.corners(), rtol=0, atol=1e-9)


@few
@given(grids(), st.data())
def test_upscaling_puts_first_centre_by_the_closed_form(grid: Grid, data: st.DataObject) -> None:
    scale = draw_scale(data, grid)
    expected = grid.affine[:-1, :-1] @ [(1 / s - 1) / 2 for s in scale] + grid.affine[:-1, -1]
    np.testing.assert_allclose(grid.upscaled(scale).world([0] * grid.ndim), expected, atol=1e-9)


@few
@given(grids(), st.data())
def test_centre_of_an_input_sample_is_the_mean_of_the_centres_that_it_becomes(grid: Grid, data: st.DataObject) -> None:
    scale = draw_scale(data, grid)
    index = np.array([data.draw(st.integers(0, n - 1)) for n in grid.shape])
    offsets = np.stack(np.meshgrid(*(np.arange(s) for s in scale), indexing="ij"), axis=-1).reshape(-1, grid.ndim)
    centres = grid.upscaled(scale).world(index * np.array(scale) + offsets)
    np.testing.assert_allclose(centres.mean(axis=0), grid.world(index), atol=1e-9)


@few
@given(grids(), st.data())
def test_upscaling_twice_is_upscaling_by_the_product(grid: Grid, data: st.DataObject) -> None:
    a, b = draw_scale(data, grid), draw_scale(data, grid)
    product = tuple(x * y for x, y in zip(a, b, strict=True))
    assert grid.upscaled(a).upscaled(b) == grid.upscaled(product)


@few
@given(grids(), st.data())
def test_part_of_the_upscaled_grid_is_the_upscaled_part(grid: Grid, data: st.DataObject) -> None:
    scale, window = draw_scale(data, grid), data.draw(parts(grid))
    assert grid.upscaled(scale).part(window.upscaled(scale)) == grid.part(window).upscaled(scale)


@few
@given(grids(), st.data())
def test_part_keeps_the_world_position_of_its_samples(grid: Grid, data: st.DataObject) -> None:
    window = data.draw(parts(grid))
    index = np.array([data.draw(st.integers(0, n - 1)) for n in window.shape])
    np.testing.assert_allclose(grid.part(window).world(index), grid.world(index + window.start), atol=1e-9)


@few
@given(grids(), st.data())
def test_resampling_to_any_shape_keeps_corners_and_comes_back(grid: Grid, data: st.DataObject) -> None:
    other = grid.resampled(tuple(data.draw(st.integers(1, 12)) for _ in grid.shape))
    np.testing.assert_allclose(other.corners(), grid.corners(), rtol=0, atol=1e-9)
    assert other.resampled(grid.shape) == grid


@few
@given(grids(), st.data())
def test_index_map_leads_to_the_same_world_position(grid: Grid, data: st.DataObject) -> None:
    other = grid.upscaled(draw_scale(data, grid)).part(Window((0,) * grid.ndim, (1,) * grid.ndim))
    index = np.array([data.draw(finite) for _ in grid.shape])
    moved = index_map(grid, other) @ [*index, 1.0]
    np.testing.assert_allclose(other.world(moved[:-1]), grid.world(index), atol=1e-6)
    np.testing.assert_allclose(index_map(grid, other) @ index_map(other, grid), np.eye(grid.ndim + 1), atol=1e-6)


@few
@given(grids())
def test_spacing_is_the_distance_between_neighbours(grid: Grid) -> None:
    origin = grid.world([0] * grid.ndim)
    steps = [np.linalg.norm(grid.world(row) - origin) for row in np.eye(grid.ndim)]
    np.testing.assert_allclose(grid.spacing, steps, rtol=1e-9)


def test_a_plane_in_space_has_a_taller_affine() -> None:
    affine = np.array([[0.5, 0, 1], [0, 0.7, 2], [0, 0, 3], [0, 0, 1]])
    plane = Grid((4, 6), affine, "RAS")
    np.testing.assert_allclose(plane.upscaled((2, 3)).corners(), plane.corners(), atol=1e-12)
    assert plane.upscaled((2, 3)).spacing == pytest.approx((0.25, 0.7 / 3))


def test_distance_counts_in_samples() -> None:
    grid = Grid((4, 4), np.diag([10.0, 20.0, 1.0]))
    moved = Grid((4, 4), np.array([[10.0, 0, 5.0], [0, 20.0, 0], [0, 0, 1]]))
    assert grid.distance(moved) == pytest.approx(0.5)
    assert grid != moved


@pytest.mark.parametrize(("shift", "equal"), [(5e-7, True), (2e-6, False)])
def test_grids_are_equal_within_a_millionth_of_a_sample(shift: float, equal: bool) -> None:
    moved = np.diag([10.0, 10.0, 1.0])
    moved[0, 2] = 10 * shift
    assert (Grid((3, 3), np.diag([10.0, 10.0, 1.0])) == Grid((3, 3), moved)) is equal


def test_grids_of_other_worlds_or_shapes_differ() -> None:
    grid = Grid.pixels((3, 4))
    assert grid != Grid((3, 4), np.eye(3), "RAS")
    assert grid != Grid.pixels((4, 3))
    assert grid != "a grid"
    assert grid.distance(Grid.pixels((4, 3))) == np.inf
    assert grid.distance(Grid((3, 4), np.full((3, 3), np.nan))) == np.inf


def test_only_a_grid_without_a_world_is_pixel_space() -> None:
    assert Grid.pixels((3, 4)).is_pixel_space
    assert not Grid.pixels((3, 4)).upscaled((2, 1)).is_pixel_space
    assert not Grid((3, 4), np.eye(3), "RAS").is_pixel_space


def test_the_affine_cannot_be_changed_and_is_a_copy() -> None:
    affine = np.eye(3)
    grid = Grid((2, 2), affine)
    affine[0, 0] = 9
    assert grid.affine[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 5


def test_an_affine_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit a grid of 3 axes"):
        Grid((2, 2, 2), np.eye(3))


@few
@given(windows(), st.lists(factors, min_size=3, max_size=3))
def test_downscaling_undoes_upscaling_of_windows(window: Window, scale: list[int]) -> None:
    assert window.upscaled(scale).downscaled(scale) == window


@few
@given(windows(), st.lists(factors, min_size=3, max_size=3))
def test_a_downscaled_window_covers_the_window_and_no_sample_less_would(window: Window, scale: list[int]) -> None:
    small = window.downscaled(scale)
    assert small.upscaled(scale).contains(window)
    for a, b, s, w in zip(small.start, small.stop, scale, window.start, strict=True):
        assert (a + 1) * s > w or a == b


@few
@given(windows(), windows())
def test_intersection_lies_inside_both_or_is_empty(a: Window, b: Window) -> None:
    common = a.intersection(b)
    assert common.size == 0 or (a.contains(common) and b.contains(common))
    assert common.size == b.intersection(a).size


@few
@given(windows(), st.lists(st.integers(-9, 9), min_size=3, max_size=3), st.lists(sizes, min_size=3, max_size=3))
def test_shifting_and_padding_keep_the_middle(window: Window, offset: list[int], margin: list[int]) -> None:
    grown = window.shifted(offset).padded(margin)
    assert grown.shape == tuple(n + 2 * m for n, m in zip(window.shape, margin, strict=True))
    assert grown.contains(window.shifted(offset))
    assert window.relative_to(window).start == (0, 0, 0)


def test_windows_and_slices_are_the_same() -> None:
    window = Window.from_slices((slice(1, 4), slice(0, 2)))
    assert window == Window((1, 0), (4, 2))
    assert window.slices == (slice(1, 4), slice(0, 2))
    assert np.zeros((5, 5))[window.slices].shape == window.shape


def test_a_window_before_the_array_has_no_slices() -> None:
    with pytest.raises(ValueError, match="starts before the array"):
        _ = Window((-1, 0), (2, 2)).slices


def test_a_window_needs_as_many_starts_as_stops() -> None:
    with pytest.raises(ValueError, match="2 starts and 1 stops"):
        Window((0, 0), (1,))


def test_an_inverted_window_has_no_samples() -> None:
    assert Window((3,), (1,)).shape == (0,)
    assert Window((3,), (1,)).size == 0


@few
@given(st.lists(sizes, min_size=2, max_size=3), st.integers(1, 5), st.data())
def test_slabs_cover_every_sample_once_in_file_order(shape: list[int], size: int, data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    seen = np.zeros(shape, int)
    for number, window in enumerate(Slab(axis, size).windows(shape), start=1):
        seen[window.slices] += number
    assert (seen > 0).all()
    expected = np.arange(shape[axis]) // size + 1
    np.testing.assert_array_equal(
        np.moveaxis(seen, axis, -1), np.broadcast_to(expected, np.moveaxis(seen, axis, -1).shape)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (2, Scale(2, 2)),
        ("3", Scale(3, 3)),
        ("2,3", Scale(2, 3)),
        ("1,1,4", Scale(1, 1, 4)),
        ([1, 2, 3], Scale(1, 2, 3)),
    ],
)
def test_scales_are_read_as_rows_columns_slices(text: str | int | list[int], expected: Scale) -> None:
    assert Scale.parse(text) == expected


@pytest.mark.parametrize("text", ["", "two", "1,2,3,4", "2.5", "0", "-1", "2,,2"])
def test_scales_that_make_no_sense_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError, match="scale"):
        Scale.parse(text)


@pytest.mark.parametrize("factor", [True, 0, 1.5, "2"])
def test_factors_are_whole_numbers(factor: object) -> None:
    with pytest.raises(UsageError, match="whole number"):
        Scale(row=factor)  # type: ignore[arg-type]


@few
@given(factors, factors, factors)
def test_a_scale_is_read_from_its_own_text(row: int, column: int, slices: int) -> None:
    scale = Scale(row, column, slices)
    assert Scale.parse(str(scale)) == scale


def test_factors_follow_roles_to_their_axes() -> None:
    assert Scale(2, 3, 4).per_axis({"slice": 0, "row": 2, "column": 1}, 3) == (4, 3, 2)
    assert Scale(2, 3).per_axis({"row": 1, "column": 0}, 3) == (3, 2, 1)


def test_a_factor_without_an_axis_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no slice axis"):
        Scale(1, 1, 2).per_axis({"row": 0, "column": 1}, 2)
