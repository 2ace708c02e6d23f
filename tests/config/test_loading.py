from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from srkit.config import Recipe, load_recipe
from srkit.errors import RecipeError

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def recipe(*overrides: str, **arguments) -> Recipe:
    return load_recipe(None, domain="mri", overrides=overrides, **arguments)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_can_be_left_out():
    assert recipe().domain == "mri"
    assert recipe().steps > 0


def test_the_order_of_precedence_is_core_then_domain_then_file_then_override(tmp_path):
    defaults = {"mri": {"seed": 1, "data": {"batch": 2, "workers": 3}, "scale": 4}}
    path = written(tmp_path, "domain: mri\nseed: 5\ndata: {workers: 6}\n")
    loaded = load_recipe(path, domain_defaults=defaults, overrides=["data.workers=0"])
    assert (loaded.scale, loaded.seed, loaded.data.batch, loaded.data.workers) == ((4, 4, 1), 5, 2, 0)


def test_defaults_of_another_domain_are_not_used():
    assert load_recipe(None, domain="ct", domain_defaults={"mri": {"seed": 1}}).seed == 0


def test_a_section_of_another_name_keeps_no_foreign_parameters(tmp_path):
    path = written(tmp_path, "domain: mri\nnetwork: {name: other, parameters: {depth: 3}}\n")
    assert load_recipe(path).network.parameters == {"depth": 3}


def test_the_top_name_does_not_replace_the_defaults(tmp_path):
    path = written(tmp_path, "domain: mri\nname: mine\n")
    loaded = load_recipe(path, domain_defaults={"mri": {"name": "theirs", "seed": 3}})
    assert (loaded.name, loaded.seed) == ("mine", 3)


def test_an_exponent_without_a_point_is_a_number(tmp_path):
    path = written(tmp_path, "domain: mri\nlosses: {pixel: {kind: l1, eps: 1e-4}}\n")
    loaded = load_recipe(path, overrides=["phases.0.learning_rate=1e-5"])
    assert loaded.losses["pixel"].parameters == {"eps": 1e-4}
    assert loaded.phases[0].learning_rate == ((0, 1e-5),)


@pytest.mark.parametrize(
    ("text", "factors"),
    [("2", (2, 2, 1)), ("[2,2]", (2, 2, 1)), ("[1,1,4]", (1, 1, 4)), ("1,1,4", (1, 1, 4)), ("'3'", (3, 3, 1))],
)
def test_scales_are_written_in_three_ways(text, factors):
    assert recipe(f"scale={text}").scale == factors


def test_a_scale_along_slices_asks_for_a_volume_network():
    loaded = recipe("scale=[1,1,4]")
    assert loaded.network_roles == ("slice", "row", "column")
    assert loaded.network_scale == (4, 1, 1)
    assert all(size % factor == 0 for size, factor in zip(loaded.patch, loaded.network_scale, strict=True))


def test_a_plane_network_may_look_along_slices():
    assert recipe("scale=[1,1,4]", "roles=[slice,column]").network_scale == (4, 1)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("scal=2", ["'scal'", "did you mean 'scale'"]),
        ("phases.0.stepps=2", ["phases.0.stepps", "did you mean 'steps'"]),
        ("data.split.trian=1", ["data.split.trian", "did you mean 'train'"]),
        ("phases.0.losses.pxel=1", ["'pxel'", "did you mean 'pixel'"]),
        ("data.patch=33", ["data.patch 33", "multiple of the scale 2"]),
        ("data.patch=[8,8,8]", ["one size for each of row, column"]),
        ("scale=0", ["scale.0", "greater than or equal to 1"]),
        ("scale=[2,2,2,2]", ["scale"]),
        ("roles=[row,row]", ["roles"]),
        ("roles=[slice,row]", ["needs a network along column"]),
        ("data.split.train=0.9", ["add up to 1.1"]),
        ("phases.0.learning_rate=[[5,1e-4]]", ["begin at step 0"]),
        ("phases.0.learning_rate=.nan", ["learning_rate"]),
        ("phases.7.steps=1", ["no entry 7"]),
        ("seed", ["section.key=value"]),
        ("=1", ["section.key=value"]),
        ("seed=[1", ["is no YAML"]),
    ],
)
def test_a_mistake_is_named_with_its_place(override, words):
    with pytest.raises(RecipeError) as caught:
        recipe(override)
    for word in words:
        assert word in str(caught.value)


