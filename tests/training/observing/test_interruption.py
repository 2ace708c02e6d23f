import os
import signal

import pytest

from srkit.training import resolve_recipe, train
from srkit.training.observing.interruption import Interruption


@pytest.fixture
def recipe(toy_plugins):
    overrides = ("phases.0.steps=5", "validate_every=0", "samples_every=0", "checkpoint_every=0")
    return resolve_recipe(toy_plugins, domain="toy", overrides=overrides)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_the_step_with_a_checkpoint(recipe, toy_plugins, toy_data, tmp_path, number):

    def send(done, total, note):
        if done == 3:
            os.kill(os.getpid(), number)

    result = train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins, progress=send)
    assert (result.interrupted, result.steps) == (True, 3)
    assert (tmp_path / "run" / "checkpoints" / "step_000000003.safetensors").exists()
    assert result.model.exists()


def test_handlers_are_given_back():
    before = signal.getsignal(signal.SIGINT)
    with Interruption():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_a_second_signal_acts_at_once():
    with Interruption():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
