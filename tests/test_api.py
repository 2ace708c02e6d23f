import inspect
from pathlib import Path

import numpy as np
import pytest

import srkit
from srkit import api
from srkit.errors import RecipeError, UsageError


def test_public_names_are_all_there_and_no_more() -> None:
    assert srkit.__all__ == sorted(set(srkit.__all__))
    for name in srkit.__all__:
        assert getattr(srkit, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="absent"):
        srkit.absent  # noqa: B018


@pytest.mark.parametrize("name", ["upscale", "train", "evaluate", "inspect"])
def test_jobs_are_documented_and_take_options_by_keyword(name: str) -> None:
    job = getattr(api, name)
    assert getattr(srkit, name) is job
    assert inspect.getdoc(job)
    positional = [p for p in inspect.signature(job).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(positional) <= 2


def test_resuming_needs_a_folder() -> None:
    with pytest.raises(UsageError, match="--out"):
        srkit.train(resume=True)


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="absent"):
        srkit.train(tmp_path / "absent.yaml")


def test_recipes_of_the_repository_are_found_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from srkit.training.recipes.shelf import find_recipe

    monkeypatch.chdir(tmp_path)
    assert find_recipe("paper-srgan").name == "paper-srgan.yaml"
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "paper-srgan.yaml").write_text("domain: photo\n")
    assert find_recipe("paper-srgan") == Path("configs/paper-srgan.yaml")


def test_a_scale_may_be_text_number_or_value(tmp_path: Path) -> None:
    np.save(tmp_path / "absent.npy", np.zeros(3))
    for scale in (2, "2", srkit.Scale(2, 2)):
        with pytest.raises(UsageError):
            srkit.evaluate(tmp_path / "nothing", scale=scale)
