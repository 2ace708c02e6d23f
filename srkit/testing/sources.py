"""What every source must do."""

from __future__ import annotations

import numpy as np
import pytest

from srkit import plugins as calls
from srkit.domain import Item
from srkit.errors import UsageError
from srkit.grid import Window
from srkit.image import DivisibleSource, MappableSource, Source, working_dtype
from srkit.plugins import Plugins
from srkit.testing.examples import Example
from srkit.testing.fixtures import ContractFixtures


def some_windows(extent: Window, count: int = 6) -> list[Window]:
    """Return `count` windows inside `extent`, the same at every call; none is empty."""
    rng = np.random.default_rng(0)
    windows = []
    for _ in range(count):
        ends = [sorted(rng.integers(0, n, 2)) for n in extent.shape]
        window = Window(tuple(int(a) for a, _ in ends), tuple(int(b) + 1 for _, b in ends))
        windows.append(window.shifted(extent.start))
    return windows


class SourceContract(ContractFixtures):
    """A source reads any window of one fixed image, in values, and says truly what it holds."""

    def test_grid_has_two_or_three_axes_and_a_finite_invertible_affine(self, source: Source) -> None:
        assert source.grid.ndim in (2, 3)
        assert min(source.grid.shape) >= 1
        assert np.isfinite(source.grid.affine).all()
        assert np.linalg.matrix_rank(source.grid.affine[:-1, :-1]) == source.grid.ndim

    def test_roles_name_different_axes_of_the_grid(self, source: Source) -> None:
        axes = list(source.roles.values())
        assert {"row", "column"} <= set(source.roles) <= {"row", "column", "slice"}
        assert len(set(axes)) == len(axes)
        assert set(axes) <= set(range(source.grid.ndim))

    def test_fixed_axes_come_with_a_reason(self, source: Source) -> None:
        assert set(source.fixed_axes) <= set(range(source.grid.ndim))
        assert all(reason.strip() for reason in source.fixed_axes.values())

    def test_channels_have_names_of_their_own(self, source: Source) -> None:
        names = [channel.name for channel in source.channels]
        assert names
        assert len(set(names)) == len(names)

    def test_marks_are_given_for_every_channel_or_none(self, source: Source) -> None:
        assert len(source.encoding.nodata) in (0, len(source.channels))
        assert len(source.encoding.reserved) in (0, len(source.channels))

    def test_slab_and_frames_are_at_least_one(self, source: Source) -> None:
        assert source.frames >= 1
        assert source.slab.size >= 1
        assert 0 <= source.slab.axis < source.grid.ndim

    def test_a_part_is_the_crop_of_the_whole_at_its_place(self, source: Source) -> None:
        if not isinstance(source, DivisibleSource):
            return
        whole = source.read(Window.whole(source.grid.shape))
        for window in some_windows(Window.whole(source.grid.shape)):
            try:
                part = source.part(window)
            except UsageError:  # a format may be cut along some axes only
                continue
            assert part.grid.is_pixel_space or part.grid.distance(source.grid.part(window)) <= 1e-6
            assert (part.encoding, part.frames, part.channels) == (source.encoding, source.frames, source.channels)
            block = part.read(Window.whole(window.shape))
            np.testing.assert_array_equal(block.values, whole.values[:, *window.slices])
            if block.valid is not None and whole.valid is not None:
                np.testing.assert_array_equal(block.valid, whole.valid[:, *window.slices])

    def test_the_source_that_maps_are_written_after_has_the_same_samples(self, source: Source) -> None:
        if not isinstance(source, MappableSource):
            return
        try:
            other, suffix = source.for_maps()
        except UsageError:  # not every item can be said in the format of maps
            return
        assert suffix.startswith(".")
        assert (len(other.channels), other.frames) == (len(source.channels), source.frames)
        for role, axis in source.roles.items():
            assert other.grid.shape[other.roles[role]] == source.grid.shape[axis]
        for frame in range(source.frames):
            blocks = [each.read(Window.whole(each.grid.shape), frame).values for each in (source, other)]
            mine, theirs = (np.sort(block.reshape(len(block), -1), axis=1) for block in blocks)
            np.testing.assert_array_equal(mine, theirs)

    def test_extent_holds_the_whole_grid(self, source: Source) -> None:
        assert source.extent.contains(Window.whole(source.grid.shape))

    def test_whole_has_one_axis_per_grid_axis_after_the_channels(self, source: Source) -> None:
        block = source.read(Window.whole(source.grid.shape))
        assert block.values.shape == (len(source.channels), *source.grid.shape)
        assert block.values.dtype == working_dtype(source.encoding.dtype)
        if block.valid is not None:
            assert block.valid.dtype == np.bool_
            assert block.valid.shape in (block.values.shape, (1, *source.grid.shape))

    def test_part_equals_crop_of_whole_in_every_frame(self, source: Source) -> None:
        for frame in range(source.frames):
            whole = source.read(source.extent, frame)
            for window in some_windows(source.extent):
                part, box = source.read(window, frame), window.relative_to(source.extent).slices
                np.testing.assert_array_equal(part.values, whole.values[:, *box])
                crop = np.True_ if whole.valid is None else whole.valid[:, *box]
                assert np.array_equal(
                    np.broadcast_to(True if part.valid is None else part.valid, part.values.shape),
                    np.broadcast_to(crop, part.values.shape),
                )

    def test_one_sample_can_be_read(self, source: Source) -> None:
        corner = Window(tuple(n - 1 for n in source.grid.shape), source.grid.shape)
        assert source.read(corner).values.shape == (len(source.channels), *([1] * source.grid.ndim))

    def test_slabs_make_up_the_whole(self, source: Source) -> None:
        slabs = [source.read(w).values for w in source.slab.windows(source.grid.shape)]
        whole = source.read(Window.whole(source.grid.shape)).values
        np.testing.assert_array_equal(np.concatenate(slabs, axis=1 + source.slab.axis), whole)

    def test_changing_what_was_read_does_not_change_the_source(self, source: Source) -> None:
        window = Window.whole(source.grid.shape)
        before = source.read(window).values.copy()
        block = source.read(window)
        block.values[:] = -7
        np.testing.assert_array_equal(source.read(window).values, before)

    def test_values_survive_their_own_encoding(self, source: Source) -> None:
        block = source.read(Window.whole(source.grid.shape))
        valid = None if block.valid is None else np.broadcast_to(block.valid, block.values.shape)
        again = source.encoding.decode(source.encoding.encode(block.values, block.valid))
        shown = np.ones(block.values.shape, np.bool_) if valid is None else valid
        largest = float(np.abs(block.values[shown]).max(initial=0))
        tolerance = 0 if source.encoding.dtype.kind != "f" else 1e-6 * largest
        np.testing.assert_allclose(again[shown], block.values[shown], rtol=0, atol=tolerance)

    def test_two_openings_read_the_same(self, plugins: Plugins, example: Example, item: Item, source: Source) -> None:
        other = calls.open_source(plugins, item, example.options_in(plugins)[example.domain])
        window = Window.whole(source.grid.shape)
        try:
            np.testing.assert_array_equal(other.read(window).values, source.read(window).values)
            assert other.grid == source.grid
        finally:
            other.close()

    def test_a_good_item_is_not_refused(self, plugins: Plugins, example: Example, source: Source) -> None:
        findings = calls.inspect_source(plugins, example.domain, source)
        bad = [f.text for f in findings if f.level in ("refusal", "failure")]
        if bad:
            pytest.fail(f"the example is refused: {bad}")
