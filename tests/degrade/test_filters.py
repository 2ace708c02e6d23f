import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from srkit.degrade import apply, parse


def degraded(hr: Tensor, scale: tuple[int, ...], *steps: dict[str, object]) -> Tensor:
    return apply(hr, parse(steps), scale)


@pytest.fixture
def picture() -> Tensor:
    return torch.rand(2, 3, 24, 36, dtype=torch.double, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("factor", [2, 3, 4, 6])
def test_bicubic_equals_torchs_antialiased_bicubic(picture: Tensor, factor: int) -> None:
    judge = F.interpolate(picture, scale_factor=1 / factor, mode="bicubic", antialias=True, align_corners=False)
    torch.testing.assert_close(degraded(picture, (factor, factor), {"name": "bicubic"}), judge)


@pytest.mark.parametrize("scale", [(2, 2), (3, 4), (1, 2)])
def test_bicubic_equals_pillows_in_floating_point(picture: Tensor, scale: tuple[int, int]) -> None:
    size = (36 // scale[1], 24 // scale[0])
    judge = np.asarray(Image.fromarray(picture[0, 0].float().numpy()).resize(size, Image.Resampling.BICUBIC))
    ours = degraded(picture, scale, {"name": "bicubic"})[0, 0].numpy()
    np.testing.assert_allclose(ours, judge, atol=1e-6)


@pytest.mark.parametrize("scale", [(2, 2), (4, 3)])
def test_area_is_the_mean_of_the_covered_samples(picture: Tensor, scale: tuple[int, int]) -> None:
    torch.testing.assert_close(degraded(picture, scale, {"name": "area"}), F.avg_pool2d(picture, scale))


@pytest.mark.parametrize("factor", [2, 3, 5])
@pytest.mark.parametrize("mtf", [0.2, 0.304])
def test_a_gaussian_by_mtf_leaves_that_modulation_at_lr_nyquist(factor: int, mtf: float) -> None:
    length = 64 * factor
    centre = (np.arange(length) + 0.5) / factor - 0.5  # HR samples in LR indices
    wave = torch.from_numpy(np.cos(math.pi * centre))[None, None, None, :].expand(1, 1, 2, -1)
    lr = degraded(wave, (1, factor), {"name": "gaussian", "mtf": mtf})[0, 0, 0, 10:-10]
    judge = mtf * np.cos(math.pi * np.arange(64))[10:-10]
    np.testing.assert_allclose(lr.numpy(), judge, atol=2e-3)


def test_a_gaussian_by_sigma_equals_the_formula() -> None:
    hr = torch.rand(1, 1, 4, 60, dtype=torch.double)
    lr = degraded(hr, (1, 4), {"name": "gaussian", "sigma": 0.5})[0, 0, 0]
    distance = np.arange(60)[None, :] - ((np.arange(15) + 0.5) * 4 - 0.5)[:, None]
    weights = np.exp(-0.5 * (distance / (0.5 * 4)) ** 2)
    judge = weights / weights.sum(axis=1, keepdims=True) @ hr[0, 0, 0].numpy()
    np.testing.assert_allclose(lr.numpy(), judge, atol=1e-4)  # our kernel ends at 4 sigma


def test_every_band_can_have_its_own_mtf(picture: Tensor) -> None:
    together = degraded(picture, (2, 2), {"name": "gaussian", "mtf": [0.3, 0.2, 0.4]})
    for band, mtf in enumerate([0.3, 0.2, 0.4]):
        alone = degraded(picture[:, band : band + 1], (2, 2), {"name": "gaussian", "mtf": mtf})
        torch.testing.assert_close(together[:, band : band + 1], alone, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("thickness", [0.7, 1.0, 1.5])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_box_profile_is_the_integral_over_the_slices_thickness(factor: int, thickness: float) -> None:
    volume = torch.rand(1, 1, 12 * factor, 2, 2, dtype=torch.double)
    lr = degraded(volume, (factor, 1, 1), {"name": "profile", "shape": "box", "thickness": thickness})
    line = volume[0, 0, :, 0, 0].numpy()
    total = np.concatenate([[0], np.cumsum(line)])  # integral of the piecewise constant signal, from its edge
    edges = (np.arange(12) + 0.5) * factor
    high = np.interp(edges + thickness * factor / 2, np.arange(len(total)), total)
    low = np.interp(edges - thickness * factor / 2, np.arange(len(total)), total)
    np.testing.assert_allclose(lr[0, 0, 1:-1, 0, 0], ((high - low) / (thickness * factor))[1:-1], rtol=1e-9)


def test_a_gaussian_profile_has_the_thickness_as_its_width_at_half_maximum() -> None:
    factor, thickness, count = 8, 1.25, 9
    half = thickness * factor / 2
    response = {}
    for z in range(factor * count):
        volume = torch.zeros(1, 1, factor * count, 1, 1, dtype=torch.double)
        volume[0, 0, z] = 1
        response[z - (4.5 * factor - 0.5)] = float(
            degraded(volume, (factor, 1, 1), {"name": "profile", "thickness": thickness})[0, 0, 4, 0, 0]
        )
    positions, heights = np.array(list(response)), np.array(list(response.values()))
    peak = float(np.interp(0, positions, heights)) / math.exp(-0.5 * (0.5 / (2 * half / 2.35482)) ** 2)
    assert np.interp(half, positions, heights) / peak == pytest.approx(0.5, abs=0.02)


def test_a_profile_acts_on_slices_alone_and_bicubic_on_the_rest() -> None:
    volume = torch.rand(1, 1, 8, 12, 12, dtype=torch.double)
    both = degraded(volume, (4, 2, 2), {"name": "profile", "shape": "box"}, {"name": "bicubic"})
    thick = volume.reshape(1, 1, 2, 4, 12, 12).mean(dim=3)
    judge = F.interpolate(thick[0], scale_factor=0.5, mode="bicubic", antialias=True)[None]
    torch.testing.assert_close(both, judge)


@pytest.mark.parametrize(
    "steps",
    [
        ({"name": "bicubic"},),
        ({"name": "area"},),
        ({"name": "gaussian", "sigma": 0.6},),
        ({"name": "gaussian", "mtf": 0.25},),
        ({"name": "kspace"},),
        ({"name": "kspace", "window": "hamming"},),
        ({"name": "kspace", "window": "tukey"},),
        ({"name": "profile", "axes": ["row", "column"], "thickness": 1.3},),
        ({"name": "profile", "axes": ["row", "column"], "shape": "box", "thickness": 0.8},),
        ({"name": "area", "axes": ["row"]}, {"name": "kspace"}),
    ],
)
@pytest.mark.parametrize("scale", [(2, 2), (3, 4)])
def test_lr_lies_on_the_edge_aligned_grid(steps: tuple[dict[str, object], ...], scale: tuple[int, int]) -> None:
    centre, size = (46.3, 51.7), (96, 96)
    row, column = np.mgrid[: size[0], : size[1]]
    blob = torch.from_numpy(np.exp(-((row - centre[0]) ** 2 + (column - centre[1]) ** 2) / (2 * 7.0**2)))
    lr = degraded(blob[None, None], scale, *steps)[0, 0].numpy()
    for axis in range(2):
        line = lr.sum(axis=1 - axis)
        index = (line * np.arange(len(line))).sum() / line.sum()
        assert (index + 0.5) * scale[axis] - 0.5 == pytest.approx(centre[axis], abs=0.01 * scale[axis])
    assert lr.sum() * scale[0] * scale[1] == pytest.approx(float(blob.sum()), rel=1e-3)


def test_dropping_samples_would_fail_that_test() -> None:
    line = np.exp(-((np.arange(96) - 46.3) ** 2) / (2 * 7.0**2))[::2]
    index = (line * np.arange(48)).sum() / line.sum()
    assert abs((index + 0.5) * 2 - 0.5 - 46.3) > 0.4


def test_float32_values_of_16_bit_images_stay_exact_to_a_thousandth() -> None:
    hr = torch.randint(0, 65536, (1, 1, 32, 32), generator=torch.Generator().manual_seed(1))
    single = degraded(hr.float(), (2, 2), {"name": "bicubic"})
    torch.testing.assert_close(single.double(), degraded(hr.double(), (2, 2), {"name": "bicubic"}), rtol=0, atol=0.05)
