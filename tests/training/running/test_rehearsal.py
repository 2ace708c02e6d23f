import time

import pytest
import torch

from srkit.errors import DivergedError, RecipeError
from srkit.models.file import read_info
from srkit.training import resolve_recipe, train
from srkit.training.running.rehearsal import rehearse

SHORT = ("phases.0.steps=2", "log_every=1", "validate_every=0", "samples_every=0", "checkpoint_every=2")
SRGAN = (
    "discriminator={name: vgg, parameters: {features: 2, dense: 4, pooled: 1}}",
    "losses={pixel: {kind: l1}, adversarial: {kind: adversarial}}",
    "phases=[{name: content, steps: 40, losses: {pixel: 1}}, "
    "{name: game, steps: 10, losses: {pixel: 1, adversarial: 0.1}}]",
)


def test_it_tells_what_the_run_then_is(toy_plugins, toy_data, tmp_path):
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=SHORT)
    found = rehearse(toy_plugins, recipe, [toy_data])
    result = train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    info = read_info(result.model)
    assert found.items["train"] == info.training["items"]
    assert (found.split, found.left_out) == (result.split, result.left_out)
    assert (found.lr, found.hr) == ((2, 1, 8, 8), (2, 1, 16, 16))
    checkpoint = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]
    assert found.checkpoint_bytes == pytest.approx(checkpoint.stat().st_size, rel=0.02)
    kept = sum(path.stat().st_size for path in (tmp_path / "run").rglob("*.safetensors"))
    assert kept <= found.disk_bytes * 1.6


def test_each_phase_is_timed(toy_plugins, toy_data):
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=[*SHORT[1:], *SRGAN])
    begin = time.perf_counter()
    found = rehearse(toy_plugins, recipe, [toy_data])
    wall = time.perf_counter() - begin
    assert [(phase.name, phase.steps, phase.parts) for phase in found.phases] == [("content", 40, 1), ("game", 10, 1)]
    assert 0 < sum(2 * phase.step_seconds for phase in found.phases) < wall
    assert found.seconds >= sum(phase.steps * phase.step_seconds for phase in found.phases) - 1e-9
    assert set(found.parameters) == {"generator", "discriminator"}
    assert found.memory_bytes > 2**24


def test_it_leaves_nothing_behind(toy_plugins, toy_data, tmp_path, monkeypatch):
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    before = torch.get_rng_state()
    rehearse(toy_plugins, resolve_recipe(toy_plugins, domain="toy", overrides=SHORT), [toy_data])
    assert list(room.iterdir()) == []
    assert torch.equal(torch.get_rng_state(), before)


def test_what_would_stop_the_run_stops_it_here(toy_plugins, toy_data, tmp_path):
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=SHORT)
    with pytest.raises(RecipeError, match="does not exist"):
        rehearse(toy_plugins, recipe, [tmp_path / "nowhere"])
    odd = resolve_recipe(toy_plugins, domain="toy", overrides=[*SHORT, "network.parameters.fetures=8"])
    with pytest.raises(RecipeError, match="did you mean 'features'"):
        rehearse(toy_plugins, odd, [toy_data])
    wild = resolve_recipe(toy_plugins, domain="toy", overrides=[*SHORT, "phases.0.learning_rate=1e6"])
    with pytest.raises(DivergedError):
        rehearse(toy_plugins, wild, [toy_data])
