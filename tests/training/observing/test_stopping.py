"""A phase ends where held-out figures no longer rise, and stays ended."""

import json

import pytest

from srkit.training import resolve_recipe, train
from srkit.training.learning.loop import Progress, StepReport
from srkit.training.observing.stopping import EarlyStopping


class Phase:
    def __init__(self, name, steps):
        self.name, self.steps = name, steps


def validated(stopping, progress, phase, *figures):
    for psnr in figures:
        progress.phase_step += 10
        stopping.on_validation(StepReport(progress.phase_step, 1000, phase, {}, 1e-3), {"psnr": psnr})


@pytest.mark.parametrize(
    ("figures", "end"),
    [((1, 2, 3, 4, 5, 6), 100), ((5, 4, 3), 30), ((5, 4, 6, 5, 7, 7, 7), 70), ((5, float("nan"), 4), 100)],
)
def test_so_many_validations_without_a_better_figure_end_a_phase(figures, end):
    phase, progress = Phase("content", 100), Progress()
    stopping = EarlyStopping([phase], {"content": 2}, progress, {})
    validated(stopping, progress, phase, *figures)
    assert phase.steps == end


def test_a_phase_without_patience_goes_on():
    phase, progress = Phase("content", 100), Progress()
    validated(EarlyStopping([phase], {"content": 0}, progress, {}), progress, phase, 5, 4, 3, 2, 1)
    assert phase.steps == 100


def test_a_run_that_is_resumed_counts_on():
    notes, progress, phase = {}, Progress(), Phase("content", 100)
    validated(EarlyStopping([phase], {"content": 3}, progress, notes), progress, phase, 5, 4, 4)
    notes = json.loads(json.dumps(notes))
    validated(EarlyStopping([phase], {"content": 3}, progress, notes), progress, phase, 4)
    assert phase.steps == 40
    again = Phase("content", 100)
    EarlyStopping([again], {"content": 3}, Progress(), json.loads(json.dumps(notes)))
    assert again.steps == 40


def test_a_run_ends_early_and_goes_on_to_its_next_phase(toy_plugins, toy_data, tmp_path, logged):
    phases = (
        "phases=[{name: one, steps: 50, learning_rate: 1e-30, patience: 2, losses: {pixel: 1}},"
        " {name: two, steps: 3, losses: {pixel: 1}}]"
    )
    losses = "losses={pixel: {kind: l1}}"
    recipe = resolve_recipe(
        toy_plugins, domain="toy", overrides=[losses, phases, "validate_every=2", "samples_every=0", "log_every=1"]
    )
    result = train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    lines = logged(tmp_path / "run")
    steps = {name: sum(line.get("phase") == name and "losses" in line for line in lines) for name in ("one", "two")}
    assert steps["two"] == 3
    assert steps["one"] < 50
    assert result.steps == result.total == steps["one"] + 3
    again = train(None, out=tmp_path / "run", plugins=toy_plugins, resume=True)
    assert (again.steps, again.total) == (result.steps, result.total)
