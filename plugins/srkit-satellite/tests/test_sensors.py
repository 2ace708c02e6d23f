"""Degradation by a sensor's own sharpness, band by band."""

import math
from contextlib import closing

import numpy as np
import pytest
import torch
from srkit_satellite.plugin import srkit_degradation
from srkit_satellite.source import RasterSource

from srkit import Channel, Item, RecipeError, Scale
from srkit.data.cache import ArrayCache
from srkit.data.opening import Pairing, open_part
from srkit.degrade import apply, settled
from srkit.domain import Part
from srkit.plugins import degradation, load_plugins


@pytest.fixture
def opened(make):
    sources = []

    def read(*names):
        def edit(raster):
            raster.descriptions = names

        sources.append(RasterSource(make("in.tif", np.ones((len(names), 8, 8), np.uint16), edit=edit), {}))
        return sources[-1]

    yield read
    for source in sources:
        source.close()


def spec(sensor, **more):
    return [{"name": "sensor_mtf", "sensor": sensor, **more}]


def test_each_band_has_its_own_response_whatever_the_order(opened):
    source = opened("B8A", "B04, central wavelength 665 nm", "b2")
    steps = srkit_degradation("satellite", spec("sentinel-2"), source).steps
    assert [(step.name, step.parameters) for step in steps] == [("gaussian", {"mtf": [0.325, 0.233, 0.304]})]


def test_response_at_nyquist_is_the_sensors(opened):
    """The judge is the formula of a Gaussian: at half of Nyquist its response is the fourth root."""
    plugins = load_plugins(environment={"SRKIT_PLUGINS": "satellite"})
    steps = degradation(plugins, "satellite", spec("sentinel-2"), opened("B02", "B12"), Scale(2, 2))
    rows = torch.arange(96, dtype=torch.float64)
    wave = torch.cos(2 * math.pi * (rows + 0.5) / 8).expand(1, 2, 96, 96)
    seen = apply(wave, steps, (2, 2), None)[0, :, 24, 8:40]
    ideal = torch.cos(2 * math.pi * (torch.arange(8, 40, dtype=torch.float64) + 0.5) / 4)
    gains = (seen * ideal).sum(1) / (ideal * ideal).sum()
    np.testing.assert_allclose(gains, [0.304**0.25, 0.19**0.25], rtol=0.05)


def test_responses_can_be_drawn_from_around_the_sensors(opened):
    steps = srkit_degradation("satellite", spec("sentinel-2", spread=0.05), opened("B02", "B12"))
    expected = [[0.254, 0.354], [0.14, 0.24]]
    np.testing.assert_allclose([[m["from"], m["to"]] for m in steps.steps[0].parameters["mtf"]], expected)
    drawn = settled(steps, torch.Generator().manual_seed(2)).steps[0].parameters["mtf"]
    assert all(low < m < high for m, (low, high) in zip(drawn, expected, strict=True))
    assert settled(steps, None).steps[0].parameters["mtf"] == pytest.approx([0.304, 0.19])


def test_bands_that_are_chosen_have_their_own_response(make):
    def edit(raster):
        raster.descriptions = ("B02", "B03", "B04", "B08")

    path = make("in.tif", np.ones((4, 32, 32), np.uint16), edit=edit)
    plugins = load_plugins(environment={"SRKIT_PLUGINS": "satellite"})
    normalizer = {"kind": "range", "low": 0, "high": 2}
    inputs = (Channel("B08"), Channel("B03"))
    pairing = Pairing(
        "satellite", Scale(2, 2), ("row", "column"), (16, 16), normalizer, spec("sentinel-2"), inputs=inputs
    )
    item = Item((path,), "satellite", folder="", stem="in", suffix=".tif")
    with closing(open_part(plugins, Part(item), pairing, ArrayCache(1))) as opened_item:
        assert opened_item.degradation.steps[0].parameters == {"mtf": [0.222, 0.276]}


def test_steps_of_the_core_stand_beside(opened):
    noise = {"name": "gaussian_noise", "sigma": 2.0}
    steps = srkit_degradation("satellite", [*spec("quickbird"), noise], opened("b", "g", "r", "n")).steps
    assert [step.name for step in steps] == ["gaussian", "gaussian_noise"]
    assert steps[1].parameters == {"sigma": 2.0}


def test_lists_without_a_sensor_are_left_to_the_core(opened):
    assert srkit_degradation("satellite", [{"name": "bicubic"}], opened("B02")) is None


@pytest.mark.parametrize(
    ("given", "names", "word"),
    [
        (spec("hubble"), ("B02",), "not known"),
        (spec("sentinel-2"), ("B02", "B10"), "no response for B10"),
        (spec("sentinel-2"), ("red",), "no response for red"),
        (spec("worldview-2"), ("a", "b"), "8 bands"),
        (spec("sentinel-2", m=3), ("B02",), "no parameter 'm'"),
        (spec("sentinel-2", spread=0.4), ("B02",), "spread"),
    ],
)
def test_what_is_not_known_is_an_error_that_says_what_is(opened, given, names, word):
    with pytest.raises(RecipeError, match=word):
        srkit_degradation("satellite", given, opened(*names))
