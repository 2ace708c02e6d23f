"""What a model says about itself."""

import json

from srkit.training import resolve_recipe
from srkit.training.running.modelling import portable


def test_a_portable_recipe_has_no_paths(toy_plugins, tmp_path):
    overrides = (f"data.path={tmp_path}", f"data.split_file={tmp_path}/s.csv", f"losses.pixel.weights={tmp_path}/w.pth")
    content = portable(resolve_recipe(toy_plugins, domain="toy", overrides=overrides))
    assert str(tmp_path) not in json.dumps(content)
    assert content["losses"]["pixel"]["weights"] == "w.pth"


def test_where_measured_pairs_lie_is_told_by_name_alone(toy_plugins, tmp_path):
    overrides = (f"data.pairs.lr={tmp_path}/people/pairs.csv",)
    content = portable(resolve_recipe(toy_plugins, domain="toy", overrides=overrides))
    assert content["data"]["pairs"]["lr"] == "pairs.csv"
