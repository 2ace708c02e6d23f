"""The arguments of a call of `evaluate`: each documented, and brought into one form."""

from pathlib import Path

import pytest

from srkit.errors import UsageError
from srkit.evaluation import Asked, evaluate
from srkit.evaluation.request import Request
from srkit.grid import Scale


def test_every_argument_is_documented():
    heads = [line.strip().split(", ") for line in Asked.__doc__.splitlines() if line.startswith("    ")]
    assert set(Asked.__annotations__) <= {name for head in heads for name in head}


@pytest.mark.parametrize("scale", [3, "3", [3, 3], Scale(3, 3)])
def test_a_scale_may_be_number_text_or_value(toy_plugins, scale):
    assert Request.of_call({"scale": scale, "plugins": toy_plugins}).scale == Scale(3, 3)


@pytest.mark.parametrize("models", ["bicubic", Path("bicubic"), ["bicubic"], (Path("bicubic"),)])
def test_one_model_needs_no_list(toy_plugins, models):
    assert Request.of_call({"models": models, "plugins": toy_plugins}).models == ("bicubic",)


def test_what_is_none_is_the_default_and_options_are_complete(toy_plugins):
    given = dict.fromkeys(Asked.__annotations__) | {"plugins": toy_plugins, "options": {"toy": {"invert": True}}}
    found = Request.of_call(given)
    assert (found.models, found.scale, found.metrics) == ((), None, ())
    assert found.session.options["toy"]["invert"] is True
    assert found.progress(0, 1, "item") is None


def test_an_argument_that_there_is_not_is_told_of(toy_plugins, tmp_path):
    with pytest.raises(TypeError, match="did you mean 'models'"):
        evaluate(tmp_path, model="bicubic")
    with pytest.raises(UsageError, match="scale 'x'"):
        evaluate(tmp_path, scale="x", plugins=toy_plugins)
    with pytest.raises(UsageError, match="did you mean 'lanczos'"):
        evaluate(tmp_path, interpolations=["lancsoz"], plugins=toy_plugins)


def test_interpolations_are_shown_that_were_asked_for(toy_plugins, save_array):
    table = evaluate(save_array("s_image"), models="bicubic", interpolations=["nearest"], plugins=toy_plugins)
    assert table.models == ("bicubic", "nearest")
    assert evaluate(save_array("s_image"), models="bicubic", interpolations=[], plugins=toy_plugins).models == (
        "bicubic",
    )
