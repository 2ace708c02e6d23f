"""A recipe is found, and held to its domain."""

import pytest

from srkit.errors import RecipeError
from srkit.training import resolve_recipe


def test_an_unknown_option_of_the_domain_is_refused(toy_plugins):
    with pytest.raises(RecipeError, match="did you mean 'invert'"):
        resolve_recipe(toy_plugins, domain="toy", overrides=["options.inver=true"])
