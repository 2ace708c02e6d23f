"""What a model says about itself."""

import json

from srkit.training import resolve_recipe
from srkit.training.running.modelling import portable


def test_a_portable_recipe_has_no_paths(toy_plugins, tmp_path):
    overrides = (f"data.path={tmp_path}", f"data.split_file={tmp_path}/s.csv", f"losses.pixel.weights={tmp_path}/w.pth")
    content = portable(resolve_recipe(toy_plugins, domain="toy", overrides=overrides))
    assert str(tmp_path) not in json.dumps(content)
    assert content["losses"]["pixel"]["weights"] == "w.pth"
