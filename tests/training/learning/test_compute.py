"""Where and how precisely a run computes."""

import pytest
import torch

from srkit.errors import RecipeError
from srkit.training import resolve_recipe
from srkit.training.learning.compute import choose_compute


def test_a_device_that_is_not_there_is_a_mistake_of_the_recipe(toy_plugins):
    recipe = resolve_recipe(toy_plugins, domain="toy", overrides=["device=cuda:77"])
    with pytest.raises(RecipeError, match="cuda:77"):
        choose_compute(recipe)


def test_a_processor_trains_networks_of_volumes_in_fp32_unless_told_otherwise(toy_plugins, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    chosen = {
        (scale, precision): choose_compute(
            resolve_recipe(
                toy_plugins, domain="toy", overrides=(f"scale={scale}", f"precision={precision}", "device=cpu")
            )
        ).bf16
        for scale in ("2", "[2, 2, 2]")
        for precision in ("auto", "bf16")
    }
    assert chosen == {
        ("2", "auto"): True,
        ("2", "bf16"): True,
        ("[2, 2, 2]", "auto"): False,
        ("[2, 2, 2]", "bf16"): True,
    }
