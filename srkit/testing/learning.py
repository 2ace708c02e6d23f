"""What a domain's answers for training must do: normaliser, patches, degradation."""

from __future__ import annotations

import json

import numpy as np
import pytest

from srkit import plugins as calls
from srkit.grid import Scale, Window
from srkit.image import Normalizer, Source
from srkit.plugins import Plugins
from srkit.testing.examples import Example
from srkit.testing.fixtures import ContractFixtures
from srkit.testing.outputs import factors_for
from srkit.testing.sources import some_windows


class NormalizerContract(ContractFixtures):
    """A normaliser maps values to a network's range and back, by one mapping for the whole item."""

    @pytest.fixture
    def normalizer(self, plugins: Plugins, example: Example, source: Source) -> Normalizer:
        """Return the normaliser of the example, fitted on itself."""
        spec = calls.fit_normalizer(plugins, example.domain, example.normalizer, [source])
        return calls.normalizer(plugins, example.domain, spec, source)

    def test_network_numbers_are_finite_float32_of_the_same_shape(self, source: Source, normalizer: Normalizer) -> None:
        block = source.read(Window.whole(source.grid.shape))
        numbers = normalizer.normalise(block.values)
        valid = np.broadcast_to(True if block.valid is None else block.valid, block.values.shape)
        assert numbers.shape == block.values.shape
        assert numbers.dtype == np.float32
        assert np.isfinite(numbers[valid]).all()

    def test_values_come_back(self, source: Source, normalizer: Normalizer) -> None:
        block = source.read(Window.whole(source.grid.shape))
        valid = np.broadcast_to(True if block.valid is None else block.valid, block.values.shape)
        again = normalizer.denormalise(normalizer.normalise(block.values), block.values)
        largest = float(np.abs(block.values[valid]).max(initial=0))
        np.testing.assert_allclose(again[valid], block.values[valid], rtol=0, atol=1e-5 * largest + 1e-6)

    def test_window_and_whole_are_normalised_alike(self, source: Source, normalizer: Normalizer) -> None:
        whole = normalizer.normalise(source.read(Window.whole(source.grid.shape)).values)
        for window in some_windows(Window.whole(source.grid.shape)):
            part = normalizer.normalise(source.read(window).values)
            np.testing.assert_allclose(part, whole[:, *window.slices], rtol=1e-6, atol=1e-6)

    def test_normalising_leaves_its_input_as_it_was(self, source: Source, normalizer: Normalizer) -> None:
        values = source.read(Window.whole(source.grid.shape)).values
        before = values.copy()
        normalizer.denormalise(normalizer.normalise(values), values)
        np.testing.assert_array_equal(values, before)

    def test_specification_survives_json_and_gives_the_same_mapping(
        self, plugins: Plugins, example: Example, source: Source, normalizer: Normalizer
    ) -> None:
        values = source.read(Window.whole(source.grid.shape)).values
        spec = json.loads(json.dumps(dict(calls.fit_normalizer(plugins, example.domain, example.normalizer, [source]))))
        json.dumps(dict(normalizer.spec))
        again = calls.normalizer(plugins, example.domain, spec, source)
        np.testing.assert_array_equal(again.normalise(values), normalizer.normalise(values))


class PatchesContract(ContractFixtures):
    """A sampler draws windows of one size inside a region, and nothing but `rng` decides which."""

    def patch_size(self, source: Source) -> tuple[int, ...]:
        """Return a size that fits the example: half of every axis."""
        return tuple(max(1, n // 2) for n in source.grid.shape)

    def draw(self, plugins: Plugins, example: Example, source: Source, seed: int) -> list[tuple[Window, int]]:
        """Return ten draws."""
        sampler = calls.patches(plugins, example.domain, source, self.patch_size(source))
        rng = np.random.default_rng(seed)
        return [sampler.draw(rng, Window.whole(source.grid.shape)) for _ in range(10)]

    def test_windows_have_the_size_and_lie_inside(self, plugins: Plugins, example: Example, source: Source) -> None:
        for window, frame in self.draw(plugins, example, source, 1):
            assert window.shape == self.patch_size(source)
            assert Window.whole(source.grid.shape).contains(window)
            assert 0 <= frame < source.frames

    def test_the_same_seed_draws_the_same(self, plugins: Plugins, example: Example, source: Source) -> None:
        assert self.draw(plugins, example, source, 2) == self.draw(plugins, example, source, 2)

    def test_a_region_is_never_left(self, plugins: Plugins, example: Example, source: Source) -> None:
        size = tuple(max(1, n // 4) for n in source.grid.shape)
        whole = Window.whole(source.grid.shape)
        region = Window(tuple(n // 4 for n in whole.stop), tuple(n // 4 + max(1, n // 2) for n in whole.stop))
        sampler = calls.patches(plugins, example.domain, source, size)
        rng = np.random.default_rng(3)
        assert all(region.contains(sampler.draw(rng, region)[0]) for _ in range(10))


class DegradationContract(ContractFixtures):
    """A degradation is a list of named steps that shrinks an image by exactly the scale."""

    def test_steps_are_named_and_can_be_stored(self, plugins: Plugins, example: Example, source: Source) -> None:
        degradation = calls.degradation(plugins, example.domain, None, source, self.scale(example, source))
        assert degradation.steps
        for step in degradation.steps:
            assert step.name
            json.dumps(dict(step.parameters))

    def test_image_shrinks_by_the_scale_and_stays_finite(
        self, plugins: Plugins, example: Example, source: Source
    ) -> None:
        torch = pytest.importorskip("torch")
        from srkit.degrade import apply  # heavy, and not needed by authors who bring no degradation

        scale = self.scale(example, source)
        degradation = calls.degradation(plugins, example.domain, None, source, scale)
        order = [axis for role in ("slice", "row", "column") if (axis := source.roles.get(role)) is not None]
        factors = tuple(factors_for(source, scale)[axis] for axis in order)
        hr = np.random.default_rng(4).uniform(0, 100, [1, 1, *(12 * factor for factor in factors)])
        lr = apply(torch.from_numpy(hr).float(), degradation, factors, torch.Generator().manual_seed(5))
        assert tuple(lr.shape) == (1, 1, *([12] * len(factors)))
        assert bool(torch.isfinite(lr).all())

    def scale(self, example: Example, source: Source) -> Scale:
        """Return the example's scale along the axes that may be scaled."""
        factors = factors_for(source, example.scale)
        return Scale(**{role: factors[axis] for role, axis in source.roles.items()})
