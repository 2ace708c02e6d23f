"""Wiener's filter against what is known of it: formulas, other optima, and images."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from srkit.degrade import apply, parse
from srkit.errors import RecipeError
from srkit.networks.interpolation import Interpolation
from srkit.networks.wiener import Wiener

MTF = [{"name": "gaussian", "sigma": 0.45}]
HAMMING = [{"name": "kspace", "window": "hamming"}]


def scene(shape: tuple[int, ...], exponent: float = 2.5, seed: int = 0) -> torch.Tensor:
    """Return a random image whose spectral power falls with the frequency's `exponent`."""
    white = np.fft.fftn(np.random.default_rng(seed).standard_normal(shape))
    square = sum(np.square(f) for f in np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij"))
    square.flat[0] = np.inf
    image = np.fft.ifftn(white * square ** (-exponent / 4)).real
    return torch.from_numpy(image / image.std() + 10)[None, None]


def error(sr: torch.Tensor, hr: torch.Tensor, border: int = 24) -> float:
    inner = (..., *[slice(border, -border)] * (hr.ndim - 2))
    return float(((sr - hr)[inner] ** 2).mean())


@pytest.mark.parametrize("steps", [MTF, HAMMING, [{"name": "bicubic"}], [{"name": "area"}]], ids=lambda s: s[0]["name"])
@pytest.mark.parametrize("scale", [2, 3])
def test_it_reconstructs_better_than_every_interpolation(steps: list[dict], scale: int) -> None:
    hr = scene((180, 180))
    lr = apply(hr, parse(steps), (scale, scale))
    own = error(Wiener(degradation=steps, scale=scale)(lr), hr)
    assert all(
        own < error(Interpolation(k, (scale, scale))(lr), hr) for k in ("nearest", "bicubic", "bspline", "lanczos")
    )


def test_no_other_linear_filter_of_its_reach_does_much_better_on_the_images_that_it_is_made_for() -> None:
    steps, scale, reach = MTF, 2, 3
    noise = 1e-3
    learnt = _least_squares([scene((256, 256), seed=seed) for seed in range(4)], steps, scale, reach)
    hr = scene((256, 256), seed=9)
    lr = apply(hr, parse(steps), (scale, scale))
    own = error(Wiener(degradation=steps, scale=scale, noise=noise, exponent=2.5)(lr), hr)
    assert own < 1.02 * error(learnt(lr), hr)


def _least_squares(images: list[torch.Tensor], steps: list[dict], scale: int, reach: int):
    """Return the filter of (2 reach + 1)^2 taps per HR sample that fits `images` best."""
    size = 2 * reach + 1
    rows, wanted = [], []
    for hr in images:
        lr = apply(hr, parse(steps), (scale, scale)) - 10
        rows.append(torch.nn.functional.unfold(lr, size)[0].T)
        inner = hr[..., scale * reach : -scale * reach, scale * reach : -scale * reach] - 10
        wanted.append(torch.nn.functional.pixel_unshuffle(inner, scale)[0].flatten(1).T)
    weights = torch.linalg.lstsq(torch.cat(rows), torch.cat(wanted)).solution

    def enlarge(lr: torch.Tensor) -> torch.Tensor:
        padded = torch.nn.functional.pad(lr - 10, [reach] * 4, mode="reflect")
        phases = (torch.nn.functional.unfold(padded, size)[0].T @ weights).T.reshape(1, scale**2, *lr.shape[2:])
        return torch.nn.functional.pixel_shuffle(phases, scale) + 10

    return enlarge


@pytest.mark.parametrize(("ndim", "scale"), [(2, (2, 2)), (2, (4, 1)), (3, (4, 1, 1)), (3, (2, 2, 2))])
def test_constants_stay_and_sizes_grow(ndim: int, scale: tuple[int, ...]) -> None:
    steps = [{"name": "area", "axes": ["slice", "row", "column"]}]
    lr = torch.full((1, 1, *range(5, 5 + ndim)), 700.0)
    sr = Wiener(degradation=steps, ndim=ndim, scale=scale)(lr)
    assert sr.shape[2:] == tuple(n * s for n, s in zip(lr.shape[2:], scale, strict=True))
    torch.testing.assert_close(sr, torch.full_like(sr, 700.0), rtol=1e-5, atol=0)


def test_an_axis_of_factor_one_is_left_alone() -> None:
    steps = [{"name": "profile", "shape": "gaussian", "thickness": 1.0}]
    network = Wiener(degradation=steps, ndim=3, scale=(4, 1, 1))
    assert network.halo[1:] == (0, 0)
    lr = scene((9, 6, 7)).float()
    torch.testing.assert_close(network(lr)[..., 2, 3], network(lr[..., 2:3, 3:4])[..., 0, 0])


def test_the_image_stays_where_it_is() -> None:
    hr = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    hr[0, 0, 29, 35] = 1
    hr = torch.from_numpy(ndimage.gaussian_filter(hr.numpy(), (0, 0, 3, 3)))
    sr = Wiener(degradation=MTF, scale=4)(apply(hr, parse(MTF), (4, 4)))
    assert ndimage.center_of_mass(sr[0, 0].numpy()) == pytest.approx((29, 35), abs=1e-3)


def test_a_tile_with_its_halo_gives_the_whole_images_samples() -> None:
    network = Wiener(degradation=MTF, scale=2)
    lr = scene((180, 170)).float()
    halo = network.halo[0]
    tile = network(lr[..., 70 - halo : 85 + halo, 75 - halo : 95 + halo])
    torch.testing.assert_close(
        tile[..., 2 * halo : -2 * halo, 2 * halo : -2 * halo], network(lr)[..., 140:170, 150:190]
    )


def test_each_channel_has_the_filter_of_its_own_blur() -> None:
    steps = [{"name": "gaussian", "sigma": [0.3, 0.6]}]
    both = Wiener(degradation=steps, channels=2, scale=2)
    lr = scene((30, 30)).float().expand(1, 2, 30, 30)
    for channel, sigma in enumerate((0.3, 0.6)):
        alone = Wiener(degradation=[{"name": "gaussian", "sigma": sigma}], scale=2)(lr[:, :1])
        # a Gaussian's tail is cut where that of the widest channel is
        torch.testing.assert_close(both(lr)[:, channel : channel + 1], alone, rtol=3e-4, atol=0)


@pytest.mark.parametrize("numbers", [{"noise": 0.0}, {"noise": float("nan")}, {"exponent": -1.0}, {"exponent": 10.0}])
def test_senseless_numbers_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match="must be above 0"):
        Wiener(degradation=MTF, **numbers)
