"""Exactness of tiles, axes, channels and validity, on sources in memory."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn
from upscaling_toys import IntegerNetwork, Mapper, integer_enlarger

from srkit.arrays import ArraySource
from srkit.channels import ChannelChoice
from srkit.errors import InputError, ModelError, NetworkOutputError, UsageError
from srkit.grid import Grid, Scale, Window
from srkit.image import Block, Channel
from srkit.networks.srresnet import SRResNet
from srkit.plugins import Plugins
from srkit.upscaling import Enlarger, Wishes, enlarge, enlarge_whole

RANGE = {"kind": "range", "low": 0, "high": 255}


def run(plugins: Plugins, source: Any, enlarger: Enlarger, tile: int | None = None) -> Block:
    shape = source.grid.upscaled(enlarger.scale.per_axis(source.roles, source.grid.ndim)).shape
    return enlarge_whole(enlarge(plugins, source, enlarger, domain="toy", wishes=Wishes(tile=tile)), shape)


def image(rng: np.random.Generator, *shape: int) -> ArraySource:
    return ArraySource(rng.integers(0, 256, shape, dtype=np.uint8))


def volume(rng: np.random.Generator, *shape: int, **more: Any) -> ArraySource:
    return ArraySource(
        rng.integers(0, 256, (1, *shape), dtype=np.uint8), roles={"slice": 0, "row": 1, "column": 2}, **more
    )


def whole_image_result(stored: np.ndarray, network: IntegerNetwork) -> np.ndarray:
    """The definition: the network on the image padded symmetrically by min(halo, 8), then cropped."""
    border = min(network.halo[0], 8)
    padded = np.pad(stored, [(0, 0)] + [(border, border)] * network.ndim, mode="symmetric")
    with torch.no_grad():
        sr = network(torch.from_numpy(padded).float()[None])[0].numpy()
    inner = [slice(border * s, -border * s) for s in network.scale]
    return sr[(slice(None), *inner)]


@pytest.mark.parametrize("tile", [17, 32, 50, 64, 1000])
@pytest.mark.parametrize("shape", [(97, 113), (64, 20)])
def test_integer_weights_give_the_same_bits_for_every_tile(
    plugins: Plugins, rng: np.random.Generator, tile: int, shape: tuple[int, int]
) -> None:
    source = image(rng, 1, *shape)
    enlarger = integer_enlarger(Scale(2, 2))
    expected = whole_image_result(source.read(Window.whole(shape)).values, enlarger.generator)
    np.testing.assert_array_equal(run(plugins, source, enlarger, tile).values, expected)


def test_a_halo_one_pixel_short_shows(plugins: Plugins, rng: np.random.Generator) -> None:
    source = image(rng, 1, 97, 113)
    enlarger = integer_enlarger(Scale(2, 2))
    enlarger.generator.border = 4
    whole = run(plugins, source, enlarger, 1000).values
    enlarger.generator.halo = (3, 3)
    assert (run(plugins, source, enlarger, 17).values != whole).any()


@pytest.mark.parametrize("tile", [17, 24, 64])
def test_tiles_of_a_network_with_strides_stay_aligned(plugins: Plugins, rng: np.random.Generator, tile: int) -> None:
    class Blocks(IntegerNetwork):
        def forward(self, lr: torch.Tensor) -> torch.Tensor:
            pooled = nn.functional.avg_pool2d(lr, 4) * 16
            return super().forward(lr) + pooled.repeat_interleave(8, 2).repeat_interleave(8, 3)

    network = Blocks((2, 2), multiple_of=4)
    enlarger = Enlarger("blocks", Scale(2, 2), network, ("row", "column"))
    source = image(rng, 1, 75, 90)
    whole = run(plugins, source, enlarger, 1000).values
    np.testing.assert_array_equal(run(plugins, source, enlarger, tile).values, whole)


def test_float_weights_give_the_whole_image_up_to_rounding(plugins: Plugins, rng: np.random.Generator) -> None:
    torch.manual_seed(0)
    network = SRResNet(ndim=2, channels=1, scale=2, features=8, blocks=1, head_kernel=3).eval()
    enlarger = Enlarger("srresnet", Scale(2, 2), network, ("row", "column"), normalizer=RANGE)
    source = image(rng, 1, 70, 53)
    whole = run(plugins, source, enlarger, 1000).values
    assert np.abs(run(plugins, source, enlarger, 30).values - whole).max() <= 1e-5 * np.ptp(whole)


@pytest.mark.parametrize("kind", ["nearest", "bicubic", "bspline", "lanczos"])
@pytest.mark.parametrize("tile", [40, 57])
def test_baselines_give_the_same_bits_for_every_tile(
    plugins: Plugins, rng: np.random.Generator, kind: Any, tile: int
) -> None:
    source = image(rng, 2, 61, 83)
    baseline = Enlarger.baseline(kind, Scale(3, 2))
    whole = run(plugins, source, baseline, 1000).values
    np.testing.assert_array_equal(run(plugins, source, baseline, tile).values, whole)


def test_bspline_equals_scipy(plugins: Plugins, rng: np.random.Generator) -> None:
    source = image(rng, 1, 40, 44)
    sr = run(plugins, source, Enlarger.baseline("bspline", Scale(2, 2)), 60).values[0]
    lr = source.read(Window.whole((40, 44))).values[0].astype(np.float64)
    np.testing.assert_allclose(sr, ndimage.zoom(lr, 2, order=3, mode="reflect", grid_mode=True), atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (2, 3), (13, 17)])
def test_images_thinner_than_the_halo_work(plugins: Plugins, rng: np.random.Generator, shape: tuple[int, int]) -> None:
    source = image(rng, 1, *shape)
    enlarger = integer_enlarger(Scale(2, 2))
    expected = whole_image_result(source.read(Window.whole(shape)).values, enlarger.generator)
    np.testing.assert_array_equal(run(plugins, source, enlarger, 8).values, expected)


def test_a_two_dimensional_network_goes_through_a_volume_plane_by_plane(
    plugins: Plugins, rng: np.random.Generator
) -> None:
    source = volume(rng, 3, 30, 21)
    enlarger = integer_enlarger(Scale(2, 2))
    stored = source.read(Window.whole((3, 30, 21))).values
    planes = [whole_image_result(stored[:, z], enlarger.generator) for z in range(3)]
    np.testing.assert_array_equal(run(plugins, source, enlarger, 17).values, np.stack(planes, axis=1))


def test_roles_and_not_positions_decide_the_axes(plugins: Plugins, rng: np.random.Generator) -> None:
    stored = rng.integers(0, 256, (1, 12, 15, 5), dtype=np.uint8)  # column, row, slice
    source = ArraySource(stored, roles={"column": 0, "row": 1, "slice": 2})
    enlarger = integer_enlarger(Scale(row=2, column=3))
    sr = run(plugins, source, enlarger, 11).values
    planes = [whole_image_result(stored[..., z].transpose(0, 2, 1), enlarger.generator) for z in range(5)]
    np.testing.assert_array_equal(sr, np.stack([p.transpose(0, 2, 1) for p in planes], axis=-1))


@pytest.mark.parametrize("tile", [9, 12, 100])
def test_a_three_dimensional_network_sees_the_volume(plugins: Plugins, rng: np.random.Generator, tile: int) -> None:
    source = volume(rng, 7, 16, 19)
    enlarger = integer_enlarger(Scale(row=1, column=1, slice=4), ("slice", "row", "column"))
    expected = whole_image_result(source.read(Window.whole((7, 16, 19))).values, enlarger.generator)
    np.testing.assert_array_equal(run(plugins, source, enlarger, tile).values, expected)


def test_a_one_channel_network_treats_each_channel_alone(plugins: Plugins, rng: np.random.Generator) -> None:
    source = image(rng, 3, 20, 22)
    enlarger = integer_enlarger(Scale(2, 2))
    stored = source.read(Window.whole((20, 22))).values
    expected = np.concatenate([whole_image_result(stored[c : c + 1], enlarger.generator) for c in range(3)])
    np.testing.assert_array_equal(run(plugins, source, enlarger).values, expected)


def test_channels_of_the_same_names_are_brought_into_the_networks_order(
    plugins: Plugins, rng: np.random.Generator
) -> None:
    stored = rng.integers(0, 256, (2, 9, 9), dtype=np.uint8)
    source = ArraySource(stored, channels=[Channel("red"), Channel("blue")])
    sr = run(plugins, source, first_only("blue", "red")).values
    assert (sr[0] == 0).all()
    np.testing.assert_array_equal(sr[1], stored[1].repeat(2, 0).repeat(2, 1))


def first_only(*names: str, **more: Any) -> Enlarger:
    """Return an enlarger that keeps its first channel and sets the others to 0."""
    keep = torch.eye(len(names))[0][:, None, None]
    inputs = tuple(Channel(name) for name in names)
    return Enlarger("first", Scale(2, 2), Mapper(lambda lr: lr * keep), ("row", "column"), len(names), inputs, **more)


def test_channels_of_other_names_are_refused_and_taken_by_position_only_when_asked(
    plugins: Plugins, rng: np.random.Generator
) -> None:
    source = image(rng, 2, 9, 9)
    with pytest.raises(ModelError, match=r"2 channels blue, red; the image has 2: .*--bands-by-position"):
        run(plugins, source, first_only("blue", "red"))
    sr = run(plugins, source, first_only("blue", "red", choice=ChannelChoice(by_position=True))).values
    assert (sr[1] == 0).all()
    swapped = run(plugins, source, first_only("blue", "red", choice=ChannelChoice(("2", "1")))).values
    assert (swapped[0] == 0).all()
    assert (swapped[1] == sr[1][0, 0]).sum() < sr[1].size


def test_permuted_channels_give_the_same_numbers_permuted(plugins: Plugins, rng: np.random.Generator) -> None:
    names = ("blue", "green", "red")
    stored = rng.integers(0, 256, (3, 30, 31), dtype=np.uint8)
    enlarger = replace(integer_enlarger(Scale(2, 2), channels=3), inputs=tuple(Channel(name) for name in names))
    straight = run(plugins, ArraySource(stored, channels=[Channel(n) for n in names]), enlarger).values
    turned = run(plugins, ArraySource(stored[::-1].copy(), channels=[Channel(n) for n in names[::-1]]), enlarger).values
    np.testing.assert_array_equal(turned[::-1], straight)


def test_channels_that_the_model_does_not_take_are_refused_or_interpolated(
    plugins: Plugins, rng: np.random.Generator
) -> None:
    stored = rng.integers(0, 256, (4, 40, 41), dtype=np.uint8)
    names = ("nir", "blue", "green", "red")
    source = ArraySource(stored, channels=[Channel(name) for name in names])
    enlarger = replace(integer_enlarger(Scale(2, 2), channels=3), inputs=tuple(Channel(n) for n in names[1:]))
    with pytest.raises(ModelError, match=r"does not take nir of the image; .*--extra-bands"):
        run(plugins, source, enlarger)
    sr = run(plugins, source, replace(enlarger, choice=ChannelChoice(extra="bicubic")), 24).values
    alone = run(plugins, ArraySource(stored[1:], channels=[Channel(n) for n in names[1:]]), enlarger).values
    np.testing.assert_array_equal(sr[1:], alone)
    np.testing.assert_allclose(
        sr[0], run(plugins, source, Enlarger.baseline("bicubic", Scale(2, 2))).values[0], atol=1e-4
    )


def test_alpha_is_repeated_and_never_interpolated(plugins: Plugins, rng: np.random.Generator) -> None:
    stored = rng.integers(0, 256, (2, 9, 9), dtype=np.uint8)
    source = ArraySource(stored, channels=[Channel("grey"), Channel("alpha", "alpha")])
    sr = run(plugins, source, Enlarger.baseline("bicubic", Scale(2, 2))).values
    np.testing.assert_array_equal(sr[1], stored[1].repeat(2, 0).repeat(2, 1))
    assert (sr[0] != stored[0].repeat(2, 0).repeat(2, 1)).any()


@pytest.mark.parametrize("garbage", [np.nan, 1e30, -5.0])
@pytest.mark.parametrize("per_channel", [True, False])
def test_garbage_under_invalid_samples_changes_no_valid_bit(
    plugins: Plugins, rng: np.random.Generator, garbage: float, per_channel: bool
) -> None:
    torch.manual_seed(0)
    network = SRResNet(ndim=2, channels=2, scale=2, features=8, blocks=1, head_kernel=3).eval()
    enlarger = Enlarger("srresnet", Scale(2, 2), network, ("row", "column"), 2, normalizer=RANGE)
    values = rng.integers(0, 256, (2, 50, 61)).astype(np.float32)
    valid = ndimage.gaussian_filter(rng.random((2 if per_channel else 1, 50, 61)), (0, 3, 3)) > 0.5
    clean = ArraySource(np.where(valid, values, np.float32(0)), valid=valid)
    dirty = ArraySource(np.where(valid, values, np.float32(garbage)), valid=valid)
    a, b = run(plugins, clean, enlarger, 30), run(plugins, dirty, enlarger, 30)
    footprint = valid.repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(b.valid & np.ones_like(a.valid), footprint | np.zeros_like(a.valid))
    shown = np.broadcast_to(footprint, a.values.shape)
    np.testing.assert_array_equal(a.values[shown], b.values[shown])
    repeated = dirty.read(Window.whole((50, 61))).values.repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(b.values[~shown], repeated[~shown])


@pytest.mark.parametrize("tile", [20, 33])
def test_filling_does_not_depend_on_the_tile(plugins: Plugins, rng: np.random.Generator, tile: int) -> None:
    values = (rng.integers(0, 64, (1, 70, 80)) * 1024).astype(np.float32)
    valid = ndimage.gaussian_filter(rng.random((1, 70, 80)), (0, 2, 2)) > 0.52
    source = ArraySource(values, valid=valid)
    baseline = Enlarger.baseline("bicubic", Scale(2, 2))
    whole = run(plugins, source, baseline, 1000)
    np.testing.assert_array_equal(run(plugins, source, baseline, tile).values, whole.values)


def test_a_hole_in_a_constant_image_does_not_darken_its_rim(plugins: Plugins) -> None:
    values = np.full((1, 30, 30), 5000, np.uint16)
    valid = np.ones((1, 30, 30), bool)
    valid[:, 10:20, 10:20] = False
    values[~valid] = 0
    sr = run(plugins, ArraySource(values, valid=valid), Enlarger.baseline("bicubic", Scale(2, 2)))
    np.testing.assert_allclose(sr.values[sr.valid], 5000, rtol=1e-6)
    assert (sr.values[~sr.valid] == 0).all()


def test_tiles_without_valid_samples_skip_the_network(plugins: Plugins) -> None:
    calls = []
    mapper = Mapper(lambda lr: calls.append(1) or lr)
    valid = np.zeros((1, 40, 40), bool)
    valid[:, :10] = True
    source = ArraySource(np.zeros((1, 40, 40), np.float32), valid=valid)
    enlarger = Enlarger("counter", Scale(2, 2), mapper, ("row", "column"))
    pieces = list(enlarge(plugins, source, enlarger, domain="toy", wishes=Wishes(tile=10)))
    assert (len(pieces), len(calls)) == (16, 4)


def test_an_image_without_any_valid_sample_is_repeated(plugins: Plugins) -> None:
    source = ArraySource(np.full((1, 9, 9), np.nan, np.float32))
    sr = run(plugins, source, integer_enlarger(Scale(2, 2)))
    assert np.isnan(sr.values).all()
    assert not sr.valid.any()


def test_values_that_are_no_numbers_spread_no_further_than_themselves(plugins: Plugins) -> None:
    values = np.ones((1, 30, 30), np.float32)
    values[0, 5, 6], values[0, 20, 20] = np.nan, np.inf
    sr = run(plugins, ArraySource(values), Enlarger.baseline("lanczos", Scale(2, 2))).values
    assert np.isnan(sr).sum() == np.isinf(sr).sum() == 4


def test_a_network_that_makes_no_numbers_is_stopped(plugins: Plugins, rng: np.random.Generator) -> None:
    enlarger = Enlarger("broken", Scale(2, 2), Mapper(lambda lr: lr / 0), ("row", "column"))
    with pytest.raises(NetworkOutputError, match="no numbers"):
        run(plugins, image(rng, 1, 8, 8), enlarger)


def test_float64_is_kept_by_baselines(plugins: Plugins) -> None:
    exact = 2.0**40 + 1
    sr = run(plugins, ArraySource(np.full((1, 5, 5), exact)), Enlarger.baseline("nearest", Scale(2, 2))).values
    assert sr.dtype == np.float64
    assert (sr == exact).all()


def test_values_outside_the_range_pass_through_a_residual_network(plugins: Plugins) -> None:
    values = np.full((1, 12, 12), 300, np.uint16)
    enlarger = Enlarger("identity", Scale(2, 2), Mapper(lambda lr: lr), ("row", "column"), normalizer=RANGE)
    np.testing.assert_allclose(run(plugins, ArraySource(values), enlarger).values, 300, rtol=1e-6)


@pytest.mark.parametrize("tile", [16, 24])
def test_windows_of_a_global_network_are_blended_without_steps(plugins: Plugins, tile: int) -> None:
    class Global(Mapper):
        halo = None

        def __init__(self) -> None:
            super().__init__(lambda lr: lr + 0 * lr.mean())
            self.halo = None

    ramp = np.add.outer(np.arange(50.0), np.arange(61.0))[None].astype(np.float32)
    enlarger = Enlarger("global", Scale(2, 2), Global(), ("row", "column"))
    sr = run(plugins, ArraySource(ramp), enlarger, tile).values
    np.testing.assert_allclose(sr[0], ramp[0].repeat(2, 0).repeat(2, 1), rtol=1e-5, atol=1e-5)


def test_a_source_with_neighbours_gives_the_same_as_the_mosaic(plugins: Plugins, rng: np.random.Generator) -> None:
    class Part:
        """The middle of a larger image, which can be read beyond its edges."""

        def __init__(self, mosaic: ArraySource) -> None:
            self.__dict__.update(vars(mosaic))
            self.mosaic, self.grid, self.frames = mosaic, Grid.pixels((20, 30)), 1
            self.extent = Window((-25, -20), (35, 40))

        def read(self, window: Window, frame: int = 0) -> Block:
            return self.mosaic.read(window.shifted((25, 20)), frame)

        def close(self) -> None:
            pass

    mosaic = image(rng, 1, 60, 60)
    enlarger = integer_enlarger(Scale(2, 2))
    whole = run(plugins, mosaic, enlarger, 1000).values
    part = run(plugins, Part(mosaic), enlarger, 17).values
    np.testing.assert_array_equal(part, whole[:, 50:90, 40:100])


@pytest.mark.parametrize(
    ("roles", "scale", "error", "words"),
    [
        (("slice", "row", "column"), Scale(2, 2, 2), UsageError, "no slice axis"),
        (("slice", "row", "column"), Scale(2, 2), ModelError, "no slice axis"),
    ],
)
def test_a_network_for_other_axes_is_refused(
    plugins: Plugins, rng: np.random.Generator, roles: Any, scale: Scale, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        run(plugins, image(rng, 1, 8, 8), integer_enlarger(scale, roles))


def test_a_network_for_another_number_of_channels_is_refused(plugins: Plugins, rng: np.random.Generator) -> None:
    with pytest.raises(ModelError, match="is for 3 channels, the image has 2"):
        run(plugins, image(rng, 2, 8, 8), integer_enlarger(Scale(2, 2), channels=3))


def test_an_axis_that_may_not_be_scaled_is_refused_with_its_reason(plugins: Plugins, rng: np.random.Generator) -> None:
    source = volume(rng, 4, 8, 8)
    source.fixed_axes = {0: "slice positions are irregular"}
    with pytest.raises(InputError, match="slice cannot be scaled: slice positions are irregular"):
        run(plugins, source, Enlarger.baseline("bicubic", Scale(1, 1, 2)))
    assert run(plugins, source, Enlarger.baseline("bicubic", Scale(2, 2))).values.shape == (1, 4, 16, 16)
