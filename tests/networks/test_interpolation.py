"""Interpolation against scipy, torch, and closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor

from srkit.networks.interpolation import KINDS, Interpolation

SMOOTH = [kind for kind in KINDS if kind != "nearest"]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize("scale", [(2,), (3, 2), (2, 1, 4)])
def test_bspline_equals_scipy(scale: tuple[int, ...]) -> None:
    lr = random(*(9, 11, 8)[: len(scale)])
    expected = ndimage.zoom(lr.numpy(), scale, order=3, mode="reflect", grid_mode=True)
    sr = Interpolation("bspline", scale)(lr[None, None])[0, 0]
    np.testing.assert_allclose(sr.numpy(), expected, atol=2e-8)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_bspline_of_a_short_axis_equals_scipy_on_the_mirrored_one(length: int) -> None:
    lr = random(length)
    mirrored = np.pad(lr.numpy(), 60 * length, mode="symmetric")  # scipy's own mirror is inexact below 7 samples
    expected = ndimage.zoom(mirrored, 4, order=3, mode="reflect", grid_mode=True)[240 * length : -240 * length]
    np.testing.assert_allclose(Interpolation("bspline", (4,))(lr[None, None])[0, 0].numpy(), expected, atol=1e-8)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_nearest_repeats_every_sample(scale: int) -> None:
    lr = random(2, 3, 5, 4)
    expected = lr.numpy().repeat(scale, axis=2).repeat(scale, axis=3)
    np.testing.assert_array_equal(Interpolation("nearest", (scale, scale))(lr).numpy(), expected)


@pytest.mark.parametrize("scale", [2, 3, 5])
def test_bicubic_equals_pillows_kernel_away_from_the_border(scale: int) -> None:
    image = pytest.importorskip("PIL.Image")
    lr = random(16, 18).float()
    expected = np.asarray(image.fromarray(lr.numpy()).resize((18 * scale, 16 * scale), image.Resampling.BICUBIC))
    inner = (slice(2 * scale, -2 * scale),) * 2
    sr = Interpolation("bicubic", (scale, scale))(lr[None, None])[0, 0].numpy()
    np.testing.assert_allclose(sr[inner], expected[inner], atol=2e-6)


def test_lanczos_equals_pillows_kernel_away_from_the_border() -> None:
    image = pytest.importorskip("PIL.Image")
    lr = random(20, 20).float()
    expected = np.asarray(image.fromarray(lr.numpy()).resize((40, 40), image.Resampling.LANCZOS))
    inner = (slice(6, -6),) * 2
    sr = Interpolation("lanczos", (2, 2))(lr[None, None])[0, 0].numpy()
    np.testing.assert_allclose(sr[inner], expected[inner], atol=5e-6)


@pytest.mark.parametrize("kind", SMOOTH)
def test_a_constant_stays_constant(kind: str) -> None:
    sr = Interpolation(kind, (3, 2))(torch.full((1, 1, 4, 9), 1234.5, dtype=torch.float64))
    np.testing.assert_allclose(sr.numpy(), 1234.5, rtol=1e-14)


@pytest.mark.parametrize("kind", ["bicubic", "bspline"])
def test_a_ramp_lies_where_its_samples_are(kind: str) -> None:
    lr = torch.arange(60, dtype=torch.float64)[None, None]
    sr = Interpolation(kind, (4,))(lr)[0, 0].numpy()
    position = (np.arange(240) + 0.5) / 4 - 0.5
    np.testing.assert_allclose(sr[80:-80], position[80:-80], atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_piece_with_its_halo_gives_the_bits_of_the_whole(kind: str, data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 60)), data.draw(st.integers(40, 70))
    network = Interpolation(kind, (2, 3))
    start = data.draw(st.integers(0, columns - 1))
    stop = data.draw(st.integers(start + 1, columns))
    lr = random(1, 1, rows, columns).float()
    low, high = max(0, start - network.halo[1]), min(columns, stop + network.halo[1])
    piece = network(lr[..., low:high])[..., 3 * (start - low) : 3 * (stop - low)]
    assert torch.equal(piece, network(lr)[..., 3 * start : 3 * stop])


def test_a_halo_one_sample_short_is_not_enough() -> None:
    network = Interpolation("bicubic", (2, 2))
    lr = random(1, 1, 20, 20)
    short = network.halo[1] - 1
    piece = network(lr[..., 10 - short : 15])[..., 2 * short : 2 * short + 4]
    assert not torch.equal(piece, network(lr)[..., 20:24])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3)])
def test_tiny_images_equal_the_explicitly_mirrored_image(kind: str, shape: tuple[int, int]) -> None:
    lr = random(*shape)
    padded = torch.from_numpy(np.pad(lr.numpy(), 25, mode="symmetric"))
    network = Interpolation(kind, (2, 2))
    expected = network(padded[None, None])[..., 50:-50, 50:-50]
    torch.testing.assert_close(network(lr[None, None]), expected, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_float_type_is_kept(dtype: torch.dtype) -> None:
    assert Interpolation("bspline", (2, 1))(random(1, 1, 4, 4).to(dtype)).dtype == dtype


def test_gradients_flow() -> None:
    lr = random(1, 1, 5, 5).requires_grad_()
    Interpolation("bicubic", (2, 2))(lr).sum().backward()
    assert lr.grad is not None
    torch.testing.assert_close(lr.grad, torch.full_like(lr, 4.0))


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="nearest, bicubic"):
        Interpolation("cubic", (2, 2))  # type: ignore[arg-type]
