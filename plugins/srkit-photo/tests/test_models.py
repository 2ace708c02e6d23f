"""The models inside the plugin: the grey one is the one for colours, folded."""

from __future__ import annotations

import pytest
import torch

from srkit.models.file import Model, load_model
from srkit.models.shelf import model_path
from srkit.plugins import load_plugins


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    plugins = load_plugins()
    return {name: load_model(model_path(plugins, name), plugins) for name in ("photo-x4", "photo-x4-grey")}


def test_the_grey_model_gives_the_mean_of_what_that_for_colours_gives_of_three_equal_ones(
    models: dict[str, Model],
) -> None:
    lr = 2 * torch.rand(1, 1, 24, 31, generator=torch.Generator().manual_seed(0)) - 1
    with torch.no_grad():
        colours = models["photo-x4"].generator(lr.expand(-1, 3, -1, -1))
        grey = models["photo-x4-grey"].generator(lr)
    rounding = 2.0**-11  # both are stored as float16, each rounded by itself
    torch.testing.assert_close(grey, colours.mean(1, keepdim=True), rtol=0, atol=4 * rounding)


def test_the_grey_model_is_for_what_the_one_for_colours_is(models: dict[str, Model]) -> None:
    colours, grey = models["photo-x4"].info, models["photo-x4-grey"].info
    assert (grey.domain, grey.scale, grey.normalizer) == (colours.domain, colours.scale, colours.normalizer)
    assert (grey.degradation, grey.seen, grey.perceptual) == (colours.degradation, colours.seen, False)
    assert (colours.channels, grey.channels, grey.inputs) == (3, 1, ())
