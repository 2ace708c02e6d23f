import inspect
import re

import pytest

from srkit import errors
from srkit.errors import SrkitError, UnknownDomainError, nearest_known

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, SrkitError)]
CODES = {
    "SrkitError": 1,
    "UsageError": 2,
    "UnknownDomainError": 2,
    "RecipeError": 3,
    "ModelError": 3,
    "InputError": 4,
    "OutputError": 4,
    "MissingRequirementError": 5,
    "OutOfMemoryError": 5,
    "LostProcessError": 5,
    "PluginError": 5,
    "DivergedError": 6,
    "NetworkOutputError": 1,
}


def test_every_error_has_the_exit_code_of_the_design() -> None:
    assert {c.__name__: c.exit_code for c in CLASSES} == CODES


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_says_when_it_is_raised(error: type[SrkitError]) -> None:
    assert error.__doc__


def test_the_tree_at_the_top_of_the_module_is_the_real_one() -> None:
    drawn = dict(re.findall(r"(?:├──|└──) (\w+) \((\d)\)", errors.__doc__ or ""))
    assert {name: int(code) for name, code in drawn.items()} == {
        name: code for name, code in CODES.items() if name not in ("SrkitError", "UnknownDomainError")
    }


def test_an_unknown_domain_names_the_known_ones_and_what_to_do() -> None:
    text = str(UnknownDomainError("mir", ["mri", "ct"]))
    assert "'mir'" in text
    assert "ct, mri" in text
    assert "srkit plugins list" in text


def test_an_unknown_domain_says_so_where_none_is_installed() -> None:
    assert "none installed" in str(UnknownDomainError("mri", []))


def test_a_near_name_is_suggested_and_a_far_one_is_not() -> None:
    assert nearest_known("scal", ["scale", "model"]) == "; did you mean 'scale'?"
    assert nearest_known("xyz", ["scale", "model"]) == ""
