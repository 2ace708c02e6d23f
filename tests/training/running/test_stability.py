"""Running mean, ramp, clipping, R1, health, and the guard: each forced."""

import re
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from srkit.errors import DivergedError
from srkit.models.file import load_model
from srkit.plugins import CORE, GROUP, load_plugins
from srkit.training import resolve_recipe, train
from srkit.training.learning.flatness import Flatness
from srkit.training.running.guard import guarded

GAN = """
domain: toy
discriminator: {name: DISCRIMINATOR, parameters: {features: 2}}
losses: {pixel: {kind: l1}, adversarial: {kind: adversarial, game: GAME, r1: 0.1}}
phases:
  - {name: content, steps: 3, learning_rate: 1e-3, losses: {pixel: 1}}
  - name: gan
    steps: 3
    learning_rate: 1e-3
    losses: {pixel: 1, adversarial: 0.1}
    adversarial_ramp: 2
    gradient_clip: 1
ema: 0.9
log_every: 1
validate_every: 0
samples_every: 0
checkpoint_every: 2
"""


def gan(plugins, tmp_path, discriminator="unet", game="relativistic", overrides=()):
    path = tmp_path / "gan.yaml"
    path.write_text(GAN.replace("DISCRIMINATOR", discriminator).replace("GAME", game))
    return resolve_recipe(plugins, path, overrides=overrides)


@pytest.mark.parametrize(("discriminator", "game"), [("unet", "relativistic"), ("patch", "hinge")])
def test_a_game_of_all_means_resumes_to_the_same_bits(toy_plugins, toy_data, tmp_path, discriminator, game, stop_at):
    recipe = gan(toy_plugins, tmp_path, discriminator, game)
    train(recipe, data=toy_data, out=tmp_path / "whole", plugins=toy_plugins)
    train(recipe, data=toy_data, out=tmp_path / "parts", plugins=toy_plugins, progress=stop_at(5))
    train(None, out=tmp_path / "parts", plugins=toy_plugins, resume=True)
    whole, parts = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_log_tells_the_discriminators_health(toy_plugins, toy_data, tmp_path, logged):
    notes = []
    recipe, tell = gan(toy_plugins, tmp_path), lambda done, total, note: notes.append(note)
    train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins, progress=tell)
    assert "D(real)" not in notes[0]
    assert re.search(r"^gan: .*D\(real\) 0\.\d+ D\(fake\) 0\.\d+ · ", notes[-1])
    lines = {line["step"]: line["health"] for line in logged(tmp_path / "run") if "health" in line}
    assert set(lines[1]) == {"generator gradient"}
    assert set(lines[6]) == {"generator gradient", "discriminator gradient", "D(real)", "D(fake)"}
    assert 0 < lines[6]["D(real)"] < 1
    assert lines[6]["discriminator gradient"] > 0
    board = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    shown = {event.step: event.value for event in board.Scalars("health/D(real)")}
    assert shown == pytest.approx({step: lines[step]["D(real)"] for step in (4, 5, 6)})


def test_the_running_mean_is_what_is_saved(toy_plugins, toy_data, tmp_path):
    recipe = gan(toy_plugins, tmp_path)
    result = train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    newest = load_file(tmp_path / "run" / "checkpoints" / "step_000000006.safetensors")
    saved = load_model(result.model, toy_plugins).generator.state_dict()
    assert all(torch.equal(saved[name], newest[f"average.{name}"]) for name in saved)
    assert not torch.equal(newest["average.last.weight"], newest["generator.last.weight"])


def test_the_ramp_of_a_recipe_reaches_the_generators_term(toy_plugins, toy_data, tmp_path):
    results = []
    for ramp in (0, 1000):
        recipe = gan(toy_plugins, tmp_path, overrides=(f"phases.1.adversarial_ramp={ramp}",))
        result = train(recipe, data=toy_data, out=tmp_path / f"run{ramp}", plugins=toy_plugins)
        results.append(load_file(result.model))
    assert not torch.equal(results[0]["last.weight"], results[1]["last.weight"])


def with_faults():
    """Return the core, the domain `toy`, and a loss that becomes no number when told to, which counts from 1."""
    here = Path(__file__).parents[2]
    core = [point for point in entry_points(group=GROUP) if point.name == CORE]
    return load_plugins([here / "toy_domain.py", here / "faulty_loss.py"], installed=core, environment={})


