"""What was drawn to make LR is written down, and comes again with a run that goes on."""

from srkit.evaluation import evaluate
from srkit.grid import Scale
from srkit.training import resolve_recipe, train

RANGES = (
    'degradation=[{"name": "gaussian", "sigma": {"from": 0.3, "to": 1.5}}, '
    '{"name": "gaussian_noise", "sigma": {"from": 1, "to": 40}}]'
)
SHORT = ("phases.0.steps=6", "log_every=2", "validate_every=0", "samples_every=0", "checkpoint_every=2", "seed=3")


def test_each_image_of_a_logged_step_has_a_line(toy_plugins, toy_data, tmp_path, stop_at, logged):
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=[*SHORT, RANGES])
    train(recipe, data=toy_data, out=tmp_path / "whole", plugins=toy_plugins)
    found = logged(tmp_path / "whole", name="degradations.jsonl")
    assert [(line["step"], line["image"]) for line in found] == [(s, i) for s in (2, 4, 6) for i in (0, 1)]
    assert len({line["degradation"][0]["sigma"] for line in found}) == 6
    stopped = tmp_path / "stopped"
    train(recipe, data=toy_data, out=stopped, plugins=toy_plugins, progress=stop_at(3))
    with (stopped / "degradations.jsonl").open("a") as file:
        file.write('{"step": 5, "image": 0, "degradation": []}\n{"step": 6, "im')  # what a crash leaves
    train(None, out=stopped, resume=True, plugins=toy_plugins)
    assert logged(stopped, name="degradations.jsonl") == found


def test_without_ranges_there_is_no_record(toy_plugins, toy_data, tmp_path):
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=SHORT)
    train(recipe, data=toy_data, out=tmp_path / "run", plugins=toy_plugins)
    assert not (tmp_path / "run" / "degradations.jsonl").exists()


def test_an_evaluation_says_what_was_drawn_for_each_item(toy_plugins, toy_data):
    steps = [{"name": "gaussian", "sigma": {"from": 0.3, "to": 1.5}}]
    first, second = (
        evaluate(toy_data, scale=Scale(2, 2), domain="toy", degradation=steps, plugins=toy_plugins).as_dict()["rows"]
        for _ in range(2)
    )
    assert first == second
    sigmas = {row["item"]: row["degradation"][0]["sigma"] for row in first}
    assert len(set(sigmas.values())) == len(sigmas) == 6
