"""A recipe is shown with where each of its values comes from."""

from pathlib import Path

import pytest

from srkit.config import Recipe, explained, load_recipe, trace_recipe

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def origins(text: str) -> dict[str, str]:
    """Return the origin beside each key's line; of keys that occur twice, the last one's."""
    lines = [line.rpartition("  # ") for line in text.splitlines() if "  # " in line]
    return {entry.partition(":")[0].strip(" -"): origin for entry, _, origin in lines}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_what_is_shown_is_the_recipe(path: Path, tmp_path: Path) -> None:
    shown = explained(trace_recipe(path, overrides=["data.batch=3"]))
    again = tmp_path / "again.yaml"
    again.write_text(shown, encoding="utf-8")
    assert load_recipe(again) == load_recipe(path, overrides=["data.batch=3"])


def test_each_value_says_who_gave_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("domain: mri\ndata: {batch: 2}\nphases: [{name: a, steps: 3, losses: {pixel: 1}}]\n", "utf-8")
    path.write_text(path.read_text() + "losses: {pixel: {kind: l1}}\n", "utf-8")
    defaults = {"mri": {"data": {"batch": 9, "workers": 1}, "normalizer": {"kind": "percentile", "low": 1}}}
    overrides = ["phases.0.steps=7", "ema=0.9"]
    found = origins(explained(trace_recipe(path, domain_defaults=defaults, overrides=overrides)))
    assert found["domain"] == str(path)
    assert (found["batch"], found["workers"], found["augment"]) == (str(path), "domain mri", "default")
    assert (found["steps"], found["ema"]) == ("--set phases.0.steps", "--set ema")
    assert found["low"] == "domain mri"
    assert found["blocks"] == "srkit"


def test_a_section_that_was_replaced_names_only_the_new_one(tmp_path: Path) -> None:
    overrides = ["network={name: other, parameters: {depth: 3}}"]
    found = origins(explained(trace_recipe(None, domain="mri", overrides=overrides)))
    assert found["domain"] == "--domain"
    assert found["depth"] == "--set network"
    assert "blocks" not in found


def test_without_a_file_the_defaults_are_srkits() -> None:
    original = trace_recipe(None, domain="mri")
    assert isinstance(original.recipe, Recipe)
    assert origins(explained(original))["skip"] == "srkit"
