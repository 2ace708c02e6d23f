"""The arguments of a call: each known once, with a type, a meaning and a default."""

from typing import get_type_hints

import pytest

from srkit.errors import UsageError
from srkit.grid import Scale
from srkit.plugins import Plugins
from srkit.upscaling import Asked, upscale
from srkit.upscaling.batch import request
from srkit.upscaling.batch.request import ARGUMENTS, DEFAULTS, Request, decisive


def test_every_argument_belongs_to_one_value_and_is_documented() -> None:
    named = [name for names in ARGUMENTS.values() for name in names]
    assert sorted(named) == sorted(get_type_hints(Asked, vars(request)))
    heads = [line.strip().split(", ") for line in (Asked.__doc__ or "").splitlines() if line.startswith("    ")]
    assert set(named) <= {name for head in heads for name in head}


def test_nothing_asked_for_is_the_defaults(plugins: Plugins) -> None:
    assert decisive(dict(DEFAULTS)) == decisive({}) == "[]"
    assert str(Request.of_call({"plugins": plugins})) == str(Request.of_call({**DEFAULTS, "plugins": plugins}))


def test_what_is_asked_for_arrives(plugins: Plugins) -> None:
    found = Request.of_call(
        {
            "plugins": plugins,
            "scale": 3,
            "memory": "2G",
            "consistency": True,
            "shard": "2/5",
            "bands": "3,1",
            "name": "x",
        }
    )
    assert (found.aim.scale, found.wishes.memory, found.fidelity.enforced) == (Scale(3, 3), 2**31, True)
    assert (str(found.keeping.shard), found.choice.channels.given, found.placing.name) == ("2/5", ("3", "1"), "x")


def test_what_changes_outputs_tells_work_apart() -> None:
    assert decisive({"strength": 0.5, "workers": 3, "model": "m"}) == "[('strength', '0.5')]"


def test_what_the_command_line_and_python_leave_to_srkit_is_the_same_work() -> None:
    assert decisive({"precision": "auto", "backend": None}) == decisive({})


def test_an_argument_that_is_none_is_told_of(plugins: Plugins) -> None:
    with pytest.raises(TypeError, match="did you mean 'scale'"):
        upscale("in.npy", "out.npy", skale=2)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="0 workers"):
        Request.of_call({"workers": 0, "plugins": plugins})
