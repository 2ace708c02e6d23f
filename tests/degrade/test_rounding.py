import numpy as np
import pytest
import torch

from srkit.degrade import apply, as_stored, parse
from srkit.errors import RecipeError
from srkit.image import Encoding

ROUNDING = [{"name": "rounding"}]


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding(np.dtype("uint8")),
        Encoding(np.dtype("int16"), slope=0.25, intercept=-3.0),
        Encoding(np.dtype("uint16"), bits=12),
    ],
)
def test_values_become_what_the_type_can_hold(encoding):
    values = torch.linspace(-50_000, 70_000, 4099, dtype=torch.double).reshape(1, 1, 1, -1)
    found = apply(values, as_stored(parse(ROUNDING), encoding), (1, 1), torch.Generator())
    low, high = encoding.limits
    judge = np.clip(np.rint((values.numpy() - encoding.intercept) / encoding.slope), low, high)
    np.testing.assert_allclose(found, judge * encoding.slope + encoding.intercept, rtol=1e-12)


def test_floats_pass_as_they_are():
    assert as_stored(parse([*ROUNDING, {"name": "area"}]), Encoding(np.dtype("float32"))).steps[0].name == "area"


def test_noise_in_dn_is_rounded_inside_a_choice_too():
    noise = [{"name": "signal_noise", "a": 2.0, "b": 0.01}, {"name": "rounding"}]
    chain = as_stored(parse([{"name": "one_of", "steps": [noise]}]), Encoding(np.dtype("uint16")))
    found = apply(torch.full((1, 1, 64, 64), 400.0), chain, (1, 1), torch.Generator().manual_seed(0))
    assert torch.equal(found, found.round())
    assert float(found.std()) == pytest.approx(np.sqrt(6**2 + 1 / 12), rel=0.05)


def test_what_nobody_completed_is_refused():
    with pytest.raises(RecipeError, match="does not know how samples are stored"):
        apply(torch.zeros(1, 1, 4, 4), parse(ROUNDING), (1, 1), torch.Generator())
    given = parse([{"name": "rounding", "slope": 10}])
    assert float(apply(torch.full((1, 1, 1, 1), 14.0), given, (1, 1), torch.Generator())) == 10


def test_the_noise_free_form_changes_nothing():
    values = torch.rand(1, 1, 4, 4)
    assert apply(values, parse(ROUNDING), (1, 1), None) is values
