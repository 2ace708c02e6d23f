import numpy as np
import numpy.typing as npt
import pytest
import torch

from srkit.degrade import apply, margin, parse


def formula(x: npt.NDArray[np.float64], factor: int, window: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
    """Evaluate the truncated Fourier series at the centres of the LR samples, term by term."""
    length = len(x)
    size = length // factor
    position = (np.arange(size) + 0.5) * factor - 0.5
    result = np.zeros(size, dtype=np.complex128)
    for weight, k in zip(window, range(-(size // 2), size - size // 2), strict=True):
        coefficient = (x * np.exp(-2j * np.pi * k * np.arange(length) / length)).sum() / length
        result += weight * coefficient * np.exp(2j * np.pi * k * position / length)
    return result


@pytest.mark.parametrize(("length", "factor"), [(24, 2), (30, 2), (27, 3), (32, 4)])
@pytest.mark.parametrize("window", ["none", "hamming"])
def test_a_line_equals_its_truncated_fourier_series(length: int, factor: int, window: str) -> None:
    line = np.random.default_rng(0).uniform(1, 2, length)
    size = length // factor
    k = np.arange(-(size // 2), size - size // 2)
    weights = np.ones(size) if window == "none" else 0.54 + 0.46 * np.cos(2 * np.pi * k / size)
    hr = torch.from_numpy(line)[None, None, None, :].expand(1, 1, 3, -1)
    lr = apply(hr, parse([{"name": "kspace", "window": window}]), (1, factor))
    np.testing.assert_allclose(lr[0, 0, 0], np.abs(formula(line, factor, weights)), rtol=1e-9)


def test_a_signal_within_the_band_is_sampled_where_lr_samples_lie() -> None:
    def signal(position: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return 3 + np.cos(2 * np.pi * 2 * position / 48) + np.sin(2 * np.pi * 5 * position / 48)

    hr = torch.from_numpy(signal(np.arange(48.0)))[None, None, :, None].expand(1, 1, -1, 2)
    lr = apply(hr, parse([{"name": "kspace"}]), (4, 1))
    np.testing.assert_allclose(lr[0, 0, :, 0], signal((np.arange(12) + 0.5) * 4 - 0.5), rtol=1e-9)


def test_an_edge_rings_without_a_window_and_hardly_with_hamming() -> None:
    edge = torch.ones(1, 1, 128, 2, dtype=torch.double)
    edge[..., 33:95, :] = 11
    plain = apply(edge, parse([{"name": "kspace"}]), (4, 1))
    smooth = apply(edge, parse([{"name": "kspace", "window": "hamming"}]), (4, 1))
    assert float(plain.max()) > 11.5  # Gibbs: 9 % of the step, less what the sampling misses
    assert float(smooth.max()) < 11.1


def test_tukey_with_full_taper_is_a_hann_window() -> None:
    hr = torch.rand(1, 1, 32, 2, dtype=torch.double) + 1
    lr = apply(hr, parse([{"name": "kspace", "window": "tukey", "taper": 1.0}]), (2, 1))
    hann = 0.5 + 0.5 * np.cos(2 * np.pi * np.arange(-8, 8) / 16)
    np.testing.assert_allclose(lr[0, 0, :, 0], np.abs(formula(hr[0, 0, :, 0].numpy(), 2, hann)), rtol=1e-9)


def test_values_with_a_sign_keep_it_without_the_magnitude() -> None:
    hr = torch.full((1, 1, 16, 16), -5.0)
    lr = apply(hr, parse([{"name": "kspace", "magnitude": False}]), (2, 2))
    torch.testing.assert_close(lr, torch.full((1, 1, 8, 8), -5.0))


def test_slices_are_left_to_other_steps() -> None:
    volume = torch.rand(1, 1, 4, 16, 16) + 1
    degradation = parse([{"name": "kspace"}, {"name": "profile", "shape": "box"}])
    lr = apply(volume, degradation, (2, 2, 2))
    judge = apply(volume[0].transpose(0, 1), parse([{"name": "kspace"}]), (2, 2))
    torch.testing.assert_close(lr[0, 0], judge.reshape(2, 2, 8, 8).mean(dim=1))
    assert margin(degradation, (2, 2, 2)) == (0, None, None)


def test_sizes_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="no multiple of 2"):
        apply(torch.rand(1, 1, 15, 16), parse([{"name": "kspace"}]), (2, 2))
