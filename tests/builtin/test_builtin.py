import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from srkit import plugins as verbs
from srkit.degrade import apply
from srkit.errors import RecipeError
from srkit.grid import Scale
from srkit.plugins import Plugins


def test_the_core_alone_loads_and_answers_every_verb_that_has_a_default(plugins: Plugins) -> None:
    assert [plugin.name for plugin in plugins.loaded] == ["core"]
    assert plugins.failed == []
    for verb in ("degradation", "split", "patches", "normalizer", "fit_normalizer", "networks", "losses", "metrics"):
        assert plugins.answering(f"srkit_{verb}") == ["core"]


def test_loading_the_core_imports_no_heavy_library() -> None:
    code = (
        "import sys; from srkit.plugins import load_plugins; p = load_plugins(environment={'SRKIT_PLUGINS': ''}); "
        "print(*(set(sys.modules) & {'torch', 'monai', 'scipy', 'safetensors'}), p.failed)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_networks_are_built_from_plain_values(plugins: Plugins) -> None:
    networks = verbs.networks(plugins)
    generator = networks["srresnet"].build(ndim=2, channels=1, scale=[2, 2], features=4, blocks=1)
    judge = networks["vgg"].build(ndim=2, channels=1, features=2, dense=4)
    assert networks["srresnet"].kind == "generator"
    assert networks["vgg"].kind == "discriminator"
    assert judge.eval()(generator.eval()(torch.rand(1, 1, 8, 8))).shape == (1, 1)


@pytest.mark.parametrize("name", ["mse", "l1", "charbonnier", "checkerboard"])
def test_content_losses_map_two_images_to_a_scalar(plugins: Plugins, name: str) -> None:
    loss = verbs.losses(plugins)[name].build()
    assert isinstance(loss, nn.Module)
    assert loss(torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)).shape == ()


def test_perceptual_and_adversarial_losses_are_known_by_name(plugins: Plugins) -> None:
    assert {"vgg19", "stvgg16", "adversarial"} <= verbs.losses(plugins).keys()
    assert verbs.losses(plugins)["adversarial"].build().generator(torch.zeros(1, 1)).shape == ()


def test_metrics_take_arrays_in_stored_units(plugins: Plugins) -> None:
    hr = np.random.default_rng(0).uniform(0, 100, (1, 32, 32))
    metrics = verbs.metrics(plugins)
    usual = {name: metric for name, metric in metrics.items() if not metric.on_request}
    found = {name: metric.of(hr + 1, hr, None, 100.0, 2) for name, metric in usual.items()}
    assert found["mse"] == pytest.approx(1)
    assert found["psnr"] == pytest.approx(40)
    assert 0.9 < found["ssim"] <= 1
    assert {name: metric.higher_is_better for name, metric in metrics.items()} == {
        "psnr": True,
        "ssim": True,
        "mse": False,
        "ms_ssim": True,
        "sam": False,
        "uiqi": True,
        "bias": False,
        "cpsnr": True,
        "st_lpips": False,
        "lpips": False,
        "lpips_vgg": False,
        "ergas": False,
    }


def test_the_default_degradation_is_antialiased_bicubic(plugins: Plugins, source: Callable[..., Any]) -> None:
    degradation = verbs.degradation(plugins, "any", None, source(np.zeros((1, 8, 8))), Scale(2, 2))
    hr = torch.rand(1, 1, 16, 16)
    judge = torch.nn.functional.interpolate(hr, scale_factor=0.5, mode="bicubic", antialias=True)
    torch.testing.assert_close(apply(hr, degradation, (2, 2)), judge)


def test_a_recipes_degradation_is_checked(plugins: Plugins, source: Callable[..., Any]) -> None:
    image = source(np.zeros((1, 8, 8)))
    found = verbs.degradation(plugins, "any", [{"name": "gaussian", "mtf": 0.3}], image, Scale(2, 2))
    assert [(step.name, step.parameters) for step in found.steps] == [("gaussian", {"mtf": 0.3})]
    with pytest.raises(RecipeError, match="did you mean 'gaussian'"):
        verbs.degradation(plugins, "any", [{"name": "gausian"}], image, Scale(2, 2))


def test_specs_of_other_kinds_are_left_to_others(plugins: Plugins, source: Callable[..., Any]) -> None:
    assert verbs.fit_normalizer(plugins, "any", {"kind": "other"}, []) == {"kind": "other"}
