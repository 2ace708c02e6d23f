from dataclasses import replace

import numpy as np
import pytest

from srkit.arrays import ArraySource
from srkit.data import acquisition
from srkit.data.acquisition import fitted_degradation, mean_signal
from srkit.degrade import parse
from srkit.errors import InputError
from srkit.grid import Slab

VALUES = np.arange(2 * 6 * 8, dtype=np.float32).reshape(2, 6, 8)


def source(values=VALUES, valid=None):
    return ArraySource(values.astype(np.uint16), valid=valid)


def test_the_signal_is_the_mean_of_the_valid_samples_of_each_channel(toy_plugins):
    valid = VALUES > 40
    found = mean_signal(toy_plugins, "toy", source(valid=valid))
    assert found == [VALUES[0][valid[0]].mean(), VALUES[1].mean()]


def test_of_a_large_item_some_slabs_are_seen(toy_plugins, monkeypatch):
    monkeypatch.setattr(acquisition, "ENOUGH_SAMPLES", 24)
    large = source()
    large.slab = Slab(0, 1)
    assert mean_signal(toy_plugins, "toy", large) == pytest.approx([VALUES[0, ::2].mean(), VALUES[1, ::2].mean()])


def test_invalid_samples_do_not_count_where_only_some_slabs_have_them(toy_plugins):
    class Holed(ArraySource):
        def read(self, window, frame=0):
            block = super().read(window, frame)
            return block if window.start[0] == 0 else replace(block, valid=None)

    valid = np.ones(VALUES.shape, bool)
    valid[:, 0, :4] = False
    holed = Holed(VALUES.astype(np.uint16), valid=valid)
    holed.slab = Slab(0, 1)
    assert mean_signal(toy_plugins, "toy", holed) == pytest.approx([VALUES[c][valid[c]].mean() for c in (0, 1)])


def test_an_item_without_signal_has_no_snr(toy_plugins):
    with pytest.raises(InputError, match="mean of 0 in 1, to which no SNR can refer"):
        mean_signal(toy_plugins, "toy", source(np.zeros((1, 4, 4), np.float32)))


def test_a_degradation_learns_from_the_item_what_only_that_knows(toy_plugins):
    steps = parse([{"name": "area"}, {"name": "rician", "snr": 20}, {"name": "rounding"}])
    fitted = fitted_degradation(toy_plugins, "toy", steps, source()).steps
    assert fitted[1].parameters["signal"] == [VALUES[0].mean(), VALUES[1].mean()]
    assert fitted[2].parameters["high"] == 65535
