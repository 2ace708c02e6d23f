"""What a step came to is read late, and by nobody within a step; what was wrong is said all the same."""

from collections import Counter

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from srkit.errors import DivergedError
from srkit.training import resolve_recipe, train
from srkit.training.learning.outcome import Outcome, Turn

GAN = """
domain: toy
discriminator: {name: unet, parameters: {features: 2}}
losses: {pixel: {kind: l1}, adversarial: {kind: adversarial, game: relativistic, r1: 0.1}}
phases:
  - {name: content, steps: 6, losses: {pixel: 1}}
  - {name: gan, steps: 6, losses: {pixel: 1, adversarial: 0.1}, adversarial_ramp: 2, gradient_clip: 1}
ema: 0.9
data: {workers: 1}
log_every: 5
validate_every: 0
samples_every: 0
checkpoint_every: 0
"""
BELOW = {"_local_scalar_dense", "equal", "is_nonzero", "nonzero"}
ABOVE = {"item", "tolist", "cpu", "numpy", "__float__", "__int__", "__bool__", "__index__"}


class Waiting:
    """Counts, step by step, what makes a program wait for its device; `done` is what a run tells of its progress."""

    def __init__(self):
        self.step, self.below, self.above = 0, Counter(), Counter()

    def done(self, done, total, note):
        self.step = done


class Below(TorchDispatchMode):
    """Sees what torch itself is asked for, whoever asks."""

    def __init__(self, waiting):
        super().__init__()
        self.waiting = waiting

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.overloadpacket.__name__ in BELOW:
            self.waiting.below[self.waiting.step] += 1
        return function(*args, **(kwargs or {}))


class Above(TorchFunctionMode):
    """Sees what a program asks of a tensor."""

    def __init__(self, waiting):
        super().__init__()
        self.waiting = waiting

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") in ABOVE:
            self.waiting.above[self.waiting.step] += 1
        return function(*args, **(kwargs or {}))


def test_no_step_waits_for_the_device(toy_plugins, toy_data, tmp_path, logged):
    """In a run of two phases of 6 steps that logs every 5: counted is under a step what happens after its end."""
    waiting = Waiting()
    with Above(waiting), Below(waiting):
        assert float(torch.ones(())) == 1.0
        assert (sum(waiting.below.values()), sum(waiting.above.values())) == (1, 1)
        (tmp_path / "gan.yaml").write_text(GAN)
        recipe = resolve_recipe(toy_plugins, tmp_path / "gan.yaml")
        train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins, progress=waiting.done)
    saved = {0, 5, 11, 12}  # checkpoints are written before the first step and after the last one of a phase
    assert set(waiting.below) <= saved
    late, at_once = {1: 1, 2: 1, 3: 1, 7: 1, 8: 1}, {4: 2, 9: 2}  # a logged step is read at once, and not again
    assert {step: count for step, count in waiting.above.items() if step not in saved} == late | at_once
    lines = logged(tmp_path / "run")
    assert [line["step"] for line in lines if "losses" in line] == [5, 10, 12]
    assert set(lines[-1]["health"]) == {"generator gradient", "discriminator gradient", "D(real)", "D(fake)"}


def outcome(loss=0.5, gradient=2.0, flat_for=0):
    turn = Turn("generator", {"pixel": torch.tensor(loss)}, {"D(real)": torch.tensor(0.25)}, torch.tensor(gradient))
    return Outcome([turn], torch.tensor(flat_for), patience=3)


def test_numbers_arrive_under_their_names():
    found = outcome()
    assert not found.is_read
    assert (found.losses, found.health) == ({"pixel": 0.5}, {"generator gradient": 2.0, "D(real)": 0.25})
    assert found.is_read
    found.check()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"loss": float("inf")}, "loss 'pixel' became inf"),
        ({"gradient": float("nan")}, "the gradient of the generator became nan"),
        ({"flat_for": 3}, "one flat value for 3 steps"),
    ],
)
def test_what_went_wrong_is_said(wrong, words):
    with pytest.raises(DivergedError, match=words):
        outcome(**wrong).check()
