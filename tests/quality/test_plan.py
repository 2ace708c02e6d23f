"""What a model is judged under: the form that it declares, noise, and what it may or may not have been trained on."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from srkit.errors import ModelError
from srkit.models.file import read_info

GAUSSIAN = {"name": "gaussian", "sigma": {"from": 0.4, "to": 0.6}}
NOISE = {"name": "gaussian_noise", "sigma": {"from": 2, "to": 30}}


@pytest.mark.parametrize(
    ("degradation", "trained_on"),
    [
        ([GAUSSIAN], {"noise-free"}),
        ([GAUSSIAN, NOISE], {"noise-free", "noise of 20"}),
        ([GAUSSIAN, {**NOISE, "sigma": {"from": 2, "to": 19}}], {"noise-free"}),
        (
            [{"name": "one_of", "weights": [3, 1, 1], "steps": [GAUSSIAN, {"name": "area"}, [{"name": "bicubic"}]]}],
            {"noise-free", "box mean", "antialiased bicubic"},
        ),
        ([{"name": "gaussian", "sigma": {"any": [0.4, 0.5], "weights": [1, 2]}}], {"noise-free"}),
    ],
)
def test_conditions_that_training_could_have_drawn_are_known(
    degradation: list[dict[str, Any]], trained_on: set[str], model: Path, given: argparse.Namespace
) -> None:
    from plan import plan_for

    plan = plan_for(replace(read_info(model), degradation=tuple(degradation)), given.plan)
    assert plan.trained_on == trained_on
    assert [condition.title for condition in plan.conditions if condition.own] == ["noise-free", "noise of 20"]


def test_models_may_be_measured_at_a_time(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from make import main

    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path in paths:
        path.write_bytes(b"no model")
    assert main([*map(str, paths), "--jobs", "2"]) == ModelError.exit_code
    assert capfd.readouterr().err.startswith("error: ")
