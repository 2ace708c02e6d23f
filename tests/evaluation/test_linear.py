import numpy as np
import pytest
import torch

from srkit.degrade import apply, parse
from srkit.errors import UsageError
from srkit.evaluation import evaluate
from srkit.evaluation.linear import Linear, reconstructed, tuned_prior
from srkit.grid import Scale
from srkit.networks.wiener import Wiener
from srkit.upscaling.planning.linear import Prior

BLUR = [{"name": "gaussian", "sigma": 0.5}]
NOISY = [*BLUR, {"name": "gaussian_noise", "sigma": 60}]
TWO = Scale(2, 2)


def psnr_of_wiener(path, plugins, degradation, linear):
    table = evaluate(path, models="wiener", scale=2, degradation=degradation, linear=linear, plugins=plugins)
    return table.values("wiener", "psnr")[0]


def test_tuning_finds_more_noise_where_there_is_more_and_gains_by_it(save_array, toy_plugins, monkeypatch):
    monkeypatch.setattr("srkit.evaluation.linear.NOISES", (3e-3, 1e-1))
    monkeypatch.setattr("srkit.evaluation.linear.EXPONENTS", (2.5,))
    tuning, held_out = save_array("a_image", (48, 48)), save_array("b_image", (48, 48), seed=1)
    clean, noisy = (
        tuned_prior([tuning], domain="toy", scale=TWO, degradation=steps, linear=BLUR, plugins=toy_plugins)
        for steps in (BLUR, NOISY)
    )
    assert noisy.noise > clean.noise
    tuned, plain = (psnr_of_wiener(held_out, toy_plugins, NOISY, Linear(BLUR, p)) for p in (noisy, Prior()))
    assert tuned > plain + 0.5


def test_the_rival_may_know_another_degradation_than_there_is(save_array, toy_plugins):
    path = save_array("a_image", (48, 48))
    right, wrong = (
        psnr_of_wiener(path, toy_plugins, BLUR, Linear(steps)) for steps in (BLUR, [{"name": "gaussian", "sigma": 0.8}])
    )
    assert right > wrong + 1


def test_there_must_be_something_to_tune_on(tmp_path, toy_plugins):
    (tmp_path / "broken_image.npy").write_bytes(b"no array")
    with pytest.raises(UsageError, match="nothing to tune"):
        tuned_prior([tmp_path], domain="toy", scale=TWO, degradation=BLUR, linear=None, plugins=toy_plugins)


@pytest.mark.parametrize("sigma", [0.4, [0.3, 0.6]])
def test_whole_arrays_are_reconstructed_channel_by_channel_or_together(sigma):
    steps = [{"name": "gaussian", "sigma": sigma}]
    network = Wiener(degradation=steps, channels=2 if isinstance(sigma, list) else 1)
    hr = torch.from_numpy(np.random.default_rng(0).normal(500, 50, (1, 2, 32, 32))).float()
    lr = apply(hr, parse(steps), (2, 2))[0].numpy()
    found = reconstructed(network, lr)
    assert found.shape == (2, 32, 32)
    band = Wiener(degradation=[{"name": "gaussian", "sigma": 0.4 if network.channels == 1 else 0.6}])
    np.testing.assert_allclose(found[1], reconstructed(band, lr[1:])[0], rtol=1e-5)
