import io

import numpy as np
import pytest
import torch
from PIL import Image

from srkit.degrade import apply, as_stored, parse
from srkit.errors import InputError, RecipeError
from srkit.image import Encoding

JPEG = {"name": "jpeg", "quality": 50}


def through(values, **parameters):
    return apply(values, parse([{"name": "jpeg", **parameters}]), (1, 1), torch.Generator())


def smooth(*shape):
    rng = np.random.default_rng(3)
    coarse = torch.from_numpy(rng.uniform(0, 255, (*shape[:2], 5, 5))).float()
    return torch.nn.functional.interpolate(coarse, shape[2:], mode="bicubic").clamp(0, 255)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_three_channels_are_what_pillow_makes_of_an_rgb_picture(subsampling):
    values = smooth(2, 3, 37, 45)
    found = through(values, quality=62.3, subsampling=subsampling)
    for sample, result in zip(values, found, strict=True):
        file = io.BytesIO()
        picture = Image.fromarray(sample.round().byte().permute(1, 2, 0).numpy())
        picture.save(file, "JPEG", quality=62, subsampling=subsampling)
        np.testing.assert_array_equal(result.permute(1, 2, 0), np.asarray(Image.open(file)))


def test_other_numbers_of_channels_are_grey_each():
    values = smooth(1, 4, 16, 24)
    found = through(values, quality=50)
    for channel in range(4):
        alone = through(values[:, channel : channel + 1], quality=50)
        torch.testing.assert_close(found[:, channel : channel + 1], alone, rtol=0, atol=0)


def test_less_quality_costs_more():
    values = smooth(1, 3, 64, 64) + 20 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    values = values.clamp(0, 255)
    errors = [float((through(values, quality=q) - values).square().mean()) for q in (95, 60, 30, 5)]
    assert errors == sorted(errors)
    assert 2 * errors[0] < errors[-1]


def test_values_beyond_8_bits_are_clipped():
    assert through(torch.full((1, 1, 8, 8), 300.0), quality=90).max() == 255
    assert through(torch.full((1, 1, 8, 8), -4.0), quality=90).min() == 0


def test_the_noise_free_form_changes_nothing():
    values = smooth(1, 3, 16, 16)
    assert apply(values, parse([{"name": "jpeg", "quality": 30}]), (1, 1), None) is values


@pytest.mark.parametrize("step", [JPEG, {"name": "one_of", "steps": [[JPEG]]}])
@pytest.mark.parametrize("encoding", [Encoding(np.dtype("uint16")), Encoding(np.dtype("uint8"), slope=0.5)])
def test_other_types_than_plain_8_bits_are_refused(step, encoding):
    with pytest.raises(InputError, match="8-bit samples"):
        as_stored(parse([step]), encoding)
    assert as_stored(parse([step]), Encoding(np.dtype("uint8")))


@pytest.mark.parametrize("parameters", [{}, {"quality": 0}, {"quality": 101}, {"quality": 50, "subsampling": "4:1:1"}])
def test_a_wrong_parameter_is_refused(parameters):
    with pytest.raises(RecipeError, match="jpeg"):
        parse([{"name": "jpeg", **parameters}])