@pytest.fixture
def faulty_plugins():
    return with_faults()


def faulty(plugins, tmp_path, first, times):
    overrides = [f"losses.pixel={{kind: faulty, first: {first}, times: {times}}}"]
    return gan(plugins, tmp_path, overrides=overrides)


def test_a_run_that_diverges_once_goes_back_and_on_more_slowly(faulty_plugins, toy_data, tmp_path, caplog, logged):
    recipe = faulty(faulty_plugins, tmp_path, first=4, times=1)
    result = train(recipe, data=toy_data, out=tmp_path / "run", plugins=faulty_plugins)
    assert (result.steps, result.total) == (6, 6)
    assert "gone back to step 3" in caplog.text
    lines = logged(tmp_path / "run")
    rates = [line["learning_rate"] for line in lines if "learning_rate" in line]
    assert rates == [1e-3] * 3 + [5e-4] * 3
    assert [line["step"] for line in lines if "event" in line] == [3]


def rarely_saved(plugins, tmp_path, log_every):
    """A recipe that fails once, at step 5; its only checkpoints are those of steps 0, 3 and 6, the ends of phases."""
    changes = ["losses.pixel={kind: faulty, first: 5, times: 1}", "checkpoint_every=0", f"log_every={log_every}"]
    return gan(plugins, tmp_path, overrides=changes)


def test_what_is_found_a_step_late_is_undone_to_the_same_bits(toy_data, tmp_path, caplog):
    models = []
    for log_every in (1, 0):
        plugins, out = with_faults(), tmp_path / f"run{log_every}"
        result = train(rarely_saved(plugins, tmp_path, log_every), data=toy_data, out=out, plugins=plugins)
        models.append(load_file(result.model))
    assert caplog.text.count("gone back to step 3") == 2
    assert all(torch.equal(tensor, models[1][name]) for name, tensor in models[0].items())


def test_a_run_that_is_interrupted_after_a_bad_step_keeps_its_last_good_state(
    faulty_plugins, toy_data, tmp_path, stop_at
):
    recipe = rarely_saved(faulty_plugins, tmp_path, log_every=0)
    result = train(recipe, data=toy_data, out=tmp_path / "run", plugins=faulty_plugins, progress=stop_at(5))
    assert (result.interrupted, result.steps) == (True, 3)


def test_a_run_that_diverges_before_its_first_checkpoint_begins_again(faulty_plugins, toy_data, tmp_path):
    recipe = faulty(faulty_plugins, tmp_path, first=1, times=1)
    result = train(recipe, data=toy_data, out=tmp_path / "run", plugins=faulty_plugins)
    assert result.steps == 6


def test_a_run_that_diverges_twice_ends_with_code_6(faulty_plugins, toy_data, tmp_path):
    recipe = faulty(faulty_plugins, tmp_path, first=4, times=2)
    with pytest.raises(DivergedError, match=r"'pixel' became nan.*after a return to the last good state") as caught:
        train(
            recipe,
            data=toy_data,
            out=tmp_path / "run",
            plugins=faulty_plugins,
        )
    assert caught.value.exit_code == 6


def test_a_slowed_run_that_is_resumed_stays_slow(faulty_plugins, toy_data, tmp_path, logged, stop_at):
    recipe = faulty(faulty_plugins, tmp_path, first=2, times=1)
    train(
        recipe,
        data=toy_data,
        out=tmp_path / "run",
        plugins=faulty_plugins,
        progress=stop_at(4),
    )
    train(None, out=tmp_path / "run", plugins=faulty_plugins, resume=True)
    rates = {line["step"]: line["learning_rate"] for line in logged(tmp_path / "run") if "learning_rate" in line}
    assert rates[6] == 5e-4


def test_a_run_that_collapses_goes_back_once_and_then_ends(faulty_plugins, toy_data, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("srkit.training.learning.phase.Flatness", partial(Flatness, 3))
    recipe = gan(faulty_plugins, tmp_path, overrides=["network={name: flat}", "ema=0"])
    with pytest.raises(DivergedError, match=r"one flat value for 3 steps.*after a return to the last good") as caught:
        train(recipe, data=toy_data, out=tmp_path / "run", plugins=faulty_plugins)
    assert caught.value.exit_code == 6
    assert "gone back to step 2" in caplog.text


def test_the_guard_leaves_other_failures_alone():
    def run():
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        guarded(run, lambda: 0, [], {})