def test_all_unknown_keys_are_told_at_once_each_with_its_suggestion(tmp_path):
    text = "domain: mri\nscal: 2\ndata: {bach: 4, agment: true}\nphases: [{name: a, stepps: 1, losses: {pixel: 1}}]\n"
    with pytest.raises(RecipeError) as caught:
        load_recipe(written(tmp_path, text))
    first, *lines = str(caught.value).splitlines()
    assert first.endswith("recipe.yaml: unknown keys:")
    assert sorted(lines) == [
        "  'data.agment'; did you mean 'augment'?",
        "  'data.bach'; did you mean 'batch'?",
        "  'phases.0.stepps'; did you mean 'steps'?",
        "  'scal'; did you mean 'scale'?",
    ]


def test_keys_that_are_near_no_other_are_told_together_with_those_there_are():
    with pytest.raises(RecipeError) as caught:
        recipe("data.qqq=1", "data.zzz=1")
    message = str(caught.value)
    assert "unknown keys 'data.qqq', 'data.zzz'; known are accumulate, augment, batch" in message
    assert "\n" not in message
    with pytest.raises(RecipeError, match=r"unknown key 'data\.qqq'; known are accumulate"):
        recipe("data.qqq=1")


def test_an_unknown_key_is_told_before_what_it_was_meant_to_say(tmp_path):
    path = written(tmp_path, "domain: mri\ndegradation: [{name: bicubic}]\nphases: [{nam: a, losses: {pixel: 1}}]\n")
    with pytest.raises(RecipeError, match=r"unknown key 'phases\.0\.nam'; did you mean 'name'\?$"):
        load_recipe(path)


def test_a_file_about_something_else_does_not_flood_the_screen(tmp_path):
    keys = "".join(f"seed{number}: 1\n" for number in range(40))
    with pytest.raises(RecipeError) as caught:
        load_recipe(written(tmp_path, f"domain: mri\n{keys}"))
    lines = str(caught.value).splitlines()
    assert len(lines) == 14
    assert lines[-1] == "  and 28 more"


def test_two_phases_of_one_name_are_refused(tmp_path):
    path = written(tmp_path, "domain: mri\nphases: [{name: a, steps: 1, losses: {pixel: 1}}]\n")
    twice = yaml.safe_load(path.read_text())
    twice["phases"] *= 2
    path.write_text(yaml.safe_dump(twice))
    with pytest.raises(RecipeError, match="names of their own"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed: 1\n", "names no domain"),
        ("- 1\n", "no mapping"),
        ("a: [\n", "is no YAML"),
        ("domain: mri\nseed: 1\nseed: 2\n", "given twice"),
        ("domain: !!python/name:os.system\n", "is no YAML"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path, text, words):
    with pytest.raises(RecipeError, match=words):
        load_recipe(written(tmp_path, text))


def test_a_missing_file_is_a_recipe_error(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml")


def test_a_recipe_is_frozen():
    with pytest.raises(ValidationError):
        recipe().seed = 3


@given(
    scale=st.sampled_from(["2", "[3,3]", "[1,1,4]", "[2,2,2]"]),
    seed=st.integers(0, 2**40),
    rate=st.floats(1e-9, 1.0),
)
@settings(max_examples=20, deadline=None)
def test_what_is_written_reads_back_equal(tmp_path_factory, scale, seed, rate):
    first = recipe(f"scale={scale}", f"seed={seed}", f"phases.0.learning_rate={rate!r}", "data.path=[a,b]")
    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    path.write_text(first.to_yaml(), encoding="utf-8")
    assert load_recipe(path) == first


def test_the_learning_rate_follows_its_milestones():
    phase = recipe("phases.0.learning_rate=[[0,1e-4],[10,1e-5]]").phases[0]
    assert [phase.learning_rate_at(step) for step in (0, 9, 10, 99)] == [1e-4, 1e-4, 1e-5, 1e-5]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid(path):
    assert load_recipe(path).steps > 0
