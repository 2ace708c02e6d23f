"""Images in decibels: how they agree with their inputs is a question of power."""

import json

import numpy as np
import pytest
import torch
from srkit_satellite.source import RasterSource

from srkit import Degradation, Scale, Step, degrade
from srkit.cli.app import run
from srkit.plugins import degradation, load_plugins


@pytest.fixture
def backscatter(make):
    """Speckle in decibels, with a collar of no data."""
    power = np.random.default_rng(0).exponential(0.1, (1, 40, 48)).astype(np.float32)
    decibels = 10 * np.log10(power)
    decibels[:, :6, :9] = -9999
    return make("sigma0.tif", decibels, nodata=-9999, edit=lambda raster: setattr(raster, "units", ["dB"]))


def mean_power(decibels):
    """The decibels of the mean power of 2 x 2 pixels."""
    rows, columns = decibels.shape[-2] // 2, decibels.shape[-1] // 2
    power = 10 ** (decibels.astype(np.float64) / 10)
    return 10 * np.log10(np.maximum(power.reshape(rows, 2, columns, 2).mean(axis=(1, 3)), 1e-30))


def test_steps_act_on_power():
    decibels = torch.tensor([[[[0.0, 10.0], [20.0, 0.0]]]])
    seen = degrade.apply(decibels, Degradation((Step("area", {}),), decibel=True), (2, 2))
    assert float(seen) == pytest.approx(10 * np.log10((1 + 10 + 100 + 1) / 4))


@pytest.mark.parametrize("spec", [None, [{"name": "area"}], [{"name": "sensor_mtf", "sensor": "geoeye-1"}]])
def test_every_degradation_of_such_an_image_acts_on_power(make, spec):
    units = ["dB"] * 4
    path = make("four.tif", np.ones((4, 8, 8), np.float32), edit=lambda raster: setattr(raster, "units", units))
    source = RasterSource(path, {})
    assert degradation(load_plugins(), "satellite", spec, source, Scale(2, 2)).decibel
    source.close()


def test_agreement_is_measured_in_power_and_said_in_decibels(backscatter, tmp_path, reopen):
    out = tmp_path / "out.tif"
    assert run(["upscale", str(backscatter), "-o", str(out), "--model", "bicubic"]) == 0
    found = json.loads(reopen(out).tags()["SRKIT_CONSISTENCY"])["channels"][0]
    before, after = reopen(backscatter).read(1), reopen(out).read(1)
    measured = before != -9999
    difference = (mean_power(after) - before)[measured]
    assert found["bias"] == pytest.approx(difference.mean(), rel=1e-3)
    assert found["rmse"] == pytest.approx(np.sqrt((difference**2).mean()), rel=1e-3)


def test_repeated_pixels_agree_exactly_beside_no_data_too(backscatter, tmp_path, reopen):
    out = tmp_path / "out.tif"
    assert run(["upscale", str(backscatter), "-o", str(out), "--model", "nearest"]) == 0
    found = json.loads(reopen(out).tags()["SRKIT_CONSISTENCY"])["channels"][0]
    assert found["largest"] < 1e-4


def test_decibels_cannot_be_made_consistent(backscatter, tmp_path, capsys):
    command = ["upscale", str(backscatter), "-o", str(tmp_path / "out.tif"), "--model", "bicubic", "--consistency"]
    assert run(command) == 2
    assert "convert them to power first" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out.tif").exists()
