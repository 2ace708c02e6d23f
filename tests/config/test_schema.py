"""The schema that editors check recipes by agrees with srkit on what a recipe may say."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from srkit.config import recipe_schema
from srkit.config.layers import plain, read_layer

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
VALIDATOR = Draft202012Validator(recipe_schema())


def read(text: str) -> object:
    return yaml.safe_load(text)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(recipe_schema())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_recipes_pass_and_name_it(path: Path) -> None:
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=recipe.schema.json"
    assert not list(VALIDATOR.iter_errors(plain(read_layer(path))))


@pytest.mark.parametrize(
    "text",
    [
        "scale: 2",
        "scale: [2, 2]",
        "scale: '1,1,4'",
        "phases: [{learning_rate: 0.001}]",
        "phases: [{learning_rate: [[0, 0.001], [9, 0.0001]]}]",
        "data: {path: scans}",
        "data: {path: [a, b], patch: [8, 16, 16]}",
        "losses: {pixel: {kind: l1, eps: 3}}",
    ],
)
def test_every_way_of_writing_passes(text: str) -> None:
    assert not list(VALIDATOR.iter_errors(read(text)))


@pytest.mark.parametrize(
    "text", ["scal: 2", "data: {bach: 4}", "scale: 0", "phases: [{learning_rate: 0}]", "ema: 1", "roles: [rows]"]
)
def test_what_srkit_refuses_is_marked(text: str) -> None:
    assert list(VALIDATOR.iter_errors(read(text)))
