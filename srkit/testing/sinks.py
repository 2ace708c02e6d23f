"""What every sink must do: the output says the same of every sample as the input did, on the finer grid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from srkit import plugins as calls
from srkit.domain import Item
from srkit.grid import Grid, Window
from srkit.image import OutputPlan, Source
from srkit.plugins import Plugins
from srkit.testing.examples import Example
from srkit.testing.fixtures import ContractFixtures
from srkit.testing.outputs import contents, make_output, plan_for, repeated, target_for


class SinkContract(ContractFixtures):
    """An output, reopened by the domain's own discovery, is what was planned and written."""

    @pytest.fixture(autouse=True)
    def fixed_date(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Fix the date for formats that demand one."""
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")

    @pytest.fixture
    def plan(self, plugins: Plugins, example: Example, source: Source) -> OutputPlan:
        """Return the plan of the output."""
        return plan_for(source, example, plugins)

    @pytest.fixture
    def target(self, plugins: Plugins, example: Example, item: Item, source: Source, tmp_path: Path) -> Path:
        """Return the target of the written output."""
        return make_output(plugins, example, item, source, tmp_path / "staging" / "one")

    @pytest.fixture
    def reopened(self, plugins: Plugins, example: Example, target: Path) -> Iterator[Source]:
        """Yield the written output, discovered and opened."""
        items = example.items_at(plugins, target.parent)
        assert len(items) == 1, f"the output is discovered as {len(items)} items of {example.domain!r}, not one"
        source = calls.open_source(plugins, items[0], example.options_in(plugins)[example.domain])
        yield source
        source.close()

    def test_output_lies_at_its_target(self, target: Path) -> None:
        assert target.exists()

    def test_grid_is_the_planned_one(
        self, source: Source, reopened: Source, plan: OutputPlan, example: Example
    ) -> None:
        if source.grid.is_pixel_space:
            assert reopened.grid == Grid.pixels(plan.grid.shape)
            return
        assert reopened.grid.shape == plan.grid.shape
        assert reopened.grid.reference == plan.grid.reference
        assert plan.grid.distance(reopened.grid) <= example.tolerance

    def test_outer_corners_stay_where_they_were(self, reopened: Source, source: Source, example: Example) -> None:
        if source.grid.is_pixel_space:
            assert reopened.grid.is_pixel_space, "the source does not say where it lies, but its output does"
            return
        inverse = np.linalg.pinv(source.grid.affine[:-1, :-1])
        shift = (reopened.grid.corners() - source.grid.corners()) @ inverse.T
        assert np.abs(shift).max() <= example.tolerance

    def test_what_samples_mean_is_kept(self, reopened: Source, source: Source) -> None:
        assert dict(reopened.roles) == dict(source.roles)
        assert reopened.channels == source.channels
        assert reopened.frames == source.frames

    def test_encoding_is_the_planned_one(self, reopened: Source, plan: OutputPlan) -> None:
        mine, planned = reopened.encoding, plan.encoding
        assert (mine.dtype, mine.bits, mine.slope, mine.intercept) == (
            planned.dtype,
            planned.bits,
            planned.slope,
            planned.intercept,
        )
        assert repr(mine.nodata) == repr(planned.nodata)  # by their text, since NaN differs from itself

    def test_samples_are_those_that_were_written(
        self, plugins: Plugins, example: Example, source: Source, reopened: Source, plan: OutputPlan, tmp_path: Path
    ) -> None:
        sink = calls.create_sink(plugins, example.domain, tmp_path / "unused", source, plan)
        for frame in range(plan.frames):
            whole = Window.whole(plan.grid.shape)
            wanted, got = repeated(source, whole, plan.factors, frame), reopened.read(whole, frame)
            if sink.lossless:
                np.testing.assert_array_equal(got.values, wanted.values)
            else:
                low, high = np.nanmin(wanted.values), np.nanmax(wanted.values)
                assert np.nanmean(np.abs(got.values - wanted.values)) <= 0.1 * (high - low) + 1

    def test_valid_samples_are_those_that_were_valid(self, source: Source, reopened: Source, plan: OutputPlan) -> None:
        for frame in range(plan.frames):
            whole = Window.whole(plan.grid.shape)
            wanted, got = repeated(source, whole, plan.factors, frame), reopened.read(whole, frame)
            masks = [np.broadcast_to(True if b.valid is None else b.valid, b.values.shape) for b in (wanted, got)]
            np.testing.assert_array_equal(masks[1], masks[0])

    def test_format_finds_no_fault_with_it(
        self, plugins: Plugins, example: Example, source: Source, target: Path, plan: OutputPlan
    ) -> None:
        findings = calls.verify_staged(plugins, example.domain, source, target, plan)
        assert [f.text for f in findings if f.level in ("failure", "refusal")] == []

    def test_output_is_not_refused_as_an_input(self, plugins: Plugins, example: Example, reopened: Source) -> None:
        findings = calls.inspect_source(plugins, example.domain, reopened)
        assert [f.text for f in findings if f.level in ("failure", "refusal")] == []

    def test_two_runs_give_the_same_bytes(
        self, plugins: Plugins, example: Example, item: Item, target: Path, tmp_path: Path
    ) -> None:
        source = calls.open_source(plugins, item, example.options_in(plugins)[example.domain])
        try:
            other = make_output(plugins, example, item, source, tmp_path / "staging" / "two")
        finally:
            source.close()
        assert contents(other.parent) == contents(target.parent)

    def test_input_files_are_left_as_they_were(
        self, plugins: Plugins, example: Example, item: Item, source: Source, tmp_path: Path
    ) -> None:
        before = contents(example.root)
        make_output(plugins, example, item, source, tmp_path / "staging" / "one")
        assert contents(example.root) == before

    def test_an_error_of_the_writer_goes_through_the_sink(
        self, plugins: Plugins, example: Example, item: Item, source: Source, plan: OutputPlan, tmp_path: Path
    ) -> None:
        target = target_for(item, tmp_path / "staging" / "broken")
        with (
            pytest.raises(ZeroDivisionError),
            calls.create_sink(plugins, example.domain, target, source, plan),
        ):
            raise ZeroDivisionError
